"""Requests and answers: what is found, what is refused, and what one request can do to others."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import spacy
from fastapi.testclient import TestClient
from served_pipelines import SECONDS, Gate, load_with_gate, sample, served, service_of, wait_for_queue
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_binder.serving import annotator

LIMITS = {
    "body_bytes": 4000,
    "texts": 4,
    "text_length": 500,
    "labels": 10,
    "label_length": 12,
    "descriptions": 3,
    "description_length": 80,
}


@pytest.fixture(scope="module")
def loaded(trained: tuple[Path, Path]) -> tuple[Language, Gate]:
    return load_with_gate(trained[0])


@pytest.fixture
def nlp(loaded: tuple[Language, Gate]) -> Language:
    return loaded[0]


@pytest.fixture
def gate(loaded: tuple[Language, Gate]) -> Gate:
    gate = loaded[1]
    gate.texts.clear()
    gate.waits.clear()
    gate.is_open.clear()
    return gate


@pytest.fixture(scope="module")
def client(loaded: tuple[Language, Gate]) -> Iterator[TestClient]:
    with served(loaded[0], limits=LIMITS, wait_ms=1) as client:
        yield client


@pytest.fixture(scope="module")
def texts(trained: tuple[Path, Path]) -> list[str]:
    """Sentences that the pipeline has learned, and characters of two UTF-16 units and of several code points."""
    docs = DocBin().from_disk(trained[1]).get_docs(spacy.blank("en").vocab)
    learned = [sent.text for doc in docs for sent in doc.sents]
    return ["\U0001d518n e\u0301 " + learned[0], *learned[1:3], ""]


def spans_of(nlp: Language, texts: list[str], **options: Any) -> list[list[dict[str, Any]]]:
    docs = nlp.pipe(texts, component_cfg={"binder_ner": options})
    return [
        [
            {"start": span.start_char, "end": span.end_char, "label": span.label_, "text": span.text, "score": score}
            for span, score in zip(doc.spans["sc"], doc.spans["sc"].attrs["scores"].tolist(), strict=True)
        ]
        for doc in docs
    ]


def found(answer: Any) -> list[list[dict[str, Any]]]:
    assert answer.status_code == 200, answer.text
    return [result["spans"] for result in answer.json()["results"]]


@pytest.mark.parametrize("run", ["(", "'s", "$-", "_"])
def test_a_run_of_punctuation_does_not_stop_the_server(client: TestClient, run: str) -> None:
    """spaCy's tokenizer would need minutes for 50,000 of them, and hold Python's lock."""
    for length, status in ((300, 200), (302, 422)):
        answer = client.post("/annotate", json={"texts": ["Riga", f"a{run * (length // len(run))} b{run}"]})
        assert answer.status_code == status
    assert "`texts[1]` can't be used: A text should have at most 300 punctuation" in answer.json()["message"]


@pytest.mark.filterwarnings("ignore:.*BW16")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"threshold": 0.3},
        {"labels": {"PER": None, "GPE": None}},
        {"labels": {"PER": None, "TOWN": "Countries, cities, states", "THING": ["things", "goods"]}, "threshold": 0.2},
    ],
)
def test_spans_are_those_of_the_pipeline(
    client: TestClient, nlp: Language, texts: list[str], options: dict[str, Any]
) -> None:
    expected = spans_of(nlp, texts, **options)
    answered = found(client.post("/annotate", json={"texts": texts, **options}))
    assert sum(map(len, expected)) > 2
    assert [[{**span, "score": 0} for span in spans] for spans in answered] == [
        [{**span, "score": 0} for span in spans] for spans in expected
    ]
    scores = [[span["score"] for spans in side for span in spans] for side in (answered, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    for text, spans in zip(texts, answered, strict=True):
        assert all(text[span["start"] : span["end"]] == span["text"] for span in spans)


def test_requests_at_once(client: TestClient, nlp: Language, texts: list[str]) -> None:
    """Each gets what it asks for, though they share batches."""
    asked = [{"texts": [text], "labels": {label: None}} for label in ("PER", "GPE") for text in texts[:3] * 4]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: client.post("/annotate", json=one), asked))
    for one, answer in zip(asked, answers, strict=True):
        [spans] = found(answer)
        [expected] = spans_of(nlp, one["texts"], labels=one["labels"])
        assert [(span["text"], span["label"]) for span in spans] == [(s["text"], s["label"]) for s in expected]


def test_labels_and_health(client: TestClient, nlp: Language) -> None:
    pipe: Any = nlp.get_pipe("binder_ner")
    labels = client.get("/labels").json()["labels"]
    assert {label: one["descriptions"] for label, one in labels.items()} == {
        label: [words] for label, words in pipe.label_data.items()
    }
    assert {one["threshold"] for one in labels.values()} == {0.5}
    assert client.get("/health").json() == {"status": "ok", "pipeline": "en_pipeline", "version": "0.0.0"}


def test_metrics(client: TestClient, nlp: Language, texts: list[str]) -> None:
    names = ("spacy_binder_texts_total", "spacy_binder_words_total", "spacy_binder_spans_total")
    client.post("/annotate", json={"texts": texts})
    answered = 'spacy_binder_requests_total{path="/annotate",status="200"}'
    before = [sample(client, name) for name in (*names, answered)]
    client.post("/annotate", json={"texts": texts})
    after = [sample(client, name) for name in (*names, answered)]
    n_words = sum(len(nlp.make_doc(text)) for text in texts)
    n_spans = sum(map(len, spans_of(nlp, texts)))
    assert [b - a for a, b in zip(before, after, strict=True)] == [len(texts), n_words, n_spans, 1]
    client.get("/no/such/path")
    assert sample(client, 'spacy_binder_requests_total{path="other",status="404"}') >= 1
    assert sample(client, "spacy_binder_waiting_requests") == 0


DEEP = "[" * 1500 + "]" * 1500
BAD = {
    "no JSON": ("{", 422, "B078"),
    "no UTF-8": (b'{"texts": ["\xff"]}', 422, "B078"),
    "an array": ("[]", 422, "B078"),
    "no texts": ("{}", 422, "B078"),
    "empty texts": ('{"texts": []}', 422, "B078"),
    "a number as text": ('{"texts": [1]}', 422, "B078"),
    "a text for texts": ('{"texts": "a"}', 422, "B078"),
    "an unknown key": ('{"texts": ["a"], "label": {}}', 422, "B078"),
    "a lone surrogate": (r'{"texts": ["\ud800"]}', 422, "B078"),
    "a lone surrogate in a label": (r'{"texts": ["a"], "labels": {"\udc00": "x"}}', 422, "B078"),
    "NaN": ('{"texts": ["a"], "threshold": NaN}', 422, "B078"),
    "infinite": ('{"texts": ["a"], "threshold": 1e999}', 422, "B078"),
    "a huge number": ('{"texts": ["a"], "threshold": ' + "9" * 3000 + "}", 422, "B078"),
    "a threshold as text": ('{"texts": ["a"], "threshold": "0.5"}', 422, "B078"),
    "true as threshold": ('{"texts": ["a"], "threshold": true}', 422, "B078"),
    "a negative threshold": ('{"texts": ["a"], "threshold": -0.1}', 422, "B078"),
    "deep": ('{"texts": ' + DEEP + "}", 422, "B078"),
    "deep labels": ('{"texts": ["a"], "labels": {"a": ' + DEEP + "}}", 422, "B078"),
    "no labels": ('{"texts": ["a"], "labels": {}}', 422, "B078"),
    "a list of labels": ('{"texts": ["a"], "labels": ["PER"]}', 422, "B078"),
    "an empty label": ('{"texts": ["a"], "labels": {" ": "x"}}', 422, "B078"),
    "a line end in a label": (r'{"texts": ["a"], "labels": {"A\nB": "x"}}', 422, "B078"),
    "an escape in a label": (r'{"texts": ["a"], "labels": {"A\u001b[2J": "x"}}', 422, "B078"),
    "a number as description": ('{"texts": ["a"], "labels": {"A": 1}}', 422, "B078"),
    "an empty description": ('{"texts": ["a"], "labels": {"A": " "}}', 422, "B078"),
    "no descriptions": ('{"texts": ["a"], "labels": {"A": []}}', 422, "B078"),
    "an unknown label": ('{"texts": ["a"], "labels": {"A": null}}', 422, "B061"),
    "many texts": ('{"texts": ["a", "a", "a", "a", "a"]}', 413, "B077"),
    "a long text": ('{"texts": ["' + "a" * 501 + '"]}', 413, "B077"),
    "many labels": (json.dumps({"texts": ["a"], "labels": {f"L{i}": "x" for i in range(11)}}), 413, "B077"),
    "a long label": (json.dumps({"texts": ["a"], "labels": {"L" * 13: "x"}}), 413, "B077"),
    "many descriptions": ('{"texts": ["a"], "labels": {"A": ["a", "b", "c", "d"]}}', 413, "B077"),
    "a long description": (json.dumps({"texts": ["a"], "labels": {"A": "x" * 81}}), 413, "B077"),
    "a long body": ('{"texts": ["a"]}' + " " * 4000, 413, "B076"),
    "hundreds of labels": (json.dumps({"texts": ["a"], "labels": {f"{i}": 1 for i in range(300)}}), 413, "B077"),
    "hundreds of keys": (json.dumps({"texts": ["a"], **{f"{i}": 1 for i in range(300)}}), 422, "B078"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_requests(client: TestClient, nlp: Language, bad: str) -> None:
    """They are told what is wrong in one short line, the pipeline stays as it was, and the server goes on."""
    body, status, code = BAD[bad]
    before = json.dumps(nlp.get_pipe("binder_ner").cfg, sort_keys=True)  # type: ignore[attr-defined]
    answer = client.post("/annotate", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    message = answer.json()["message"]
    assert message.startswith(f"[{code}] ") and message.isprintable() and len(message) < 600
    assert "Traceback" not in message and "pydantic" not in message
    assert json.dumps(nlp.get_pipe("binder_ner").cfg, sort_keys=True) == before  # type: ignore[attr-defined]
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_only_json_by_its_type(client: TestClient, kind: str | None) -> None:
    """A page of another origin can send these types without asking."""
    headers = {} if kind is None else {"Content-Type": kind}
    answer = client.post("/annotate", content=b'{"texts": ["a"]}', headers=headers)
    assert answer.status_code == 415 and answer.json()["code"] == "B083"
    allowed = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/annotate", content=b'{"texts": ["a"]}', headers=allowed).status_code == 200


def ask(
    client: TestClient, chunks: list[bytes], headers: list[tuple[bytes, bytes]], *, at_end: Any = None
) -> tuple[int, list[Any], int]:
    """Call the interface without a client library.

    RETURNS (tuple): Status, all messages that were sent, and how many chunks of the body were taken.
    """
    sent: list[Any] = []
    left = list(chunks)

    async def receive() -> dict[str, Any]:
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}
        if at_end is not None:
            await asyncio.to_thread(at_end.wait, SECONDS)
            return {"type": "http.disconnect"}
        await asyncio.sleep(SECONDS)
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/annotate",
        "raw_path": b"/annotate",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost"), *headers],
        "http_version": "1.1",
        "scheme": "http",
        "asgi": {"version": "3.0"},
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "root_path": "",
    }
    app: Any = client.app
    assert client.portal
    client.portal.call(app, scope, receive, send)
    return sent[0]["status"], sent, len(chunks) - len(left)


def test_a_long_body_is_refused_before_it_is_read(client: TestClient) -> None:
    status, _, n_taken = ask(client, [b"x" * 1000] * 2 + [b"x"], [(b"content-length", b"4001")])
    assert status == 413 and n_taken == 3
    # Without a length it is refused as soon as it is too long. The answer is there before the rest is dropped.
    status, sent, _ = ask(client, [b"x" * 1000] * 20, [(b"transfer-encoding", b"chunked")])
    assert status == 413 and (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["code"] == "B076"
    # What is announced may be anything.
    status, _, _ = ask(client, [b"{}"], [(b"content-length", "²".encode("latin-1"))])
    assert status == 422


def test_an_endless_body_takes_no_memory(client: TestClient) -> None:
    """The answer comes, and after a second nothing more is taken."""

    class Endless(list):
        n = 0

        def pop(self, _: int = 0) -> bytes:  # type: ignore[override]
            Endless.n += 1
            return b"x" * 100

        def __iter__(self) -> Any:
            return iter(())

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": Endless().pop(), "more_body": True}

    async def send(message: Any) -> None:
        sent.append((message, Endless.n))

    async def call() -> None:
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/annotate", "headers": headers, "query_string": b""}
        app: Any = client.app
        await asyncio.wait_for(app(scope, receive, send), SECONDS)

    assert client.portal
    client.portal.call(call)
    assert sent[0][0]["status"] == 413 and sent[0][1] == 41
    assert sent[-1][0] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_a_slow_body(nlp: Language) -> None:
    with served(nlp, limits={"body_seconds": 0.05}) as client:

        async def call() -> list[Any]:
            sent: list[Any] = []

            async def receive() -> dict[str, Any]:
                await asyncio.sleep(0.04)
                return {"type": "http.request", "body": b" ", "more_body": len(sent) < 2}

            async def send(message: Any) -> None:
                sent.append(message)

            headers = [(b"content-type", b"application/json")]
            scope = {"type": "http", "method": "POST", "path": "/annotate", "headers": headers, "query_string": b""}
            app: Any = client.app
            await app(scope, receive, send)
            return sent

        assert client.portal
        sent = client.portal.call(call)
        assert sent[0]["status"] == 408 and json.loads(sent[1]["body"])["code"] == "B085"


def test_a_text_that_breaks_the_pipeline(
    nlp: Language, gate: Gate, texts: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It costs its own request. The log has the cause, and the answer has not."""
    with served(nlp, wait_ms=0) as client, ThreadPoolExecutor(8) as pool:
        first = pool.submit(client.post, "/annotate", json={"texts": ["WAIT"]})
        assert gate.waits.wait(SECONDS)
        asked = [[texts[0]], ["BREAK", texts[0]], [texts[1], texts[2]]]
        others = [pool.submit(client.post, "/annotate", json={"texts": one}) for one in asked]
        wait_for_queue(service_of(client), 3)
        gate.is_open.set()
        assert first.result().status_code == 200
        answers = [one.result() for one in others]
        assert [answer.status_code for answer in answers] == [200, 500, 200]
        assert found(answers[0]) + found(answers[2]) == [
            found(client.post("/annotate", json={"texts": [text]}))[0] for text in texts[:3]
        ]
        assert answers[1].json()["code"] == "B082" and "SECRET" not in answers[1].text
    assert "SECRET of the pipeline" in caplog.text


