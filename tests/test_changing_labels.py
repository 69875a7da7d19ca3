"""Settings may change while other threads predict: each prediction sees one state of them."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import spacy
from conftest import spans_of
from spacy.language import Language
from spacy.tokens import DocBin

from spacy_binder import labels


def test_no_label_is_lost_when_several_threads_add_some(tiny_nlp: Language) -> None:
    pipe: Any = tiny_nlp.get_pipe("binder_ner")
    before = set(pipe.labels)

    def change(letter: str) -> None:
        for i in range(100):
            pipe.add_label(f"{letter}{i}", "words")
            pipe.add_label(f"{letter}gone{i}", "words")
            pipe.remove_label(f"{letter}gone{i}")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(change, "ABC"))
    finally:
        sys.setswitchinterval(interval)
    assert set(pipe.labels) - before == {f"{letter}{i}" for letter in "ABC" for i in range(100)}


def test_a_fork_can_change_labels_while_another_thread_does(tiny_nlp: Language) -> None:
    """It has a lock of its own, which nobody holds."""
    pipe: Any = tiny_nlp.get_pipe("binder_ner")
    with labels.changing:
        pid = os.fork()
        if pid == 0:
            pipe.add_label("NEW", "words")
            os._exit(0 if "NEW" in pipe.labels else 1)
        for _ in range(100):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            time.sleep(0.05)
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert done and os.waitstatus_to_exitcode(status) == 0


def test_labels_come_and_go_while_others_predict(trained: tuple[Path, Path]) -> None:
    nlp = spacy.load(trained[0])
    pipe: Any = nlp.get_pipe("binder_ner")
    text = next(DocBin().from_disk(trained[1]).get_docs(nlp.vocab)).text
    descriptions = pipe.label_data
    others = list(descriptions)[1:]
    everything = set(spans_of(nlp(text)))

    def predict(_: int) -> list[set]:
        return [set(spans_of(nlp(text))) for _ in range(8)]

    def changes() -> Iterator[None]:
        for n in cycle([*range(len(others)), *reversed(range(len(others)))]):
            for label in others[n:]:
                pipe.remove_label(label)
                yield
            for label in others[n:]:
                pipe.add_label(label, descriptions[label])
                yield

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(predict, i) for i in range(4)]
        for _ in changes():
            if all(future.done() for future in futures):
                break
    found = [spans for future in futures for spans in future.result()]
    assert all(spans <= everything for spans in found)
    assert len({frozenset(span[2] for span in spans) for spans in found}) > 1
