"""`spacy_binder.MixedCorpus.v1`: what is drawn, what types are called, and what documents say."""

import gc
import logging
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
import spacy
from conftest import spans_of
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Corpus, Example
from spacy.util import registry
from thinc.api import Config

from spacy_binder.corpora.annotated import AnnotatedCorpus
from spacy_binder.corpora.mixed import MixedCorpus
from spacy_binder.corpora.renaming import Renaming, rename_example
from spacy_binder.text.augmenters import make_chunk_docs

NLP = spacy.blank("en")
Triple = tuple[int, int, str]


def make_doc(name: str, spans: Sequence[Triple] = (), **attrs: Any) -> Doc:
    """RETURNS (Doc): Four words, the first one the name, and spans."""
    doc = Doc(NLP.vocab, words=[name, "a", "b", "c"], sent_starts=[True, False, True, False])
    group = [Span(doc, start, end, label=label) for start, end, label in spans]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=group, attrs=attrs)
    return doc


def corpus_of(docs: Sequence[Doc]) -> Callable[[Language], Iterator[Example]]:
    """RETURNS (Callable): A corpus that keeps its docs."""
    return lambda _: (Example(NLP.make_doc(doc.text), doc) for doc in docs)


def numbered(name: str, n: int) -> Callable:
    """RETURNS (Callable): A corpus of some docs with a person."""
    return corpus_of([make_doc(f"{name}{i}", [(0, 1, "PER")]) for i in range(n)])


def names_of(corpus: Callable) -> list[str]:
    return [example.reference[0].text for example in corpus(NLP)]


def group_of(example: Example) -> SpanGroup:
    return example.reference.spans["sc"]


# The draw


@settings(max_examples=30, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from([0, 0.1, 0.5, 1, 2, 2.5])), min_size=1, max_size=3))
def test_weights_are_passes_over_a_corpus(parts: list[tuple[int, float]]) -> None:
    if not any(weight for _, weight in parts):
        return
    corpora = {f"c{i}.": numbered(f"c{i}.", n) for i, (n, _) in enumerate(parts)}
    corpus = MixedCorpus(corpora, weights={name: weight for name, (_, weight) in zip(corpora, parts, strict=True)})
    for _ in range(2):
        counts = Counter(names_of(corpus))
        for i, (n, weight) in enumerate(parts):
            here = [counts[f"c{i}.{j}"] for j in range(n)]
            assert sum(here) == (max(1, round(n * weight)) if weight else 0)
            assert max(here) - min(here) <= 1
    assert [group_of(eg).attrs["corpus"] for eg in corpus(NLP)] == [
        f"{name.split('.')[0]}." for name in names_of(corpus)
    ]


def test_temperature_decides_the_proportions() -> None:
    """Sizes 64 and 4: 64:4, 8:2 and almost 1:1."""
    found = []
    for temperature in (1, 2, 1e9):
        corpus = MixedCorpus({"big": numbered("big", 64), "small": numbered("small", 4)}, temperature=temperature)
        counts = Counter(group_of(example).attrs["corpus"] for example in corpus(NLP))
        found.append((counts["big"], counts["small"]))
    assert found == [(64, 4), (round(68 * 0.8), round(68 * 0.2)), (34, 34)]


def test_shares_of_a_pass() -> None:
    """One half of 40 examples, and 8:1 of the other half."""
    corpora = {"a": numbered("a", 4), "b": numbered("b", 32), "c": numbered("c", 4)}
    corpus = MixedCorpus(corpora, temperature=1, shares={"a": 0.5})
    counts = Counter(group_of(example).attrs["corpus"] for example in corpus(NLP))
    assert counts == {"a": 20, "b": round(20 * 8 / 9), "c": round(20 / 9)}


def test_the_seed_and_the_pass_decide() -> None:
    """And no other corpus."""

    def passes(seed: int, n_other: int = 5, n_shuffled: int = 0) -> list[list[str]]:
        corpora = {"new": numbered("new", n_other), "old": numbered("old", 40)}
        corpus = MixedCorpus(corpora, weights={"old": 0.1}, seed=seed, n_shuffled=n_shuffled)
        return [names_of(corpus) for _ in range(10)]

    first = passes(0)
    assert first == passes(0) != passes(1)
    assert len({*map(tuple, first)}) > 8
    old = [[name for name in of_pass if "old" in name] for of_pass in first]
    assert old == [[name for name in of_pass if "old" in name] for of_pass in passes(0, n_other=9)]
    shuffled = passes(0, n_shuffled=5)
    assert shuffled == passes(0, n_shuffled=5) != first
    assert list(map(sorted, shuffled)) == list(map(sorted, first))