def test_full_queue_and_timeout(nlp: Language, gate: Gate) -> None:
    limits = {"requests": 2, "seconds": 2.0}
    with served(nlp, limits=limits, wait_ms=0) as client, ThreadPoolExecutor(4) as pool:
        running = pool.submit(client.post, "/annotate", json={"texts": ["WAIT"]})
        assert gate.waits.wait(SECONDS)
        waiting = pool.submit(client.post, "/annotate", json={"texts": ["never computed"]})
        wait_for_queue(service_of(client), 1)
        refused = client.post("/annotate", json={"texts": ["a"]})
        assert refused.status_code == 429 and refused.json()["code"] == "B079"
        assert refused.headers["Retry-After"] == "1"
        # The event loop is free while the model is busy.
        assert client.get("/health").status_code == 200
        for late in (running, waiting):
            assert late.result().status_code == 504 and late.result().json()["code"] == "B080"
        gate.is_open.set()
        assert client.post("/annotate", json={"texts": ["a"]}).status_code == 200
    assert "never computed" not in gate.texts


def test_a_client_that_leaves(nlp: Language, gate: Gate) -> None:
    with served(nlp, wait_ms=0) as client, ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, "/annotate", json={"texts": ["WAIT"]})
        assert gate.waits.wait(SECONDS)
        left = ask(client, [b'{"texts": ["left"]}'], [], at_end=gate.waits)
        assert left[0] == 499
        gate.is_open.set()
        assert first.result().status_code == 200
    assert "left" not in gate.texts


