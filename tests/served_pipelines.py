"""A served pipeline for tests: texts that block it, texts that break it, and requests without a network."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import spacy
from fastapi import FastAPI
from fastapi.testclient import TestClient
from spacy.language import Language
from spacy.tokens import Doc

from spacy_binder.serving.api import make_api
from spacy_binder.serving.settings import ServerSettings

SECONDS = 20


class Gate:
    """A component that waits on texts with WAIT, fails on texts with BREAK, and notes all texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.waits = Event()
        self.is_open = Event()

    def __call__(self, doc: Doc) -> Doc:
        self.texts.append(doc.text)
        if "BREAK" in doc.text:
            raise ZeroDivisionError("SECRET of the pipeline")
        if "WAIT" in doc.text:
            self.waits.set()
            assert self.is_open.wait(SECONDS)
        return doc


@Language.factory("test_gate")
def make_gate(nlp: Language, name: str) -> Gate:
    return Gate()


def load_with_gate(model: Path) -> tuple[Language, Gate]:
    """RETURNS (tuple): A pipeline and the gate before its first component."""
    nlp = spacy.load(model)
    gate: Any = nlp.add_pipe("test_gate", first=True)
    return nlp, gate


@contextmanager
def served(nlp: Language, **settings: Any) -> Iterator[TestClient]:
    """Serve a pipeline inside a `with` block."""
    given = ServerSettings.model_validate({"model": "unused", **settings})
    with TestClient(make_api(nlp, "binder_ner", given), raise_server_exceptions=False) as client:
        yield client


def service_of(client: TestClient) -> Any:
    """RETURNS (Service): What answers the requests of a client."""
    api: Any = client.app
    assert isinstance(api, FastAPI)
    return api.state.service


def wait_for_queue(service: Any, n: int) -> None:
    """Wait until some requests are in the queue. Fail if they don't come."""
    end = time.monotonic() + SECONDS
    while service.batcher.n_waiting < n:
        assert time.monotonic() < end
        time.sleep(0.01)


def sample(client: TestClient, name: str) -> float:
    """RETURNS (float): The value of a metric."""
    lines = client.get("/metrics").text.splitlines()
    [value] = [line.rpartition(" ")[2] for line in lines if line.startswith(name + " ")]
    return float(value)