def test_it_is_a_stream() -> None:
    """After each corpus was counted, it is read as far as its examples were given. None is kept."""
    n_read: Counter[str] = Counter()
    alive: list[weakref.ref] = []

    def counted(name: str, n: int) -> Callable:
        def read(_: Language) -> Iterator[Example]:
            n_read[name] = 0
            for i in range(n):
                n_read[name] += 1
                doc = make_doc(f"{name}{i}", [(0, 1, "PER")])
                alive.append(weakref.ref(doc))
                yield Example(NLP.make_doc(doc.text), doc)

        return read

    corpus = MixedCorpus({"a": counted("a", 30), "b": counted("b", 10)}, weights={"a": 1, "b": 3}, n_shuffled=4)
    most_alive = 0
    for n, example in enumerate(corpus(NLP), start=1):
        if n == 1:
            assert len(alive) == 40 + 4
        if n == 30:
            assert (n_read["a"], n_read["b"]) == (17, 6)
        del example
        gc.collect()
        most_alive = max(most_alive, sum(ref() is not None for ref in alive))
    assert len(alive) == 40 + 60
    assert most_alive <= 6


def test_a_corpus_with_the_weight_0_is_not_read() -> None:
    def read(_: Language) -> Iterator[Example]:
        raise AssertionError

    assert names_of(MixedCorpus({"a": numbered("a", 2), "b": read}, weights={"b": 0})) == ["a0", "a1"]


def test_the_augmenter_comes_after_the_draw() -> None:
    """Passages say what their document says."""
    corpus = MixedCorpus({"a": numbered("a", 8), "b": numbered("b", 2)}, {"a": 0.25}, augmenter=make_chunk_docs(2))
    examples = list(corpus(NLP))
    assert len(examples) == (2 + 2) * 2
    said = [(group_of(example).attrs["labels"], group_of(example).attrs["corpus"]) for example in examples]
    assert Counter(name for _, name in said) == {"a": 4, "b": 4}
    assert all(labels == ["PER"] for labels, _ in said)


# What types are called


def test_labels_and_prefixes() -> None:
    """A prefix comes before labels that keep their name. What is left out is not annotated."""
    docs = {
        "gum": make_doc("x", [(0, 1, "person"), (1, 2, "place"), (2, 3, "abstract")]),
        "wiki": make_doc("y", [(0, 2, "PER"), (1, 2, "GPE")]),
        "bio": make_doc("z", [(0, 2, "protein"), (1, 2, "PER")]),
    }
    corpus = MixedCorpus(
        {name: corpus_of([doc]) for name, doc in docs.items()},
        labels={"gum": {"person": "PER", "abstract": None}, "bio": {"PER": "PER"}},
        prefixes={"bio": "bio_"},
    )
    found = {group_of(example).attrs["corpus"]: example for example in corpus(NLP)}
    assert {name: spans_of(example.reference) for name, example in found.items()} == {
        "gum": [(0, 1, "PER"), (1, 2, "place")],
        "wiki": [(0, 2, "PER"), (1, 2, "GPE")],
        "bio": [(0, 2, "bio_protein"), (1, 2, "PER")],
    }
    said = {name: sorted(group_of(example).attrs["labels"]) for name, example in found.items()}
    assert said == {"gum": ["PER", "place"], "wiki": ["GPE", "PER"], "bio": ["PER", "bio_protein"]}


LABELS = st.sampled_from(["A", "B", "C"])
EXTENTS = st.sampled_from([(0, 1), (0, 2), (2, 4)])
MAPS = st.dictionaries(LABELS, st.sampled_from(["A", "X", "Y", "", None]))


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.tuples(EXTENTS, LABELS), unique=True), MAPS, st.sampled_from(["", "p-"]), st.booleans())
def test_renamed_spans_are_those_of_a_loop(spans: list, labels: dict, prefix: str, says: bool) -> None:
    """Other attributes of spans and group stay. The reader's own document does too."""

    def new(label: str) -> str | None:
        return labels[label] if label in labels else prefix + label

    given = [(*extent, label) for extent, label in spans]
    doc = make_doc(
        "x", given, scores=numpy.arange(len(spans), dtype="float32"), **({"labels": ["A", "B", "C"]} if says else {})
    )
    doc.user_data["kept"] = 1
    before = doc.to_bytes()
    example = rename_example(Example(NLP.make_doc(doc.text), doc), "sc", Renaming("c", labels, prefix), ["A", "B", "C"])
    assert doc.to_bytes() == before
    expected: dict[tuple, float] = {}
    for score, (start, end, label) in enumerate(given):
        if new(label):
            expected.setdefault((start, end, new(label)), score)
    group = group_of(example)
    assert spans_of(example.reference) == list(expected)
    assert group.attrs["scores"].tolist() == list(expected.values())
    assert {*group.attrs["labels"]} == {new(label) for label in "ABC"} - {"", None}
    assert len({*group.attrs["labels"]}) == len(group.attrs["labels"])
    assert example.reference.user_data["kept"] == 1


