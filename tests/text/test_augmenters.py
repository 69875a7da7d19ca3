"""Training documents cut into chunks."""

import time
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Corpus, Example
from spacy.util import filter_spans, fix_random_seed, registry

from spacy_binder.text.augmenters import count_lost, cut_doc, make_chunk_docs, make_cut_windows, passage_borders

NLP = spacy.blank("en")

Spans = Sequence[tuple[int, int, str]]


def make_doc(n_tokens: int, spans: Spans = (), sentences: Sequence[int] = (), spaces: bool = True) -> Doc:
    """RETURNS (Doc): Numbered tokens, with spans and with sentence starts if some are given."""
    starts: list[bool | int | None] | None = [i == 0 or i in sentences for i in range(n_tokens)] if sentences else None
    doc = Doc(NLP.vocab, words=[f"w{i}" for i in range(n_tokens)], spaces=[spaces] * n_tokens, sent_starts=starts)
    doc.spans["sc"] = [Span(doc, *span) for span in spans]
    return doc


def chunks_of(doc: Doc, max_tokens: int, predicted: Doc | None = None) -> list[Example]:
    """RETURNS (list[Example]): The chunks of a doc; without another one given, both sides have its tokens."""
    if predicted is None:
        predicted = Doc(NLP.vocab, words=[t.text for t in doc], spaces=[bool(t.whitespace_) for t in doc])
    return list(make_chunk_docs(max_tokens)(NLP, Example(predicted, doc)))


def absolute_spans(chunks: list[Example]) -> list[tuple[int, int, str]]:
    """RETURNS (list): The chunks' spans, as tokens of the whole doc."""
    spans = []
    offset = 0
    for chunk in chunks:
        spans += [(s.start + offset, s.end + offset, s.label_) for s in chunk.reference.spans["sc"]]
        offset += len(chunk.reference)
    return spans


@st.composite
def annotated_doc(draw: st.DrawFn) -> Doc:
    """A doc with any spans, nested and crossing, and with or without sentence starts."""
    n_tokens = draw(st.integers(0, 25))
    borders = [(start, end) for start in range(n_tokens) for end in range(start + 1, min(start + 9, n_tokens + 1))]
    spans = draw(st.lists(st.sampled_from(borders), max_size=6)) if borders else []
    sentences = draw(st.lists(st.integers(1, 25), max_size=5))
    return make_doc(n_tokens, [(*span, "ORG") for span in spans], sentences, draw(st.booleans()))


