"""Settings may change while other threads predict: each prediction sees one state of them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import spacy
from conftest import spans_of
from spacy.tokens import DocBin


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