def test_the_documents_of_a_reader_stay_as_they_are() -> None:
    """In each pass they are renamed anew."""
    docs = [make_doc("x", [(0, 1, "A")]), Doc(NLP.vocab, words=["no", "group"])]
    before = [doc.to_bytes() for doc in docs]
    corpus = MixedCorpus({"a": corpus_of(docs)}, {"a": 2}, labels={"a": {"A": "B"}}, prefixes={"a": "p"})
    for _ in range(2):
        assert [spans_of(example.reference) for example in corpus(NLP)] == [[(0, 1, "B")], []] * 2
    assert [doc.to_bytes() for doc in docs] == before


# What was annotated


def test_what_documents_say() -> None:
    """By themselves, by Annotated.v1, or else all types of their corpus: also those that only the map names."""
    silent = [make_doc("x", [(0, 1, "A")]), make_doc("y"), make_doc("z", labels=["D"])]
    corpora = {
        "own": corpus_of(silent),
        "by reader": AnnotatedCorpus(corpus_of([make_doc("x", [(0, 1, "A")])]), ["A", "E"]),
    }
    with pytest.warns(UserWarning, match=r"BW20.*'own' names labels that don't occur in it: B\..* There are: A, D\."):
        examples = list(MixedCorpus(corpora, labels={"own": {"B": "BB", "A": "AA"}})(NLP))
    said = Counter((group_of(eg).attrs["corpus"], *sorted(group_of(eg).attrs["labels"])) for eg in examples)
    assert said == {("own", "AA", "BB", "D"): 2, ("own", "D"): 1, ("by reader", "A", "E"): 1}


def test_descriptions_of_documents_are_kept() -> None:
    """Under the new names. Of two labels that become one, the first one's description."""
    doc = make_doc("x", [(0, 1, "A")])
    doc.spans["sc"].attrs["labels"] = {"A": ["about a"], "B": "about b", "C": "about c", "D": "about d"}
    corpus = MixedCorpus({"a": corpus_of([doc])}, labels={"a": {"A": "X", "B": "X", "D": None}}, prefixes={"a": "p_"})
    [example] = corpus(NLP)
    assert group_of(example).attrs["labels"] == {"X": ["about a"], "p_C": "about c"}


@pytest.mark.parametrize(
    ("docs", "labels"),
    [
        ([make_doc("x"), Doc(NLP.vocab, words=["x"])], {}),
        ([make_doc("x", labels=[])], {}),
        ([make_doc("x", [(0, 1, "A")])], {"A": None}),
        ([make_doc("x", [(0, 1, "A")], labels=["A"])], {"A": ""}),
    ],
)
def test_corpora_without_a_type(docs: list[Doc], labels: dict) -> None:
    with pytest.raises(ValueError, match=rf"B072.*'bare'.* in its {len(docs)} document.*Annotated.v1"):
        list(MixedCorpus({"bare": corpus_of(docs), "a": numbered("a", 1)}, labels={"bare": labels})(NLP))