@settings(max_examples=100, deadline=None, database=None)
@given(annotated_doc(), st.integers(1, 12))
def test_chunks_have_every_token_and_every_span_they_can(doc: Doc, max_tokens: int) -> None:
    """No token is lost or doubled, no chunk is too long, and only spans across a border are left out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        chunks = chunks_of(doc, max_tokens)
    lengths = [len(chunk.reference) for chunk in chunks]
    assert "".join(chunk.reference.text_with_ws for chunk in chunks) == doc.text_with_ws
    assert sum(lengths) == len(doc)
    assert max(lengths) <= max_tokens
    for chunk in chunks:
        assert [t.text_with_ws for t in chunk.predicted] == [t.text_with_ws for t in chunk.reference]
        assert not chunk.predicted.spans
    borders = {sum(lengths[:i]) for i in range(len(lengths))}
    whole = [span for span in doc.spans["sc"] if not borders & {*range(span.start + 1, span.end)}]
    assert sorted(absolute_spans(chunks)) == sorted((span.start, span.end, "ORG") for span in whole)
    n_crossing = len(doc.spans["sc"]) - len(whole)
    assert [str(w.message).split()[1] for w in caught] == ([str(n_crossing)] if n_crossing else [])


@settings(max_examples=100, deadline=None, database=None)
@given(annotated_doc(), st.integers(1, 12))
def test_borders(doc: Doc, max_tokens: int) -> None:
    """The last sentence start in reach; without one, the last place outside spans; without one, the most tokens."""
    start = 0
    for first, end in passage_borders(doc, max_tokens):
        assert first == start < end
        in_reach = range(first + 1, first + max_tokens + 1)
        sentences = [i for i in in_reach if i < len(doc) and doc[i].is_sent_start]
        free = [i for i in in_reach if not any(span.start < i < span.end for span in doc.spans["sc"])]
        best = [*sentences[-1:], *free[-1:], first + max_tokens][0]
        assert end == (len(doc) if first + max_tokens >= len(doc) else best)
        start = end
    assert start == len(doc)


@pytest.mark.parametrize(
    "sentences, spans, expected",
    [
        ([], [], [(0, 4), (4, 8), (8, 10)]),
        ([3, 5], [], [(0, 3), (3, 5), (5, 9), (9, 10)]),
        ([2, 4, 6, 8], [], [(0, 4), (4, 8), (8, 10)]),
        ([], [(3, 6, "ORG")], [(0, 3), (3, 7), (7, 10)]),
        ([], [(0, 9, "ORG")], [(0, 4), (4, 8), (8, 10)]),
    ],
    ids=["nothing to respect", "a sentence in reach", "two sentences a chunk", "a span", "a span too long"],
)
def test_borders_of_ten_tokens(sentences: list[int], spans: Spans, expected: list[tuple[int, int]]) -> None:
    """Four tokens a chunk."""
    with_sentences = make_doc(10, spans, sentences)
    assert passage_borders(with_sentences, 4) == expected


@pytest.mark.parametrize(("first", "end"), [(1, 4), (3, 4), (4, 4), (7, 4), (8, 8)])
def test_the_first_passage_has_a_sentence_at_least(first: int, end: int) -> None:
    """A random length may be shorter than the first sentence. Without sentences, it stays as it is."""
    doc = make_doc(20, [(0, 4, "ORG")], sentences=[4, 8, 12, 16])
    assert passage_borders(doc, 8, first) == [(0, end), (end, end + 8), *([(12, 20)] if end == 4 else [(16, 20)])]
    assert passage_borders(make_doc(20), 8, first)[0] == (0, first)


def test_borders_that_fall_elsewhere_each_time() -> None:
    """With `random_start` only the first chunk is shorter; no token is lost, and the seed decides."""
    doc = make_doc(20, sentences=range(20))
    predicted = Doc(NLP.vocab, words=[t.text for t in doc])
    cut = make_chunk_docs(6, random_start=True)
    fix_random_seed(0)
    lengths = [[len(eg.reference) for eg in cut(NLP, Example(predicted, doc))] for _ in range(50)]
    assert all(sum(of_one) == 20 and set(of_one[1:-1]) == {6} for of_one in lengths)
    assert {of_one[0] for of_one in lengths} == {1, 2, 3, 4, 5, 6}
    fix_random_seed(0)
    assert lengths[0] == [len(eg.reference) for eg in cut(NLP, Example(predicted, doc))]


def test_a_short_example_stays_itself() -> None:
    """Nothing is copied that needs no cut."""
    example = Example(make_doc(5), make_doc(5, [(1, 3, "ORG")]))
    assert list(make_chunk_docs(5)(NLP, example)) == [example]


def test_spans_that_cross_are_counted() -> None:
    """One warning a doc says how many were left out and what to do; sentences of chunks stay sentences."""
    doc = make_doc(9, [(0, 2, "ORG"), (2, 6, "PER"), (3, 7, "LOC"), (7, 9, "GPE")], [2, 4])
    with pytest.warns(UserWarning, match=r"BW06\] 2 gold span\(s\) cross.*`max_tokens` is 5: raise it"):
        chunks = chunks_of(doc, 5)
    assert absolute_spans(chunks) == [(0, 2, "ORG"), (7, 9, "GPE")]
    assert [[t.i for t in chunk.reference if t.is_sent_start] for chunk in chunks] == [[0, 2], [0]]


def test_kb_ids_and_other_keys_are_kept() -> None:
    """Everything that a group and its spans say goes with them."""
    doc = make_doc(6, sentences=[3])
    spans = [Span(doc, 0, 2, label="ORG"), Span(doc, 4, 6, label="ORG", kb_id="Q1", span_id="x")]
    attrs = {"scores": numpy.asarray([0.5, 0.75]), "by": "Ines"}
    doc.spans["other"] = SpanGroup(doc, name="named", spans=spans, attrs=attrs)
    _, chunk = chunks_of(doc, 3)
    group = chunk.reference.spans["other"]
    assert [(s.start, s.end, s.label_, s.kb_id_, s.id_) for s in group] == [(1, 3, "ORG", "Q1", "x")]
    assert (group.name, group.attrs["by"], group.attrs["scores"].tolist()) == ("named", "Ines", [0.75])
    assert list(chunk.reference.spans["sc"]) == []


@settings(max_examples=60, deadline=None, database=None)
@given(annotated_doc(), st.lists(st.tuples(st.integers(0, 24), st.integers(1, 9)), max_size=5))
def test_passages_are_those_of_all_pairs(doc: Doc, windows: list[tuple[int, int]]) -> None:
    """Passages that overlap. What `Span.as_doc` keeps is kept, and spans keep the order of their group."""
    doc.ents = filter_spans(doc.spans["sc"])
    borders = sorted({(start, min(start + length, len(doc))) for start, length in windows if start < len(doc)})
    for (start, end), passage in zip(borders, cut_doc(doc, borders), strict=True):
        inside = [span for span in doc.spans["sc"] if start <= span.start and span.end <= end]
        assert [(s.start + start, s.end + start) for s in passage.spans["sc"]] == [(s.start, s.end) for s in inside]
        assert passage.to_json()["tokens"] == doc[start:end].as_doc().to_json()["tokens"]
        assert [(e.start, e.end) for e in passage.ents] == [(e.start, e.end) for e in doc[start:end].as_doc().ents]
    whole = [s for s in doc.spans["sc"] if any(a <= s.start and s.end <= b for a, b in borders)]
    ends = [end for _, end in borders]
    if ends == sorted(ends):
        assert count_lost(doc, borders) == len(doc.spans["sc"]) - len(whole)


def test_many_spans_in_many_passages_in_little_time() -> None:
    """Each passage has its own spans alone. Looking at all spans for each passage took 86 s."""
    n = 20_000
    doc = make_doc(n, [(i, i + 1, "ORG") for i in range(n)])
    started = time.process_time()
    chunks = chunks_of(doc, 5)
    assert sum(len(chunk.reference.spans["sc"]) for chunk in chunks) == n
    assert time.process_time() - started < 5


def test_other_tokens_on_the_predicted_side() -> None:
    """Where the pipeline's tokenizer disagrees with the reference, each chunk is tokenized anew."""
    words = ["Don't", "go", ".", "Stay", "in", "Riga", "."]
    gold = Doc(NLP.vocab, words=words, sent_starts=[True, False, False, True, False, False, False])
    gold.spans["sc"] = [Span(gold, 5, 6, "GPE")]
    first, second = chunks_of(gold, 4, predicted=NLP.make_doc(gold.text))
    assert [t.text for t in first.predicted] == ["Do", "n't", "go", "."]
    assert [t.text for t in first.reference] == words[:3]
    assert [s.text for s in second.get_aligned_spans_y2x(second.reference.spans["sc"])] == ["Riga"]


