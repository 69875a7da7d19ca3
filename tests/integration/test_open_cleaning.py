"""The workflow `open`: what is mended in corpora that annotate otherwise than the others."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import spacy
from project_copy import PROJECT
from spacy.tokens import Doc, Span

VOCAB = spacy.blank("en").vocab


@pytest.fixture(scope="module")
def scripts() -> Iterator[Any]:
    """The scripts of the project, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROJECT / "scripts")
        yield import_module


def make_doc(text: str, *spans: tuple[int, int, str], **annotations: Any) -> Doc:
    words = text.split()
    doc = Doc(VOCAB, words=words, sent_starts=[i == 0 for i in range(len(words))], **annotations)
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


def spans_of(doc: Doc) -> list[tuple[str, str]]:
    return [(span.text, span.label_) for span in doc.spans["sc"]]


@pytest.fixture(scope="module")
def lexicon(scripts: Any) -> Any:
    synset = scripts("open.wordnet").Synset
    synsets = {
        "country": synset("location", ("country", "state", "land"), "", (), (), False),
        "city": synset("location", ("city",), "", (), (), False),
        "latvia": synset("location", ("Latvia", "Republic of Latvia"), "", (), ("country",), True),
        "monaco": synset("location", ("Monaco",), "", (), ("country",), True),
        "monaco2": synset("location", ("Monaco", "Monaco-Ville"), "", (), ("city",), True),
    }
    return scripts("open.lexicon").make_lexicon(synsets, [["NATO", "us", "US"] * 3, ["NATO", "nato", "A", "A", "A"]])


def test_lexicon(lexicon: Any) -> None:
    """Countries without names of cities, nouns without names, and words that are mostly in capitals."""
    assert lexicon.countries == {"latvia", "republic of latvia"}
    assert lexicon.nouns == {"country", "state", "land", "city"}
    assert lexicon.capitals == {"nato"}


def test_names_of_gum(scripts: Any) -> None:
    """Without articles before it and without what a clause says of it."""
    words = "The old Moriori , who came , saw the 2nd President in the New York Times"
    tags = "DET ADJ PROPN PUNCT PRON VERB PUNCT VERB DET ADJ NOUN ADP DET PROPN PROPN PROPN"
    heads = [2, 2, 7, 2, 5, 2, 2, 7, 10, 10, 7, 15, 15, 15, 15, 7]
    spans = [(0, 7, "person"), (8, 16, "person"), (12, 16, "organization"), (0, 1, "time")]
    doc = make_doc(words, *spans, pos=tags.split(), heads=heads, deps=["dep"] * len(heads))
    [doc] = scripts("open.cleaning").keep_names([doc])
    assert spans_of(doc) == [("old Moriori", "person"), ("New York Times", "organization"), ("The", "time")]


def test_articles(scripts: Any) -> None:
    """ "The Hague" has its own. A span of an article alone stays."""
    doc = make_doc("The army left The Hague and the its camp", (0, 2, "A"), (3, 5, "B"), (6, 9, "C"), (6, 7, "D"))
    [doc] = scripts("open.cleaning").drop_articles([doc])
    assert spans_of(doc) == [("army", "A"), ("The Hague", "B"), ("camp", "C"), ("the", "D")]


def test_user_names(scripts: Any) -> None:
    doc = make_doc("@ ann_b met Ann @", (0, 1, "PER"), (1, 2, "PER"), (3, 4, "PER"), (4, 5, "ORG"))
    [doc] = scripts("open.cleaning").drop_handles([doc])
    assert spans_of(doc) == [("Ann", "PER")]


def test_countries(scripts: Any, lexicon: Any) -> None:
    spans = [(i, i + 1, "HumanSettlement") for i in (0, 1, 3)]
    doc = make_doc("latvia monaco the latvia", *spans[:2], (2, 4, "HumanSettlement"), (3, 4, "Food"))
    [doc] = scripts("open.cleaning").name_countries([doc], lexicon)
    assert [label for _, label in spans_of(doc)] == ["Country", "HumanSettlement", "Country", "Food"]


def test_capitals(scripts: Any, lexicon: Any) -> None:
    """Of names, and at the beginning of sentences. Small words keep small letters inside names, others everywhere."""
    text = "the singer of the band of nato met nato in a city and windows 10"
    spans = [(3, 7, "MusicalGRP"), (8, 9, "Food"), (11, 12, "Facility"), (13, 15, "Software")]
    [cased] = scripts("open.cleaning").restore_capitals([make_doc(text, *spans)], lexicon)
    # A city is no name of a facility.
    expected = "The singer of The Band of NATO met nato in a city and Windows 10"
    assert [token.text for token in cased] == expected.split()
    assert [(span.start, span.end, span.label_) for span in cased.spans["sc"]] == spans
