"""The workflow `open`: what is mended in corpora that annotate otherwise than the others."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import spacy
from project_copy import PROJECT
from spacy.tokens import Doc, DocBin, Span

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
    assert lexicon.small == {"country", "state", "land", "city", "us", "nato"}


def test_names_of_gum(scripts: Any) -> None:
    """Of persons the proper nouns alone, of others no article before it and no clause after it."""
    words = "The old Moriori , who came , saw the 2nd President in the New York Times"
    tags = "DET ADJ PROPN PUNCT PRON VERB PUNCT VERB DET ADJ NOUN ADP DET PROPN PROPN PROPN"
    heads = [2, 2, 7, 2, 5, 2, 2, 7, 10, 10, 7, 15, 15, 15, 15, 7]
    spans = [(0, 7, "person"), (8, 16, "person"), (12, 16, "organization"), (0, 1, "time")]
    doc = make_doc(words, *spans, pos=tags.split(), heads=heads, deps=["dep"] * len(heads))
    [doc] = scripts("open.cleaning").keep_names([doc])
    assert spans_of(doc) == [("Moriori", "person"), ("New York Times", "organization"), ("The", "time")]


def test_what_belongs_to_a_name_of_gum(scripts: Any) -> None:
    """No "'s". Animals, plants and substances have nouns too, since their descriptions ask for kinds. No pronouns."""
    words = "Minister Jean - Luc Mo - of Riga 's party saw NATO 's wild rice in the lake and it"
    tags = "PROPN PROPN PUNCT PROPN PROPN PUNCT ADP PROPN PART NOUN VERB PROPN PART ADJ NOUN ADP DET NOUN CCONJ PRON"
    heads = [10, 0, 0, 0, 0, 0, 7, 0, 7, 0, 10, 14, 11, 14, 10, 17, 17, 14, 19, 14]
    spans = [(0, 10, "person"), (7, 9, "place"), (11, 13, "organization"), (11, 18, "plant"), (19, 20, "plant")]
    doc = make_doc(words, *spans, (15, 18, "place"), pos=tags.split(), heads=heads, deps=["dep"] * len(heads))
    [doc] = scripts("open.cleaning").keep_names([doc])
    assert spans_of(doc) == [
        ("Minister Jean - Luc Mo", "person"),
        ("Riga", "place"),
        ("NATO", "organization"),
        ("wild rice", "plant"),
    ]


def test_mentions_of_gum_end_before_a_possessive(scripts: Any) -> None:
    """All its mentions, too, which are nested: two that differ by "'s" alone become one."""
    doc = make_doc("The party 's 's leader", (0, 3, "person"), (0, 2, "person"), (0, 5, "person"), (2, 3, "person"))
    [doc] = scripts("open.cleaning").drop_possessives([doc])
    assert spans_of(doc) == [("The party", "person"), ("The party 's 's leader", "person"), ("'s", "person")]


def test_possessives_are_dropped_from_all_mentions_of_gum(scripts: Any) -> None:
    doc = make_doc("The party 's leader", (0, 3, "organization"), (0, 4, "person"))
    [doc] = scripts("open.corpora").SOURCES["gum_all"].change([doc], None)
    assert spans_of(doc) == [("The party", "organization"), ("The party 's leader", "person")]


def test_names_of_re3d(scripts: Any) -> None:
    """Descriptions ask for names of persons, places and organizations. Other types keep nouns."""
    words = "We saw the US regime and the Army with rifles near towns"
    spans = [(0, 1, "Organisation"), (2, 4, "Location"), (4, 5, "Organisation"), (6, 8, "Organisation")]
    doc = make_doc(words, *spans, (9, 10, "Weapon"), (11, 12, "Location"))
    [doc] = scripts("open.cleaning").drop_common_nouns([doc])
    assert spans_of(doc) == [("US", "Location"), ("Army", "Organisation"), ("rifles", "Weapon")]


def test_names_that_multiconer_has_not_annotated(scripts: Any, lexicon: Any) -> None:
    """A sentence that begins with one is left out: it would teach that this is no name."""
    docs = [make_doc("tony saw us"), make_doc("tony saw us", (0, 1, "OtherPER")), make_doc("us saw tony")]
    kept = scripts("open.cleaning").mend_multiconer([*docs, make_doc("2 saw us")], lexicon)
    assert sorted(doc.text.strip() for doc in kept) == ["2 saw us", "Tony saw us", "Us saw tony"]


def test_persons_of_no_label_are_no_negatives(scripts: Any, lexicon: Any, tmp_path: Path) -> None:
    """They may be politicians: then their sentence does not say what politicians there are. Other sentences do."""
    docs = [
        make_doc("Tony met Ann", (0, 1, "OtherPER"), (2, 3, "Politician")),
        make_doc("Mayor Bo", (0, 2, "Politician")),
        make_doc("Us ate pie", (2, 3, "Food")),
        make_doc("Us saw Ann"),
    ]
    nlp = spacy.blank("en")
    with pytest.MonkeyPatch.context() as patch:
        sources = scripts("open.corpora").SOURCES
        patch.setitem(sources, "multiconer", sources["multiconer"]._replace(change=None))
        scripts("open_corpora").write_passages("multiconer", docs, lexicon, PROJECT / "datasets", tmp_path, nlp, seed=0)
    passages = list(DocBin().from_disk(tmp_path / "multiconer.spacy").get_docs(nlp.vocab))
    labels = {doc.text.strip(): {*doc.spans["sc"].attrs["labels"]} for doc in passages}
    assert set(labels) == {"Tony met Ann", "Mayor Bo Us ate pie Us saw Ann"}
    assert {"Politician", "Artist"}.isdisjoint(labels["Tony met Ann"]) and "Food" in labels["Tony met Ann"]
    assert {"Politician", "Artist", "Food"} <= labels["Mayor Bo Us ate pie Us saw Ann"]
    found = {doc.text.strip(): spans_of(doc) for doc in passages}
    assert found["Tony met Ann"] == [("Tony", "OtherPER")]
    assert found["Mayor Bo Us ate pie Us saw Ann"] == [("Mayor Bo", "Politician"), ("pie", "Food")]


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