@pytest.fixture
def corpus_path(tmp_path: Path) -> Path:
    """Two docs on disk, one of them short."""
    docs = [make_doc(10, [(1, 3, "ORG"), (5, 6, "PER")], [4]), make_doc(2, [(0, 1, "LOC")])]
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    return tmp_path / "docs.spacy"


def test_as_augmenter_of_a_corpus(corpus_path: Path) -> None:
    """As a config names it: [corpora.train.augmenter] @augmenters = "spacy_binder.chunk_docs.v1"."""
    augmenter = registry.augmenters.get("spacy_binder.chunk_docs.v1")(max_tokens=6)
    nlp: Language = spacy.blank("en")
    examples = list(Corpus(corpus_path, augmenter=augmenter)(nlp))
    assert [len(example.predicted) for example in examples] == [4, 6, 2]
    assert [[s.label_ for s in example.reference.spans["sc"]] for example in examples] == [["ORG"], ["PER"], ["LOC"]]


@pytest.mark.parametrize("max_tokens", [0, -1])
def test_chunks_have_at_least_a_token(max_tokens: int) -> None:
    """The message names the setting and its least value."""
    with pytest.raises(ValueError, match=r"B007.*`max_tokens` has to be at least 1"):
        make_chunk_docs(max_tokens)


def test_windows_of_the_published_code(minilm: str) -> None:
    """Windows of 8 wordpieces with an overlap of 2, over sentence borders; those without a span can be left out."""
    words = [
        "Anna",
        "met",
        "the",
        "old",
        "king",
        "of",
        "Norway",
        "in",
        "a",
        "small",
        "town",
        ".",
        "Then",
        "she",
        "sailed",
        "home",
        "with",
        "her",
        "father",
        ".",
    ]
    doc = Doc(NLP.vocab, words=words, sent_starts=[i in (0, 12) for i in range(len(words))])
    doc.spans["sc"] = [Span(doc, 0, 1, "PER"), Span(doc, 2, 7, "PER"), Span(doc, 6, 7, "GPE"), Span(doc, 17, 19, "PER")]
    predicted = Doc(NLP.vocab, words=words)
    cut = partial(make_cut_windows, minilm, window=8, stride=2)
    with pytest.warns(UserWarning, match=r"BW06\] 1 gold span\(s\) cross.*`stride` is 2: raise it\."):
        every = list(cut(skip_without_spans=False)(NLP, Example(predicted, doc)))
    texts = [eg.reference.text.strip() for eg in every]
    assert texts == [
        "Anna met the old king of",
        "king of Norway in a small",
        "a small town . Then she",
        "Then she sailed home with her",
        "with her father .",
    ]
    # The king's span is cut by both windows, and counted; her father's is whole in the last one alone.
    assert [[s.text for s in eg.reference.spans["sc"]] for eg in every] == [
        ["Anna"],
        ["Norway"],
        [],
        [],
        ["her father"],
    ]
    with pytest.warns(UserWarning, match="BW06"):
        kept = list(cut()(NLP, Example(predicted, doc)))
    assert [eg.reference.text.strip() for eg in kept] == [texts[0], texts[1], texts[4]]
    with pytest.raises(ValueError, match=r"B008.*stride from 0 to 5"):
        make_cut_windows(minilm, window=8, stride=6)