def test_a_stopped_server(nlp: Language, gate: Gate) -> None:
    """What is in the queue is answered, and nothing else is taken."""
    with served(nlp, wait_ms=0) as client, ThreadPoolExecutor(4) as pool:
        service = service_of(client)
        running = pool.submit(client.post, "/annotate", json={"texts": ["WAIT"]})
        # Not both at once: they could share a batch, and none would wait.
        assert gate.waits.wait(SECONDS)
        waiting = pool.submit(client.post, "/annotate", json={"texts": ["later"]})
        wait_for_queue(service, 1)
        service.batcher.stop(0)
        new = client.post("/annotate", json={"texts": ["a"]})
        assert new.status_code == 503 and new.json()["code"] == "B081"
        assert client.get("/health").status_code == 503
        gate.is_open.set()
        assert [one.result().status_code for one in (running, waiting)] == [200, 200]


@pytest.mark.filterwarnings("ignore:.*BW04")
def test_too_many_spans(nlp: Language, texts: list[str]) -> None:
    with served(nlp, limits={"spans": 5}) as client:
        assert len(found(client.post("/annotate", json={"texts": texts[:1]}))[0]) <= 5
        answer = client.post("/annotate", json={"texts": texts, "threshold": 0.0})
        assert answer.status_code == 422 and answer.json()["code"] == "B084"


