"""The workflow `open`: types that relations, and the text itself, say of the entities of a text."""

import json
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest
import spacy
import yaml
from project_copy import PROJECT
from spacy.tokens import Doc, Span

NLP = spacy.blank("en")
ROLES = {"P86": {"head": {"MISC": ["music"]}, "tail": {"PER": ["composer"]}}, "P403": {"head": {"LOC": ["river"]}}}
SYNSETS = {
    "person": {
        "artist": ("artist", "someone who makes art", None),
        "singer": ("singer", "(music) someone who sings", "artist"),
        "painter": ("painter", "someone who paints", "artist"),
        "German": ("German", "a person from Germany", None),
    },
    "location": {"town": ("town", "a place with houses", None)},
    "communication": {"opera": ("opera", "a play with music", "play"), "play": ("play", "a work for a stage", None)},
    "artifact": {
        "opera_house": ("opera", "a building for operas", "building"),
        "building": ("building", "walls", None),
    },
}
SENTENCES = [
    ["Mira", "Holt", "(", "born", "1911", ")", "was", "a", "German", "singer", ",", "painter", "and", "cook", "."],
    ["Her", "opera", '"', "The", "Ships", '"', "had", "its", "first", "night", "in", "the", "town", "Riga", "."],
    ["The", "Daugava", "flows", "into", "the", "sea", "near", "Riga", "."],
]
ENTITIES = [
    ("PER", [(0, 0, 2)]),
    ("LOC", [(0, 8, 9)]),
    ("MISC", [(1, 3, 5)]),
    ("LOC", [(1, 13, 14), (2, 7, 8)]),
    ("LOC", [(2, 1, 2)]),
    ("TIME", [(0, 4, 5)]),
]
LABELS = [("P86", 2, 0), ("P403", 4, 3), ("P999", 0, 1)]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripts of the project, by name."""
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    return import_module


@pytest.fixture
def facts(scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(scripts("open.facts"), "MIN_ENTITIES", 1)
    for file, synsets in SYNSETS.items():
        content = {
            name: {"members": [word], "definition": [text], **({"hypernym": [up]} if up else {})}
            for name, (word, text, up) in synsets.items()
        }
        (tmp_path / f"noun.{file}.yaml").write_text(yaml.safe_dump(content), encoding="utf8")
    return scripts("open.facts").Facts(scripts("open.wordnet").read_wordnet(tmp_path))


def write_docred(path: Path) -> Path:
    entities = [
        [{"type": kind, "sent_id": sentence, "pos": [start, end]} for sentence, start, end in mentions]
        for kind, mentions in ENTITIES
    ]
    labels = [{"r": relation, "h": head, "t": tail} for relation, head, tail in LABELS]
    path.write_text(json.dumps([{"sents": SENTENCES, "vertexSet": entities, "labels": labels}]), encoding="utf8")
    return path


def test_docred(scripts: Any, tmp_path: Path) -> None:
    [document] = scripts("open.relations").read_docred(write_docred(tmp_path / "dev.json"), ROLES)
    assert (document.starts, document.is_whole, len(document.words)) == ([0, 15, 30], True, 39)
    found = [(one.kind, one.mentions, list(one.types)) for one in document.entities]
    assert found == [
        ("PER", [(0, 2)], ["composer"]),
        ("LOC", [(8, 9)], []),
        ("MISC", [(18, 20)], ["music"]),
        ("LOC", [(28, 29), (37, 38)], []),
        ("LOC", [(31, 32)], ["river"]),
        ("TIME", [(4, 5)], []),
    ]


def test_fewrel(scripts: Any, tmp_path: Path) -> None:
    path = tmp_path / "val.json"
    sentence = {"tokens": ["Aida", "is", "by", "Verdi"], "h": ["aida", "Q1", [[0]]], "t": ["verdi", "Q2", [[3]]]}
    path.write_text(json.dumps({"P86": [sentence], "P1": [sentence]}), encoding="utf8")
    known, unknown = scripts("open.relations").read_fewrel(path, ROLES)
    assert [(one.kind, one.mentions, list(one.types)) for one in known.entities] == [
        ("MISC", [(0, 1)], ["music"]),
        ("PER", [(3, 4)], ["composer"]),
    ]
    assert [(one.kind, list(one.types)) for one in unknown.entities] == [("", []), ("", [])]
    assert not known.is_whole


@pytest.mark.parametrize("text", ["[", "{}", "[]", '[{"sents": []}]', '{"P1": [{}]}', '{"P1": 1}', "[1]"])
def test_files_that_have_no_relations(scripts: Any, tmp_path: Path, text: str) -> None:
    path = tmp_path / "dev.json"
    path.write_text(text, encoding="utf8")
    relations = scripts("open.relations")
    for read in (relations.read_docred, relations.read_fewrel):
        with pytest.raises(ValueError, match=r"B013.*dev\.json"):
            list(read(path, ROLES))


def test_what_the_text_says(facts: Any, scripts: Any, tmp_path: Path) -> None:
    """Nouns before and after a name, with what is above all their meanings. "cook" is in no WordNet here."""
    documents = scripts("open.relations").read_docred(write_docred(tmp_path / "dev.json"), ROLES)
    [passage] = facts.mine(documents, scripts("open.passages").Passages(), NLP.vocab)
    types = {passage.words[fact.extents[0][0]]: fact.types for fact in passage.facts}
    assert types == {
        "Mira": ["composer", "singer", "artist", "painter"],
        # An opera can be a play or a building, so neither is sure.
        "The": ["music", "opera"],
        "Riga": ["town"],
        "Daugava": ["river"],
        "1911": [],
    }
    # "German" is no place: the sentence has it as an entity of the kind LOC.
    assert all(passage.words[start] != "German" for fact in passage.facts for start, _ in fact.extents)
    described = facts.describe("singer", "Mira", Random(0))
    assert described[:2] == ["singer", "singer"]
    assert {*described[2:]} == {"names of singers", "singer: someone who sings", "someone who sings"}
    assert facts.describe("opera", "", Random(0)) == ["opera", "opera", "names of operas"]
    facts.names["opera"] += ["The Ships", "Nabucco", "Aida"]
    texts = {text for seed in range(20) for text in facts.describe("opera", "the opera Aida", Random(seed))}
    assert texts == {
        "opera",
        "names of operas",
        "operas, such as The Ships and Nabucco",
        "operas, such as Nabucco and The Ships",
    }


def test_nouns_of_names(facts: Any, scripts: Any) -> None:
    """The last word, or the one before "of". Not of one word, not plural, not of another kind."""
    find = scripts("open.definitions").noun_of_name
    names = [("LOC", "Old Town"), ("LOC", "Town of Riga"), ("LOC", "Town"), ("LOC", "Old Towns"), ("PER", "Ann Town")]
    found = [find(name.split(), kind, facts.nouns) for kind, name in names]
    assert found == [("town", ["town"]), ("town", ["town"]), None, None, None]
    assert find(["Beck", "House", "of", "Arts"], "LOC", facts.nouns) is None


def test_nouns_of_names_of_works(facts: Any, scripts: Any) -> None:
    """ "The Town" may be a film about one. "New Town" need not be a town."""
    find = scripts("open.definitions").noun_of_name
    facts.nouns.synsets |= {"war": facts.synsets["opera"]._replace(file="act", members=("war",))}
    facts.nouns.by_word["war"] = ["war"]
    assert find(["Winter", "War"], "MISC", facts.nouns) == ("war", ["war"])
    assert find(["The", "Opera"], "MISC", facts.nouns) is None
    assert find(["New", "Town"], "LOC", facts.nouns) is None


@pytest.mark.parametrize(
    ("words", "kind", "nouns"),
    [
        ("sang the opera |Aida", "MISC", ["opera"]),
        ("Their long opera |Aida", "MISC", ["opera", "long opera"]),
        ("sang opera |Aida", "MISC", []),
        ("in town |Riga", "LOC", []),
        ("sang singer |Ann", "PER", ["singer", "sang singer"]),
    ],
)
def test_nouns_before_names(facts: Any, scripts: Any, words: str, kind: str, nouns: list[str]) -> None:
    """Before a name that is no person's, only with an article. Otherwise it may belong to what is before it."""
    before, name = words.split("|")
    n = len(before.split())
    entity = scripts("open.relations").Entity(kind, [(n, n + 1)], {})
    found = scripts("open.definitions").define(entity, [*before.split(), name], facts.nouns)
    assert [noun for noun, _ in found] == nouns


