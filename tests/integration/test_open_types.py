"""The workflow `open`: types that are mined from WordNet and from coreference chains."""

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import spacy
import typer
from open_files import IT, PORT, RIGA, SHIP, SYNSETS, conllu, write_wordnet
from project_copy import PROJECT
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner

from spacy_binder.corpora.conllu import read_conllu
from spacy_binder.corpora.problems import Problems

NLP = spacy.blank("en")
PORTS, MARTS = "ports", "market towns"
UNDER = ("Riga", "Bonn", "port", "market town")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The scripts of the project, by name."""
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    return import_module


@pytest.fixture
def wordnet(scripts: Any, tmp_path: Path) -> Any:
    """Passages of a WordNet of ten synsets, in which each hypernym is a type."""
    write_wordnet(tmp_path)
    synsets = scripts("open.wordnet").read_wordnet(tmp_path)
    rules = scripts("open.hypernyms").Rules(min_names=1, min_nouns=1)
    return scripts("open.mining").WordNetPassages(synsets, rules, n_types=4)


def above(name: str) -> set[str]:
    """RETURNS (set[str]): A synset and all those that it is under, by the definition."""
    _, _, up, instance_of, _ = SYNSETS[name]
    return {name}.union(*map(above, [*up, *instance_of]))


def entries(doc: Doc) -> Iterator[tuple[int, int, set[str]]]:
    """YIELDS (tuple): Places where a passage has words of a synset, and the synsets that they can have."""
    text = [token.text for token in doc]
    for start in range(len(text)):
        for end in range(start + 1, min(start + 4, len(text)) + 1):
            words = " ".join(text[start:end])
            found = {
                name for name, (members, *_) in SYNSETS.items() if words in members or words in map(plural, members)
            }
            if found:
                yield start, end, found


def plural(word: str) -> str:
    return f"{word}s"


def test_wordnet_is_read(scripts: Any, tmp_path: Path) -> None:
    write_wordnet(tmp_path)
    synsets = scripts("open.wordnet").read_wordnet(tmp_path)
    assert {name: set(one.hypernyms) for name, one in synsets.items()} == {
        name: {*up, *instance_of} for name, (_, _, up, instance_of, _) in SYNSETS.items()
    }
    assert [name for name, one in synsets.items() if one.is_instance] == ["bonn", "riga", "holt"]
    assert (synsets["port"].file, synsets["port"].examples) == ("location", ("They came to the port at night",))
    found = scripts("open.hypernyms").all_hypernyms(synsets)
    assert {name: {name, *steps} for name, steps in found.items()} == {name: above(name) for name in SYNSETS}
    assert found["riga"] == {"port": 1, "town": 2, "place": 3}


def test_words_that_yaml_takes_for_values(scripts: Any, tmp_path: Path) -> None:
    (tmp_path / "noun.x.yaml").write_text("1-n:\n  members: [no, 1984]\n  definition: [yes]\n", encoding="utf8")
    [synset] = scripts("open.wordnet").read_wordnet(tmp_path).values()
    assert (synset.members, synset.definition) == (("no", "1984"), "yes")


@pytest.mark.parametrize("text", ["- a\n", "1-n: {definition: [a]}\n", "1-n: [\n"])
def test_files_that_are_no_wordnet(scripts: Any, tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"No file noun\.\*\.yaml"):
        scripts("open.wordnet").read_wordnet(tmp_path)
    (tmp_path / "noun.x.yaml").write_text(text, encoding="utf8")
    with pytest.raises(ValueError, match=r"B013.*noun\.x\.yaml"):
        scripts("open.wordnet").read_wordnet(tmp_path)


def test_rules_of_types(scripts: Any, tmp_path: Path) -> None:
    write_wordnet(tmp_path)
    synsets = scripts("open.wordnet").read_wordnet(tmp_path)
    hypernyms = scripts("open.hypernyms")
    found = hypernyms.all_hypernyms(synsets)

    def types(**rules: int) -> list[set[str]]:
        rules = {"min_names": 1, "min_nouns": 1, **rules}
        inventories = hypernyms.make_inventories(synsets, found, hypernyms.Rules(**rules))
        return [set(inventories[is_name].types) for is_name in (True, False)]

    assert types() == [{"port", "town", "place", "painter", "artist"}, {"town", "place", "artist"}]
    # Two names are under town and place.
    assert types(min_names=2, min_nouns=3) == [{"town", "place"}, {"place"}]
    assert types(max_steps=1) == [{"port", "town", "painter"}, {"town", "place", "artist"}]
    # Five nouns and names are under place.
    assert "place" not in set.union(*types(max_under=5))


def test_spans_are_those_of_all_types_above_an_entry(wordnet: Any) -> None:
    """Each entry has a span of each type that it is under, and no span of another type."""
    names = {name: members for name, (members, *_) in SYNSETS.items()}
    n_negative = 0
    for doc in wordnet.draw(300, NLP.vocab, seed=1):
        group = doc.spans["sc"]
        labels = group.attrs["labels"]
        assert 1 <= len(labels) <= 4 + 8 * 2 and len(doc) <= 90
        places: dict[tuple[int, int], set[str]] = {}
        for span in group:
            places.setdefault((span.start, span.end), set()).add(span.label_)
        possible = {(start, end): found for start, end, found in entries(doc)}
        for place, found in places.items():
            # One of the meanings of the words explains all labels of the place: those that are above it, and no other.
            options = [
                {label for label in labels if any(label in names[up] for up in above(one))} for one in possible[place]
            ]
            assert found in options, (doc.text, place, found)
        n_negative += sum(all(span.label_ != label for span in group) for label in labels)
    assert n_negative > 50


def test_descriptions_of_types(wordnet: Any) -> None:
    """The bare name twice, and three others: the definition, plurals, kinds below, names under it, other words."""
    texts: dict[str, set[str]] = {}
    for doc in wordnet.draw(500, NLP.vocab):
        for label, described in doc.spans["sc"].attrs["labels"].items():
            assert described[:2] == [label, label] and len(set(described)) == len(described) - 1 == 4
            texts.setdefault(label, set()).update(described[2:])
            # Names of the passage would give it away.
            assert not any(name in doc.text and name in text for text in described for name in ("Riga", "Bonn"))
    town = {"town: a place with many houses", "a place with many houses", "names of towns"}
    kinds = {
        f"{start} {kinds}"
        for start in ("names of", "towns:")
        for kinds in (f"{PORTS} and {MARTS}", f"{MARTS} and {PORTS}")
    }
    assert town | kinds | {"names of burghs"} <= texts["town"]
    assert texts["town"] - town - kinds <= {
        "names of burghs",
        *(f"towns, such as {a} and {b}" for a, b in permutations(UNDER, 2)),
    }
    assert "names of towns" in texts["burgh"]
    assert texts["painter"] == {"painter: an artist who paints", "an artist who paints", "names of painters"}


def test_names_beside_entries(scripts: Any, tmp_path: Path) -> None:
    """A name in a definition has the types that all its meanings have. What it is in some of them is not asked for."""
    write_wordnet(tmp_path)
    path = tmp_path / "noun.location.yaml"
    more = (
        "kiel:\n  members: [Kiel]\n  definition: [a town near Bonn and City of Bonn and sea]\n"
        "  instance_hypernym: [town]\n"
        "lund:\n  members: [Lund]\n  definition: [a town far from Riga]\n  instance_hypernym: [town]\n"
        "riga2:\n  members: [Riga]\n  definition: [a drink]\n  instance_hypernym: [port2]\n"
    )
    path.write_text(path.read_text(encoding="utf8") + more, encoding="utf8")
    synsets = scripts("open.wordnet").read_wordnet(tmp_path)
    passages = scripts("open.mining").WordNetPassages(
        synsets, scripts("open.hypernyms").Rules(min_names=1, min_nouns=1)
    )
    n = n_doubtful = 0
    for doc in passages.draw(500, NLP.vocab):
        group = doc.spans["sc"]
        labels = group.attrs["labels"]
        if "far from Riga" in doc.text:
            # It may be the drink.
            n_doubtful += 1
            said = {text for texts in labels.values() for text in texts}
            assert said.isdisjoint({"a town with ships", "a place with many houses", "a drink"})
        for name in ("Bonn", "City of Bonn"):
            place = doc.text.find(f"near {name} and" if name == "Bonn" else f"and {name} and")
            if place >= 0 and "town" in labels:
                n += 1
                found = [(span.text, span.label_) for span in group]
                assert (name, "town") in found
    assert n > 20 and n_doubtful > 20


def test_nouns_beside_entries(scripts: Any, tmp_path: Path) -> None:
    """In a passage of nouns, a noun of a definition has the types that all its meanings have. No "at" is money."""
    write_wordnet(tmp_path)
    path = tmp_path / "noun.location.yaml"
    more = (
        "bay:\n  members: [bay town]\n  definition: [a painter at the port or burghs]\n  hypernym: [town]\n"
        "at:\n  members: [at]\n  definition: [a small place]\n  hypernym: [town]\n"
    )
    path.write_text(path.read_text(encoding="utf8") + more, encoding="utf8")
    passages = scripts("open.mining").WordNetPassages(
        scripts("open.wordnet").read_wordnet(tmp_path), scripts("open.hypernyms").Rules(min_names=1, min_nouns=1)
    )
    n = 0
    for doc in passages.draw(500, NLP.vocab):
        found = {(span.text, span.label_) for span in doc.spans["sc"]}
        labels = doc.spans["sc"].attrs["labels"]
        if "a painter at the port or burghs" in doc.text:
            n += 1
            # "port" may be the drink.
            expected = {("painter", "artist"), ("painter", "painter"), ("burghs", "town"), ("burghs", "place")}
            assert {(text, label) for text, label in expected if label in labels} <= found
            words = [token.text for token in doc]
            places = [i for i in range(len(words)) if words[i : i + 4] == ["painter", "at", "the", "port"]]
            covered = {i for span in doc.spans["sc"] for i in range(span.start, span.end)}
            assert places and covered.isdisjoint({i + offset for i in places for offset in (1, 3)})
    assert n > 20


def test_the_seed_decides(wordnet: Any) -> None:
    def shown(seed: int) -> list:
        docs = wordnet.draw(20, NLP.vocab, seed=seed)
        return [(doc.text, [(s.text, s.label_) for s in doc.spans["sc"]], doc.spans["sc"].attrs) for doc in docs]

    assert shown(3) == shown(3) != shown(4)
    docs = list(wordnet.draw(20, NLP.vocab, seed=3))
    read = DocBin().from_bytes(DocBin(docs=docs).to_bytes()).get_docs(spacy.blank("en").vocab)
    assert [(doc.text, dict(doc.spans["sc"].attrs["labels"])) for doc in read] == [
        (doc.text, dict(doc.spans["sc"].attrs["labels"])) for doc in docs
    ]


def test_another_meaning_of_a_word_is_no_negative(scripts: Any, tmp_path: Path) -> None:
    """Riga is a port. That it is no port to drink is not said."""
    write_wordnet(tmp_path)
    text = (tmp_path / "noun.person.yaml").read_text(encoding="utf8")
    more = "wine:\n  members: [wine]\n  definition: [a drink]\n  hypernym: [port2]\n"
    tawny = "tawny:\n  members: [Tawny]\n  definition: [a wine]\n  instance_hypernym: [port2]\n"
    (tmp_path / "noun.person.yaml").write_text(text + more + tawny, encoding="utf8")
    synsets = scripts("open.wordnet").read_wordnet(tmp_path)
    rules = scripts("open.hypernyms").Rules(min_names=1, min_nouns=1)
    passages = scripts("open.mining").WordNetPassages(synsets, rules)
    n = 0
    for doc in passages.draw(300, NLP.vocab):
        group = doc.spans["sc"]
        if [span for span in group if span.text == "Riga"] and "port" in group.attrs["labels"]:
            described = " ".join(group.attrs["labels"]["port"])
            covered = {span.text for span in group if span.label_ == "port"}
            n += "a town with ships" in described
            # If it is the drink, then because a drink is there.
            assert "Riga" in covered if "a town with ships" in described else covered & {"wine", "Tawny"}
    assert n > 10


def test_examples_of_nouns(scripts: Any) -> None:
    find = scripts("open.entries").find_member
    words = ["The", "old", "Market", "Towns", "of", "Riga"]
    assert find(words, ["town", "market town"]) == (3, 4)
    assert find(words, ["market town"]) == (2, 4)
    assert find(words, ["harbour", "old market"]) == (1, 3)
    assert find(words, ["Rig", "towns of riga now"]) is None


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("town", "towns"),
        ("city", "cities"),
        ("day", "days"),
        ("church", "churches"),
        ("news", "news"),
        ("work of art", "works of art"),
    ],
)
def test_plural(scripts: Any, noun: str, expected: str) -> None:
    assert scripts("open.wording").plural(noun) == expected


# Coreference chains


def read_chains(scripts: Any, folder: Path, *documents: str) -> list:
    path = folder / "x.conllu"
    path.write_text("".join(documents), encoding="utf8")
    docs = read_conllu(path, NLP, problems=Problems(strict=True), syntax=True)
    return list(scripts("open.chains").mine_chains(docs, scripts("open.passages").Passages(8)))


def test_nouns_of_a_chain_are_types_of_all_its_mentions(scripts: Any, tmp_path: Path) -> None:
    """Also of those in other passages. A pronoun is no mention there. Chains of another document are others."""
    found = read_chains(scripts, tmp_path, conllu("a", PORT, RIGA, IT), conllu("b", RIGA, SHIP))
    shown = [(" ".join(one.words), one.mentions, one.named, set(one.in_document)) for one in found]
    all_types = {"port", "painter"}
    assert shown == [
        ("The old port slept", {"port": [(0, 3)]}, ["port"], all_types),
        ("Riga saw Mira Holt in 1911", {"port": [(0, 1)], "painter": [(2, 4)]}, ["port", "painter"], all_types),
        ("It liked the painter", {"painter": [(2, 4)]}, ["painter"], all_types),
        # Nothing says what Riga is there.
        ("Riga saw Mira Holt in 1911 Ships rot", {"ship": [(6, 7)]}, [], {"ship"}),
    ]


def test_draws_of_chains(scripts: Any, tmp_path: Path) -> None:
    """Types of a passage have all their spans. Others are of no entity of its document."""
    found = read_chains(scripts, tmp_path, conllu("a", PORT, RIGA, IT), conllu("b", RIGA, SHIP))
    draw = scripts("open.chains").draw_chains
    docs = list(draw(found, 800, NLP.vocab, seed=5))
    by_text = {" ".join(one.words): one for one in found}
    for doc in docs:
        passage, group = by_text[doc.text.strip()], doc.spans["sc"]
        assert {span.label_ for span in group} == set(passage.mentions)
        assert Counter((span.start, span.end, span.label_) for span in group) == Counter(
            (*place, lemma) for lemma, places in passage.mentions.items() for place in places
        )
        others = set(group.attrs["labels"]) - set(passage.mentions)
        assert others == {"port", "painter", "ship"} - set(passage.in_document)
        assert all(described == [label, label, f"{label}s"] for label, described in group.attrs["labels"].items())
    # One more than the types with a name: 2, 3, 2 and 1 of 8.
    counts = Counter(len(by_text[doc.text.strip()].named) for doc in docs)
    assert abs(counts[2] - 300) < 60 and abs(counts[0] - 100) < 40
    assert [doc.text for doc in docs] == [doc.text for doc in draw(found, 800, NLP.vocab, seed=5)]


def test_passages(scripts: Any) -> None:
    """Sentences stay whole if they fit. Short docs are joined. A span that is cut is counted."""
    module = scripts("open.passages")

    def make(words: str, *spans: tuple[int, int, str]) -> Doc:
        doc = Doc(NLP.vocab, words=words.split(), sent_starts=[i % 3 == 0 for i in range(len(words.split()))])
        doc.spans["sc"] = [spacy.tokens.Span(doc, *span) for span in spans]
        return doc

    passages = module.Passages(6)
    docs = [make("a b c d e f g h i", (1, 3, "X"), (5, 7, "Y"), (7, 9, "Z")), make("j k", (1, 2, "X"))]
    joined = list(passages.join(passages.cut(docs), NLP.vocab))
    assert [[token.text for token in doc] for doc in joined] == [list("abcdef"), list("ghijk")]
    assert [[(s.start, s.end, s.label_) for s in doc.spans["sc"]] for doc in joined] == [
        [(1, 3, "X")],
        [(1, 3, "Z"), (4, 5, "X")],
    ]
    assert [[s.start for s in doc.sents] for doc in joined] == [[0, 3], [0, 3]]
    assert passages.n_lost == 1
    assert sorted(module.shuffled(range(9), 1)) == list(range(9))


# Nothing to draw from, and no number to draw


def test_draws_from_nothing_are_an_error(scripts: Any) -> None:
    with pytest.raises(ValueError, match="coreference"):
        next(scripts("open.chains").draw_chains([], 4, NLP.vocab))
    with pytest.raises(ValueError, match="entities"):
        next(scripts("open.facts").Facts({}, {}).draw([], 4, NLP.vocab))


@pytest.mark.parametrize(
    ("script", "arguments"),
    [("open_types", ["a", "b", "c", "--n-chains", "0"]), ("open_configure", ["a", "b", "c", "--steps", "0"])],
)
def test_numbers_of_nothing_are_refused(scripts: Any, script: str, arguments: list[str]) -> None:
    """With 0 steps, spaCy would train without end."""
    app = typer.Typer()
    app.command()(scripts(script).main)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2 and arguments[-2] in result.output and "equal to 1" in result.output
