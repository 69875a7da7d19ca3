"""The service behind the requests: what it counts, its limits, and its end."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from served_pipelines import SECONDS, load_with_gate, sample, served, service_of

from spacy_binder.serving import service
from spacy_binder.serving.annotator import Options
from spacy_binder.serving.loading import load_api
from spacy_binder.serving.settings import Limits, ServerSettings


def test_texts_of_a_batch_that_fails_count_once(trained: tuple[Path, Path]) -> None:
    """They come again, each with its own request. The text that prepares the pipeline doesn't count."""
    nlp, _ = load_with_gate(trained[0])
    with served(nlp) as client:
        annotator = service_of(client).annotator
        assert sample(client, "spacy_binder_texts_total") == 0
        with pytest.raises(ZeroDivisionError):
            annotator.find(Options(), ["a", "BREAK"])
        annotator.find(Options(), ["a"])
        assert sample(client, "spacy_binder_texts_total") == 1


def test_the_end_does_not_wait_for_what_nobody_waits_for(
    trained: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STOP_SECONDS", 0.1)
    nlp, gate = load_with_gate(trained[0])
    with served(nlp, limits={"seconds": 0.2}) as client:
        assert client.post("/annotate", json={"texts": ["WAIT"]}).status_code == 504
    # The pipeline is still busy.
    assert gate.waits.is_set() and service_of(client).batcher._thread.is_alive()
    gate.is_open.set()
    service_of(client).batcher._thread.join(SECONDS)


def test_long_texts(trained: tuple[Path, Path]) -> None:
    """The server's limit holds, also where it is above that of spaCy."""
    limits = Limits(text_length=1_100_000, body_bytes=2_000_000)
    api = load_api(ServerSettings(model=str(trained[0]), limits=limits))
    with TestClient(api) as client:
        assert client.post("/annotate", json={"texts": [" " * 1_000_001]}).status_code == 200