def test_definitions_of_one_meaning(facts: Any, scripts: Any) -> None:
    """Of nouns with one meaning, or if all of a type's uses have the same one. Given definitions come first."""
    module = scripts("open.relations")
    words = ["Ann", ",", "a", "singer", ",", "sang", "in", "the", "town", "Riga"]
    entities = [module.Entity("PER", [(0, 1)], {"composer": None}), module.Entity("LOC", [(9, 10)], {})]
    passages = scripts("open.passages").Passages()
    list(facts.mine([module.Document(words, [0], entities, is_whole=True)], passages, NLP.vocab))
    assert facts.definition("singer") == "someone who sings"
    assert facts.definition("artist") == "someone who makes art"
    assert facts.definition("town") == "a place with houses"
    assert facts.definition("composer") is facts.definition("opera") is None
    # Said by a relation too, which may mean something else.
    more = [module.Entity("PER", [(0, 1)], {"singer": None, "artist": None})]
    list(facts.mine([module.Document(words, [0], more, is_whole=True)], passages, NLP.vocab))
    assert facts.definition("singer") is facts.definition("artist") is None
    facts.definitions = {"singer": "who sings"}
    assert facts.definition("singer") == "who sings"


def test_kinds_that_are_not_annotated(facts: Any, scripts: Any) -> None:
    """MultiCoNER has no dates: none of its passages asks for them."""
    module = scripts("open.facts")
    for kind, name in (("PER", "artist"), ("TIME", "birthday"), ("LOC", "river")):
        facts.shares.add(kind, [name])
        facts.counts[kind].update([name])
    artist = module.Fact("PER", [(0, 1)], ["artist"])
    for lacks, missing in ((frozenset(), set()), (frozenset({"TIME"}), {"birthday"})):
        passage = module.FactPassage(["Ann", "1911"], [artist], is_whole=True, lacks=lacks)
        asked = {label for doc in facts.draw([passage], 100, NLP.vocab) for label in doc.spans["sc"].attrs["labels"]}
        assert {"artist", "river", "birthday"} - asked == missing


