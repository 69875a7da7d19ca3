"""Docs → wordpieces → windows: properties over tokens of every kind."""

import copy
from collections.abc import Sequence
from dataclasses import fields
from itertools import chain, pairwise
from typing import Any

import numpy
import pytest
import spacy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from spacy_binder.text.windows import Windows, cut_words, has_most_context, make_windows
from spacy_binder.text.wordpieces import special_wordpieces, tokenize, tokenize_texts

VOCAB = spacy.blank("en").vocab
PREFIX, SUFFIX = [101], [102]

quick = settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.one_of(
    st.sampled_from(["The", "old", "customs", "house", "in", "Riga", ".", "unbelievably", "Kjerringøy"]),
    st.sampled_from([" ", "\n\n", "\t", "\u00a0", "\u3000"]),
    st.sampled_from(["\x00", "\x7f", "\u200b", "\ufeff", "\ufffd", "\u00ad"]),
    st.sampled_from(["🙂", "👩‍👩‍👧", "🇳🇴", "東京", "\uff46\uff55\uff4c\uff4c", "e\u0301", "ﷺ"]),
    st.sampled_from(["x" * 150, "donaudampfschifffahrt" * 4, "https://example.com/?a=b&c=d"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
)


@st.composite
def docs(draw: st.DrawFn, words: st.SearchStrategy[str] = WORDS) -> Doc:
    """A doc, maybe empty, with or without sentence starts."""
    texts = draw(st.lists(words, max_size=25))
    spaces = draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    starts = draw(st.none() | st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    return Doc(VOCAB, words=texts, spaces=spaces, sent_starts=starts)


@pytest.fixture(scope="module")
def bert(minilm: str) -> Any:
    """The tokenizer of the embedded encoder."""
    return AutoTokenizer.from_pretrained(minilm)


@pytest.fixture(scope="module")
def byte_level() -> Any:
    """A tokenizer like RoBERTa's, which tells words after a space from others and keeps whitespace."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<s>", "</s>", "<pad>"], show_progress=False
    )
    tokenizer.train_from_iterator(["the old customs house in the old town"] * 3, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


def make(
    docs: Sequence[Doc], tokenizer: Any, *, capacity: int = 10, stride: int = 3, sentences: bool = True
) -> Windows:
    """RETURNS (Windows): The windows of some docs."""
    return make_windows(
        tokenize(docs, tokenizer, capacity=capacity),
        prefix=PREFIX,
        suffix=SUFFIX,
        capacity=capacity,
        stride=stride,
        sentences=sentences,
    )


def expected_words(doc: Doc, tokenizer: Any, *, capacity: int, spaces: bool = False) -> list[tuple[int, list[int]]]:
    """RETURNS (list): Token and wordpieces of each word, by calling the tokenizer on each token alone."""
    words = []
    for token in doc:
        after_space = spaces and token.i > 0 and bool(doc[token.i - 1].whitespace_)
        ids = tokenizer(" " * after_space + token.text, add_special_tokens=False)["input_ids"]
        if ids and not token.is_space:
            words.append((token.i, ids[:capacity]))
    return words


def window_tokens(windows: Windows, row: int) -> list[int]:
    """RETURNS (list[int]): The tokens of a window's words."""
    return windows.token[windows.word_start[row] : windows.word_start[row + 1]].tolist()


@quick
@given(st.lists(docs(), max_size=4), st.integers(1, 12))
def test_wordpieces_are_those_of_each_token(bert: Any, some: list[Doc], capacity: int) -> None:
    """Each word has the wordpieces that the tokenizer gives it alone; what is cut off is reported."""
    wordpieces = tokenize(some, bert, capacity=capacity)
    found = []
    for start, end in pairwise(wordpieces.doc_start):
        borders = wordpieces.word_start[start : end + 1]
        ids = [wordpieces.ids[a:b].tolist() for a, b in pairwise(borders)]
        found.append(list(zip(wordpieces.token[start:end].tolist(), ids, strict=True)))
    assert found == [expected_words(doc, bert, capacity=capacity) for doc in some]
    long = {t.text for doc in some for t in doc if len(bert(t.text, add_special_tokens=False)["input_ids"]) > capacity}
    assert sorted(wordpieces.too_long) == sorted(long)


def test_docs_may_have_vocabs_of_their_own(bert: Any) -> None:
    """Also docs without tokens, and tokens that only one vocab knows."""
    texts = [["old", "house"], [], ["Bergen", "old"], ["Kjerringøy"], []]
    separate = tokenize([Doc(spacy.blank("en").vocab, words=words) for words in texts], bert, capacity=9)
    shared = tokenize([Doc(VOCAB, words=words) for words in texts], bert, capacity=9)
    for field in fields(shared):
        numpy.testing.assert_array_equal(getattr(separate, field.name), getattr(shared, field.name))


@pytest.mark.parametrize("max_length", [3, 4, 7, 100])
def test_texts_are_cut_off_as_transformers_does(minilm: str, byte_level: Any, max_length: int) -> None:
    texts = ["", "old", "the old customs house in the old town", "Kjerringøy " * 50, "a b"]
    for tokenizer in (AutoTokenizer.from_pretrained(minilm), copy.deepcopy(byte_level)):
        found = tokenize_texts(texts, tokenizer, max_length=max_length)
        assert found == tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]


@quick
@given(st.lists(docs(), min_size=1, max_size=3))
def test_wordpieces_of_a_tokenizer_that_sees_spaces(byte_level: Any, some: list[Doc]) -> None:
    """RoBERTa's tokenizers tell a word after a space from one without; a doc's first word has none before it."""
    wordpieces = tokenize(some, byte_level, capacity=500)
    expected = [expected_words(doc, byte_level, capacity=500, spaces=True) for doc in some]
    assert wordpieces.token.tolist() == [token for words in expected for token, _ in words]
    assert wordpieces.ids.tolist() == [i for words in expected for _, ids in words for i in ids]


def test_long_whitespace_is_no_long_word(byte_level: Any) -> None:
    """A tokenizer that keeps whitespace gives a long run many wordpieces, but none of them is used or missed."""
    wordpieces = tokenize([Doc(VOCAB, words=["old", "\n" * 30, "house"])], byte_level, capacity=5)
    assert wordpieces.token.tolist() == [0, 2]
    assert wordpieces.too_long == []


@quick
@given(st.lists(docs(), max_size=3))
def test_sentences_of_words(bert: Any, some: list[Doc]) -> None:
    """Words have the same sentence number if no sentence start lies between them, whitespace included."""
    wordpieces = tokenize(some, bert, capacity=500)
    for doc, (start, end) in zip(some, pairwise(wordpieces.doc_start), strict=True):
        tokens, sentence = wordpieces.token[start:end].tolist(), wordpieces.sentence[start:end].tolist()
        for i in range(1, len(tokens)):
            between = range(tokens[i - 1] + 1, tokens[i] + 1)
            assert (sentence[i] != sentence[i - 1]) == any(doc[t].is_sent_start is True for t in between)


@quick
@given(st.lists(docs(), max_size=4), st.integers(2, 20), st.integers(0, 19), st.booleans())
def test_windows_cover_all_words(bert: Any, some: list[Doc], capacity: int, stride: int, sentences: bool) -> None:
    """Every word of every doc stands in a window, in order, and no window is above its capacity."""
    windows = make(some, bert, capacity=capacity, stride=min(stride, capacity - 1), sentences=sentences)
    assert (windows.lengths <= capacity + 2).all()
    assert windows.doc.tolist() == sorted(windows.doc)
    for i, doc in enumerate(some):
        words = [token for token, _ in expected_words(doc, bert, capacity=capacity)]
        rows = numpy.flatnonzero(windows.doc == i).tolist()
        covered: list[int] = []
        for row in rows:
            tokens = window_tokens(windows, row)
            assert tokens == words[words.index(tokens[0]) :][: len(tokens)]
            assert tokens[0] <= (covered[-1] if covered else words[0]) or tokens[0] == words[len(covered)]
            covered += [token for token in tokens if not covered or token > covered[-1]]
        assert covered == words


def batch_cost(groups: Sequence[Sequence[int]], cost: int) -> int:
    """RETURNS (int): The padded wordpieces of groups of lengths, and the cost of each group."""
    return sum(cost + max(group) * len(group) for group in groups)


def partitions(lengths: list[int]) -> list[list[list[int]]]:
    """RETURNS (list): All ways to cut a list into groups of neighbours."""
    if not lengths:
        return [[]]
    heads = range(1, len(lengths) + 1)
    return [[lengths[:n], *rest] for n in heads for rest in partitions(lengths[n:])]


def with_lengths(lengths: list[int]) -> Windows:
    """RETURNS (Windows): Windows that have nothing but lengths."""
    nothing = numpy.zeros(0, dtype="int64")
    values = {field.name: nothing for field in fields(Windows)}
    return Windows(**{**values, "lengths": numpy.array(lengths, dtype="int64")})


@quick
@given(st.lists(st.integers(1, 60), max_size=8), st.integers(1, 150), st.integers(0, 80))
def test_groups_cost_least(lengths: list[int], budget: int, cost: int) -> None:
    """Of all ways to cut the sorted windows into groups within the budget, none needs less."""
    groups = [[lengths[row] for row in rows] for rows in with_lengths(lengths).group_by_length(budget, cost=cost)]
    assert sorted(length for group in groups for length in group) == sorted(lengths)
    assert [max(group) for group in groups] == sorted((max(group) for group in groups), reverse=True)
    allowed = [
        some
        for some in partitions(sorted(lengths, reverse=True))
        if all(len(group) == 1 or max(group) * len(group) <= budget for group in some)
    ]
    assert batch_cost(groups, cost) == min(batch_cost(some, cost) for some in allowed)


@quick
@given(st.lists(docs(), max_size=3), st.integers(2, 20), st.integers(0, 400), st.integers(1, 3))
def test_batches_hold_the_ids_of_each_word(bert: Any, some: list[Doc], capacity: int, budget: int, n: int) -> None:
    """Each window is in one batch within the budget, of one of n shares; first and last point to its words."""
    windows = make(some, bert, capacity=capacity, stride=1)
    pieces = [dict(expected_words(doc, bert, capacity=capacity)) for doc in some]
    seen: list[int] = []
    shares = [list(windows.group_by_length(budget, first=i, step=n)) for i in range(n)]
    assert max(sum(map(len, share)) for share in shares) <= -(-len(windows) // n)
    for rows in chain(*shares):
        batch = windows.batch(rows, pad_id=7)
        seen += rows.tolist()
        assert len(rows) == 1 or batch.input_ids.size <= budget
        assert batch.input_ids.shape == (len(rows), max(batch.lengths))
        for i, row in enumerate(rows.tolist()):
            tokens = window_tokens(windows, row)
            ids = batch.input_ids[i, : batch.lengths[i]].tolist()
            words = [pieces[windows.doc[row]][token] for token in tokens]
            assert ids == PREFIX + [wordpiece for word in words for wordpiece in word] + SUFFIX
            assert (batch.input_ids[i, batch.lengths[i] :] == 7).all()
            assert batch.n_words[i] == len(tokens)
            for word, first, last in zip(words, batch.first[i], batch.last[i], strict=False):
                assert ids[first : last + 1] == word
    assert sorted(seen) == list(range(len(windows)))


@st.composite
def cut_input(draw: st.DrawFn) -> tuple[list[int], list[int], int, int]:
    """Lengths of words, their sentences, a capacity and a stride."""
    capacity = draw(st.integers(1, 12))
    lengths = draw(st.lists(st.integers(1, capacity), max_size=30))
    starts = draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    return lengths, numpy.cumsum(starts, dtype="int64").tolist(), capacity, draw(st.integers(0, capacity - 1))


def word_borders(lengths: list[int]) -> numpy.ndarray:
    """RETURNS (numpy.ndarray): First wordpiece of each word, and the total."""
    return numpy.concatenate([[0], numpy.cumsum(lengths, dtype="int64")])


@quick
@given(cut_input())
def test_cuts(given_: tuple[list[int], list[int], int, int]) -> None:
    """Windows are as full as can be, end at a sentence's end if one is in reach, and overlap if not."""
    lengths, sentence, capacity, stride = given_
    windows = cut_words(word_borders(lengths), numpy.array(sentence, dtype="int64"), capacity=capacity, stride=stride)
    start = 0
    for i, (first, end) in enumerate(windows):
        assert first == start < end
        assert sum(lengths[first:end]) <= capacity
        in_reach = [e for e in range(first + 1, len(lengths)) if sum(lengths[first:e]) <= capacity]
        sentence_ends = [e for e in in_reach if sentence[e] != sentence[e - 1]]
        if sum(lengths[first:]) <= capacity:
            assert (first, end) == (windows[-1][0], len(lengths))
        elif sentence_ends:
            assert end == sentence_ends[-1]
            start = end
        else:
            assert end == in_reach[-1]
            start = windows[i + 1][0]
            # The overlap is at most the stride; one more word would be above it, or leave no room for a new one.
            assert sum(lengths[start:end]) <= stride
            assert sum(lengths[start - 1 : end]) > stride or sum(lengths[start - 1 : end + 1]) > capacity
    assert (windows[-1][1] if windows else 0) == len(lengths)


@quick
@example(([1, 1, 1, 1, 1, 2], [0] * 6, 2, 1))
@given(cut_input())
def test_every_window_brings_new_words(given_: tuple[list[int], list[int], int, int]) -> None:
    """No window lies inside the one before it: that would be a forward pass for nothing."""
    lengths, sentence, capacity, stride = given_
    windows = cut_words(word_borders(lengths), numpy.array(sentence, dtype="int64"), capacity=capacity, stride=stride)
    assert all(a[0] < b[0] <= a[1] < b[1] for a, b in pairwise(windows))


@pytest.mark.parametrize(
    "sentence, stride, expected",
    [
        ([0] * 10, 0, [(0, 4), (4, 8), (8, 10)]),
        ([0] * 10, 2, [(0, 4), (2, 6), (4, 8), (6, 10)]),
        ([0] * 3 + [1] * 7, 2, [(0, 3), (3, 7), (5, 9), (7, 10)]),
        ([0, 0, 1, 1, 2, 2, 3, 3, 4, 4], 2, [(0, 4), (4, 8), (8, 10)]),
    ],
    ids=["no overlap", "overlap", "sentence in reach", "two sentences a window"],
)
def test_cuts_of_ten_words(sentence: list[int], stride: int, expected: list[tuple[int, int]]) -> None:
    """Ten words of one wordpiece each, four to a window."""
    assert cut_words(word_borders([1] * 10), numpy.array(sentence), capacity=4, stride=stride) == expected


@quick
@given(docs(st.sampled_from(["old", "customs", "Kjerringøy", "\n"])), st.integers(6, 12), st.integers(0, 5))
def test_one_best_window_a_span(bert: Any, doc: Doc, capacity: int, stride: int) -> None:
    """Each span that a window holds is judged by one window: the first with the most context."""
    # A doc before and one after: their windows are no rivals.
    other = Doc(VOCAB, words=["old"] * 20)
    windows = make([other, doc, other], bert, capacity=capacity, stride=stride)
    context: dict[tuple[int, int, int], dict[int, int]] = {}
    for row in range(len(windows)):
        tokens = window_tokens(windows, row)
        for i, first in enumerate(tokens):
            for last in tokens[i:]:
                to_border = min(first - tokens[0], tokens[-1] - last)
                context.setdefault((int(windows.doc[row]), first, last + 1), {})[row] = to_border
    triples = [(row, start, end) for (_, start, end), rows in context.items() for row in rows]
    found = has_most_context(windows, *numpy.array(triples, dtype="int64").reshape(-1, 3).T)
    judges = [triple for triple, best in zip(triples, found, strict=True) if best]
    # max() gives the first of equals.
    assert judges == [(max(sorted(rows), key=lambda r: rows[r]), span[1], span[2]) for span, rows in context.items()]


def test_docs_without_words(bert: Any) -> None:
    """Docs that are empty, or of whitespace alone, have no windows; others have theirs."""
    nothing = [Doc(VOCAB), Doc(VOCAB, words=["\n", " "]), Doc(VOCAB, words=["\u200b"])]
    assert len(make(nothing, bert)) == 0
    assert list(make(nothing, bert).group_by_length(100)) == []
    windows = make([*nothing, Doc(VOCAB, words=["Riga"]), Doc(VOCAB)], bert)
    assert windows.doc.tolist() == [3]
    assert (windows.token_start.tolist(), windows.token_end.tolist()) == ([0], [1])


def test_a_token_longer_than_a_window(bert: Any) -> None:
    """It keeps its place and its first wordpieces, and is reported; its neighbours lose nothing."""
    doc = Doc(VOCAB, words=["old", "donaudampfschifffahrt" * 4, "house"])
    wordpieces = tokenize([doc], bert, capacity=5)
    assert wordpieces.too_long == [doc[1].text]
    assert numpy.diff(wordpieces.word_start).tolist() == [1, 5, 1]
    assert window_tokens(make([doc], bert, capacity=5, stride=0), 1) == [1]


def test_special_wordpieces(bert: Any, byte_level: Any) -> None:
    """[CLS] and [SEP], by whatever name."""
    assert special_wordpieces(bert) == ([bert.cls_token_id], [bert.sep_token_id])
    assert special_wordpieces(byte_level) == ([0], [1])


def test_a_tokenizer_without_cls_is_an_error(byte_level: Any) -> None:
    """The thresholds come from [CLS]: there has to be one."""
    inner = Tokenizer.from_str(byte_level.backend_tokenizer.to_str())
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    with pytest.raises(ValueError, match=r"B011.*no special token before the text"):
        special_wordpieces(PreTrainedTokenizerFast(tokenizer_object=inner))
