"""The demo corpus has the properties that its documentation promises."""

import pytest
import spacy
from conftest import DEMO
from spacy.tokens import Doc

from spacy_binder.corpora.inline import read_inline
from spacy_binder.corpora.problems import Problems
from spacy_binder.scorer import inside_another

NLP = spacy.blank("en")
LABELS = {"PER", "ORG", "GPE", "LOC", "FAC", "VEH", "DATE", "WORK"}
PARTS = ("train", "dev", "test")


def part_names(part: str) -> list[str]:
    """RETURNS (list[str]): The documents of a part of the demo corpus."""
    return (DEMO / f"{part}.txt").read_text(encoding="utf8").split()


def read_document(name: str) -> Doc:
    """RETURNS (Doc): A document of the demo corpus."""
    return next(read_inline(DEMO / "documents" / f"{name}.txt", NLP, problems=Problems(strict=True)))


@pytest.fixture(scope="module")
def demo() -> dict[str, list[Doc]]:
    """The demo corpus by part."""
    return {part: [read_document(name) for name in part_names(part)] for part in PARTS}


def test_demo_parts() -> None:
    """Every document is in exactly one part."""
    names = [name for part in PARTS for name in part_names(part)]
    assert sorted(names) == sorted(path.stem for path in (DEMO / "documents").iterdir())


def test_demo_is_large_enough(demo: dict[str, list[Doc]]) -> None:
    """Documents, sentences, labels and entities, and how many of them are inside another."""
    docs = [doc for part in demo.values() for doc in part]
    assert len(docs) >= 40
    assert sum(len(list(doc.sents)) for doc in docs) >= 500
    n_entities = sum(len(doc.spans["sc"]) for doc in docs)
    assert n_entities >= 1500
    assert sum(inside_another(doc, "sc") for doc in docs) >= 0.3 * n_entities
    for part in demo.values():
        assert {span.label_ for doc in part for span in doc.spans["sc"]} == LABELS


def test_demo_test_part_is_new(demo: dict[str, list[Doc]]) -> None:
    """At least half of the test part's entity strings never occur as entities in train."""
    known = {span.text for doc in demo["train"] for span in doc.spans["sc"]}
    tested = {span.text for doc in demo["test"] for span in doc.spans["sc"]}
    assert len(tested - known) >= 0.5 * len(tested)


@pytest.mark.parametrize("part", PARTS)
def test_demo_follows_its_guidelines(demo: dict[str, list[Doc]], part: str) -> None:
    """Spans never cross, never share an extent, and stay inside their sentence."""
    for doc in demo[part]:
        spans = [(span.start, span.end) for span in doc.spans["sc"]]
        assert len({*spans}) == len(spans)
        assert not [(a, b) for a in spans for b in spans if a[0] < b[0] < a[1] < b[1]]
        sentences = [(sentence.start, sentence.end) for sentence in doc.sents]
        assert all(any(a <= start and end <= b for a, b in sentences) for start, end in spans)