def test_documents_of_multiconer(scripts: Any) -> None:
    """Four sentences each, with the kind of each entity and what its label says."""
    sentences = []
    for label in ("Politician", "MusicalWork", "Symptom", "Country", "ORG"):
        doc = Doc(NLP.vocab, words=["Ann", "sings"])
        doc.spans["sc"] = [Span(doc, 0, 1, label=label)]
        sentences.append(doc)
    first, last = scripts("open.multiconer").make_documents(sentences)
    assert (first.words, first.starts, first.is_whole) == (["Ann", "sings"] * 4, [0, 2, 4, 6], True)
    assert first.lacks == last.lacks == {"TIME", "NUM"}
    assert [(one.kind, one.mentions, list(one.types)) for one in first.entities] == [
        ("PER", [(0, 1)], ["politician"]),
        ("MISC", [(2, 3)], ["musical work"]),
        ("LOC", [(6, 7)], ["country"]),
    ]
    assert [(one.kind, one.mentions) for one in last.entities] == [("ORG", [(0, 1)])]


def test_types_without_spans_are_sure(facts: Any, scripts: Any, tmp_path: Path) -> None:
    """Types that an entity may have, but is not known to have, are not asked for."""
    documents = list(scripts("open.relations").read_docred(write_docred(tmp_path / "dev.json"), ROLES))
    [passage] = facts.mine(documents, scripts("open.passages").Passages(), NLP.vocab)
    unknown = passage._replace(
        words=["Ana", "met", "Bo"],
        facts=[passage.facts[0]._replace(extents=[(0, 1)]), passage.facts[0]._replace(extents=[(2, 3)], types=[])],
    )
    docs = list(facts.draw([passage, unknown], 200, NLP.vocab, seed=1))
    n_without = 0
    for doc in docs:
        labels = doc.spans["sc"].attrs["labels"]
        found = {(span.text, span.label_) for span in doc.spans["sc"]}
        if doc[0].text == "Ana":
            # Bo may be an artist too.
            assert set(labels) <= {"person", "organization", "place", "music", "opera", "town", "river"}
        assert found == {
            (text, label) for text, types in TRUE.items() if text in doc.text for label in types if label in labels
        }
        n_without += any(label not in {label for _, label in found} for label in labels)
    assert n_without > 50