def test_other_mistakes() -> None:
    good = numbered("a", 1)
    with pytest.raises(ValueError, match=r"B047.*in the corpus 'empty'"):
        list(MixedCorpus({"a": good, "empty": corpus_of([])})(NLP))
    with pytest.raises(ValueError, match=r"B001.*'nameless'"):
        list(MixedCorpus({"nameless": corpus_of([make_doc("x", [(0, 1, "")])])}, prefixes={"nameless": "p"})(NLP))
    with pytest.raises(ValueError, match=r"B068.*'A'"):
        list(MixedCorpus({"a": corpus_of([make_doc("x", [(0, 1, "A")], labels=["B"])])})(NLP))
    for option in ("weights", "shares", "labels", "prefixes"):
        given: dict = {option: {"b": {} if option == "labels" else 1}}
        with pytest.raises(ValueError, match=r"B016.*Unknown corpus 'b'. There are: a"):
            MixedCorpus({"a": good}, **given)
    bare: Any = {"path": "a.spacy"}
    with pytest.raises(ValueError, match=r"B049.*`corpora.a` .* has to be a reader, but is .*path"):
        MixedCorpus({"a": bare})
    with pytest.raises(ValueError, match=r"B007.*`n_shuffled`.*-1"):
        MixedCorpus({"a": good}, n_shuffled=-1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"a": -1}}, r"`weights.a` .* at least 0, but is -1"),
        ({"weights": {"a": float("nan")}}, r"`weights.a` .* at least 0, but is nan"),
        ({"weights": {"a": float("inf")}}, r"`weights.a` .* at least 0, but is inf"),
        ({"weights": {"a": 0}}, r"`weights` .* above 0 for one"),
        ({"temperature": 0}, r"`temperature` .* above 0, but is 0"),
        ({"temperature": float("nan")}, r"`temperature` .* above 0, but is nan"),
        ({"shares": {"a": 0.5}}, r"`shares` .* null where there is no temperature"),
        ({"temperature": 2, "shares": {"a": 1.0}}, r"`shares.a` .* between 0 and 1, but is 1.0"),
        ({"temperature": 2, "shares": {"a": 0.5}}, r"`shares` .* for some of the corpora"),
        ({"temperature": 2, "weights": {"a": 1}}, r"`weights` .* null where there is a temperature"),
    ],
)
def test_weights_that_are_none(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=r"B049.*" + message):
        MixedCorpus({"a": numbered("a", 1)}, **options)


# Files, configs and what is shown

CONFIG = """
[corpora]

[corpora.train]
@readers = "spacy_binder.MixedCorpus.v1"
seed = 1

[corpora.train.corpora]

[corpora.train.corpora.Gum]
@readers = "spacy.Corpus.v1"
path = "gum.spacy"
gold_preproc = false

[corpora.train.corpora.wiki]
@readers = "spacy_binder.Annotated.v1"
labels = ["PER", "GPE"]

[corpora.train.corpora.wiki.corpus]
@readers = "spacy.Corpus.v1"
path = "wiki.spacy"
gold_preproc = false

[corpora.train.weights]
wiki = 0.5

[corpora.train.labels]

[corpora.train.labels.Gum]
person = "PER"
Abstract thing = null

[corpora.train.prefixes]
Gum = "gum_"
"""


def test_a_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """What the documents say is in DocBins that are made of them."""
    monkeypatch.chdir(tmp_path)
    gum = make_doc("x", [(0, 1, "person"), (0, 1, "gum_place"), (1, 2, "Abstract thing"), (2, 3, "place")])
    DocBin(docs=[gum]).to_disk("gum.spacy")
    DocBin(docs=[make_doc(f"y{i}", [(0, 1, "PER")]) for i in range(4)]).to_disk("wiki.spacy")
    corpus: Any = registry.resolve(Config().from_str(CONFIG))["corpora"]["train"]
    caplog.set_level(logging.INFO, logger="spacy.binder")
    examples = list(corpus(NLP))
    [shown] = caplog.messages
    rows = [line.split() for line in shown.splitlines()]
    assert rows[-2:] == [["Gum", "1", "1", "3", "1", "3"], ["wiki", "4", "2", "4", "0", "2"]]
    DocBin(docs=[example.reference for example in examples]).to_disk("mix.spacy")
    found = [group_of(example) for example in Corpus("mix.spacy")(NLP)]
    assert Counter((group.attrs["corpus"], *sorted(group.attrs["labels"])) for group in found) == {
        ("Gum", "PER", "gum_gum_place", "gum_place"): 1,
        ("wiki", "GPE", "PER"): 2,
    }
    list(corpus(NLP))
    assert len(caplog.messages) == 1


def test_spans_that_become_the_same_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="spacy.binder")
    doc = make_doc("x", [(0, 1, "A"), (0, 1, "B"), (1, 2, "B")])
    [example] = MixedCorpus({"a": corpus_of([doc])}, labels={"a": {"A": "B"}})(NLP)
    assert spans_of(example.reference) == [(0, 1, "B"), (1, 2, "B")]
    assert caplog.messages[0].endswith(
        "'a': spans with the place and the new label of another one, which are left out: 1"
    )
