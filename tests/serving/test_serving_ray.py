"""The same interface by Ray Serve, on a cluster of this computer."""

import importlib.util
import inspect
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from spacy_binder.serving import DeploymentSettings, deployment

SCRIPT = """
import json, sys, urllib.request
import ray
from ray import serve
from spacy_binder.serving import DeploymentSettings, deployment

model, port, folder = sys.argv[1:]
ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
settings = {"model": model, "limits": {"texts": 2}, "max_replicas": 1}
serve.run(deployment(DeploymentSettings.model_validate(settings)))

def ask(path, body=None):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body and json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)

text = "Captain Torbjørn Eide left Bodø on Tuesday."
answers = ask("/health"), ask("/annotate", {"texts": [text]}), ask("/annotate", {"texts": ["a"] * 3})
print("RESULT", json.dumps(answers))
serve.shutdown()
ray.shutdown()
"""


def test_settings_are_checked_before_anything_starts() -> None:
    with pytest.raises(ValidationError, match="replica"):
        DeploymentSettings.model_validate({"model": "m", "replica": 2})
    with pytest.raises(ValidationError, match="max_replicas"):
        DeploymentSettings.model_validate({"model": "m", "max_replicas": 0})


def test_arguments_of_the_command() -> None:
    """`serve run` has texts, and makes of them what the annotation of the function says."""
    [parameter] = inspect.signature(deployment).parameters.values()
    assert parameter.annotation is DeploymentSettings
    given = DeploymentSettings.model_validate({"model": "m", "max_replicas": "2", "cpus": "0.5"})
    assert (given.max_replicas, given.cpus, given.limits.texts) == (2, 0.5, 100)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module can be imported, and the message names the extra."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"spacy-binder\[ray-serve\]"):
        deployment(DeploymentSettings(model="nowhere"))


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: it is in the extra ray-serve"
)
def test_a_deployment(trained: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("aiohttp", reason="Ray Serve is not installed: it is in the extra ray-serve")
    import spacy

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # Ray makes sockets in the folder, and their paths have to be short.
    folder = tmp_path_factory.mktemp("r")
    arguments = [sys.executable, "-c", SCRIPT, str(trained[0]), str(port), str(folder)]
    # Nothing is sent to Ray's makers.
    env = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=800, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    health, found, refused = json.loads(re.findall(r"^RESULT (.*)$", done.stdout, re.M)[0])
    assert health[0] == 200 and health[1]["status"] == "ok"
    doc = spacy.load(trained[0])("Captain Torbjørn Eide left Bodø on Tuesday.")
    assert len(doc.spans["sc"]) > 0
    expected = [(span.start_char, span.end_char, span.label_) for span in doc.spans["sc"]]
    assert [(one["start"], one["end"], one["label"]) for one in found[1]["results"][0]["spans"]] == expected
    assert refused[0] == 413 and refused[1]["code"] == "B077"