# All types of each mention.
TRUE = {
    "Ana": {"person"},
    "Bo": {"person"},
    "Mira Holt": {"composer", "singer", "artist", "painter", "person"},
    "The Ships": {"music", "opera"},
    "Riga": {"town", "place"},
    "Daugava": {"river", "place"},
}


def test_shares(scripts: Any) -> None:
    shares = scripts("open.shares").Shares()
    for types in (["artist", "singer"], ["artist"], ["artist"], []):
        shares.add("PER", types)
    assert shares.of("singer", "PER") == 1 / 4
    # What is known of an artist: a third of them are singers too. Of a cook nothing is known.
    assert shares.of("singer", "PER", ["artist", "cook"]) == 1 / 3
    assert shares.of("singer", "PER", ["cook"]) == 1 / 4
    assert shares.of("singer", "LOC") == 0
    assert shares.of("singer", "") == 1 / 4


def test_types_that_others_may_be_of_are_not_asked_for(facts: Any, scripts: Any) -> None:
    """Where not all entities are known, and of an entity of which a general type is known."""
    module = scripts("open.facts")
    for kind, types in (("LOC", ["country"]), ("LOC", ["river"]), ("PER", ["artist", "singer"]), ("PER", ["artist"])):
        facts.shares.add(kind, types)
        facts.counts[kind].update(types)
    bridge = module.Fact("LOC", [(0, 1)], ["bridge"])
    facts.counts["LOC"]["bridge"] += 1
    artist = module.Fact("PER", [(1, 2)], ["artist"])
    passages = [
        module.FactPassage(["Tay", "ends"], [bridge], is_whole=False),
        module.FactPassage(["Only", "Mira"], [artist], is_whole=True),
    ]
    asked = {"Tay": set(), "Only": set()}
    for doc in facts.draw(passages, 200, NLP.vocab):
        asked[doc[0].text] |= {*doc.spans["sc"].attrs["labels"]}
    # England, of which nothing is said, may be in the first one.
    assert asked["Tay"] == {"bridge"}
    assert asked["Only"] == {"artist", "country", "river", "person", "organization", "place"}


def test_a_general_type_has_all_entities_of_a_kind(facts: Any, scripts: Any) -> None:
    """Also where a relation says it of one entity alone."""
    module = scripts("open.facts")
    band = module.Fact("ORG", [(0, 1)], ["organization"])
    label = module.Fact("ORG", [(1, 2)], ["record label"])
    facts.shares.add("ORG", ["organization"])
    facts.counts["ORG"].update(["organization", "record label"])
    docs = list(facts.draw([module.FactPassage(["Abba", "Polar"], [band, label], is_whole=True)], 200, NLP.vocab))
    groups = [doc.spans["sc"] for doc in docs]
    with_general = [group for group in groups if "organization" in group.attrs["labels"]]
    assert len(with_general) > 20
    for group in with_general:
        assert [span.text for span in group if span.label_ == "organization"] == ["Abba", "Polar"]