@pytest.mark.filterwarnings("ignore:.*BW04")
def test_too_many_characters_of_spans(nlp: Language, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one text, and of all texts together. Else a small request could have a huge answer."""
    with served(nlp) as client:
        spans = found(client.post("/annotate", json={"texts": texts[:2], "threshold": 0.0}))
        sizes = [sum(len(span["text"]) for span in of_text) for of_text in spans]
        for most, status in ((sum(sizes), 200), (sum(sizes) - 1, 422), (min(sizes) - 1, 422)):
            monkeypatch.setattr(annotator, "MAX_CHARACTERS", most)
            answer = client.post("/annotate", json={"texts": texts[:2], "threshold": 0.0})
            assert answer.status_code == status
    assert "B084" in answer.text and "characters of spans" in answer.text


def test_warnings_go_to_the_log(nlp: Language, caplog: pytest.LogCaptureFixture) -> None:
    with served(nlp) as client:
        asked = {"texts": ["a"], "labels": {"QUEER": "zzz qqq 17"}}
        assert client.post("/annotate", json=asked).status_code == 200
        assert "[BW16]" in caplog.text and "QUEER" in caplog.text
        assert sample(client, 'spacy_binder_warnings_total{code="BW16"}') == 1


def test_nothing_stays_of_a_request(client: TestClient, nlp: Language) -> None:
    """The vocabulary does not grow with texts and labels."""
    before = len(nlp.vocab.strings), len(list(nlp.vocab))
    for i in range(3):
        asked = {"texts": [f"Xylo{i}phant qwertz{i}"], "labels": {f"NEW{i}": "geo-political entity"}, "threshold": 0.0}
        assert client.post("/annotate", json=asked).status_code == 200
    assert (len(nlp.vocab.strings), len(list(nlp.vocab))) == before


def test_other_origins_and_hosts(nlp: Language) -> None:
    origin = {"Origin": "https://example.org"}
    with served(nlp) as client:
        answer = client.post("/annotate", json={"texts": ["a"]}, headers=origin)
        assert not [name for name in answer.headers if name.startswith("access-control")]
    with served(nlp, origins=["https://example.org"], hosts=["testserver"]) as client:
        answer = client.post("/annotate", json={"texts": ["a"]}, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        other = client.get("/labels", headers={"Origin": "https://other.org"})
        assert "access-control-allow-origin" not in other.headers
        assert client.get("/labels", headers={"Host": "rebound.example"}).status_code == 400
