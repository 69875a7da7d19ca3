"""`spacy binder serve` as a user runs it: a process, requests, a signal, and its exit status."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from project_copy import run_python

from spacy_binder.serving.server import allowed_hosts, bind, is_local

SECONDS = 60
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server(trained: tuple[Path, Path]) -> Iterator[tuple[subprocess.Popen, int]]:
    """A running command, and its port."""
    arguments = [str(trained[0]), "--port", "0", "--max-body", "100000", "--max-texts", "1000", "--wait", "50"]
    command = [sys.executable, "-m", "spacy", "binder", "serve", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        printed = ""
        for line in process.stdout:
            printed += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            pytest.fail(printed)
        try:
            yield process, int(found[1])
        finally:
            process.kill()


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """RETURNS (tuple): Status and body of an answer, by another client than the other tests have."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        given = {"Content-Type": "application/json", **headers}
        connection.request(method, path, body, given, encode_chunked="Transfer-Encoding" in headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_running_server(server: tuple[subprocess.Popen, int]) -> None:
    _, port = server
    assert ask(port, "GET", "/health")[0] == 200
    status, answer = ask(port, "POST", "/annotate", json.dumps({"texts": ["Marta Lindqvist left Bergen."]}))
    assert status == 200 and [*answer["results"][0]] == ["spans"]
    # A body that is too long gets its answer, though its client still sends.
    status, answer = ask(port, "POST", "/annotate", b"x" * 2_000_000)
    assert status == 413 and answer["code"] == "B076"
    endless = (b"x" * 10_000 for _ in range(200))
    status, answer = ask(port, "POST", "/annotate", endless, **{"Transfer-Encoding": "chunked"})
    assert status == 413 and answer["code"] == "B076"
    assert ask(port, "GET", "/labels")[1]["labels"].keys() >= {"PER", "GPE"}
    # Another computer can't connect.
    with socket.socket() as other, pytest.raises(OSError):
        other.settimeout(SECONDS)
        other.connect(("127.0.0.2", port))


def test_sigterm_ends_it_after_the_last_answer(server: tuple[subprocess.Popen, int]) -> None:
    process, port = server
    texts = [f"Captain Torbjørn Eide left Bodø on day {i}." for i in range(100)]
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, port, "POST", "/annotate", json.dumps({"texts": texts})) for _ in range(3)]
        while b"waiting_requests 0" in metrics(port) and not asked[0].done():
            pass
        process.send_signal(signal.SIGTERM)
        answers = [one.result() for one in asked]
    assert [status for status, _ in answers] == [200, 200, 200]
    assert all(len(answer["results"]) == len(texts) for _, answer in answers)
    assert process.wait(SECONDS) == 0
    assert process.stdout
    assert "Traceback" not in process.stdout.read()
    with pytest.raises(ConnectionError):
        ask(port, "GET", "/health")


def metrics(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    connection.request("GET", "/metrics")
    content = connection.getresponse().read()
    connection.close()
    return content


def test_a_port_that_is_taken() -> None:
    """It is said before the pipeline is loaded."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_python(HERE, "-m", "spacy", "binder", "serve", "nowhere", "--port", port)
    assert done.returncode == 1
    assert "B086" in done.output and str(port) in done.output and "Traceback" not in done.output


def test_a_pipeline_that_cannot_be_loaded() -> None:
    done = run_python(HERE, "-m", "spacy", "binder", "serve", "nowhere", "--port", "0")
    assert done.returncode == 1
    assert "Can't serve the pipeline" in done.output and "Traceback" not in done.output


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spacy_binder.installed.is_installed", lambda name: name != "uvicorn")
    done = run_python(HERE, "-m", "spacy", "binder", "serve", "nowhere")
    assert done.returncode == 1
    assert 'pip install "spacy-binder[serve]"' in " ".join(done.output.split())


def test_other_addresses_are_warned_of() -> None:
    assert all(map(is_local, ("127.0.0.1", "127.8.9.1", "localhost", "::1")))
    assert not any(map(is_local, ("0.0.0.0", "::", "192.168.1.2", "example.org")))
    with pytest.warns(UserWarning, match=r"BW21.*0\.0\.0\.0"):
        bind("0.0.0.0", 0).close()
    bind("127.0.0.1", 0).close()
    # An address of nobody, for documentation.
    with pytest.warns(UserWarning, match="BW21"), pytest.raises(ValueError, match=r"B086.*192\.0\.2\.1"):
        bind("192.0.2.1", 0)


def test_names_of_the_server() -> None:
    """A page whose name was made to point to this computer can't read answers."""
    assert "localhost" in allowed_hosts("127.0.0.1", []) and "evil.example" not in allowed_hosts("127.0.0.1", [])
    assert allowed_hosts("0.0.0.0", []) == ()
    assert "ner.example.org" in allowed_hosts("0.0.0.0", ["ner.example.org"])
