"""Tokenize docs into wordpieces, token by token.

So every token starts and ends at a wordpiece. A token that has wordpieces is called a word; whitespace has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy
from spacy.attrs import IS_SPACE, ORTH, SENT_START, SPACY
from spacy.tokens import Doc

from ..errors import Errors
from .arrays import Ints1d, ranges, start_offsets
from .word_shapes import word_shape

# A transformers.PreTrainedTokenizerBase, which takes seconds to import.
TokenizerT = Any


@dataclass
class Wordpieces:
    """The wordpieces of some docs, as flat arrays over all docs.

    ids (Ints1d): Id of each wordpiece. Special wordpieces are not included.
    shapes (Ints1d): Shape of the word that each wordpiece belongs to, see `WORD_SHAPES`.
    word_start (Ints1d): Index in `ids` of each word's first wordpiece, and the total at the end.
    token (Ints1d): Index of each word's token in its doc.
    sentence (Ints1d): Running number of each word's sentence. A doc without sentence starts is one sentence.
    doc_start (Ints1d): Index of each doc's first word, and the total at the end.
    too_long (list[str]): Tokens that were cut off, because they have more wordpieces than a window holds.
    """

    ids: Ints1d
    shapes: Ints1d
    word_start: Ints1d
    token: Ints1d
    sentence: Ints1d
    doc_start: Ints1d
    too_long: list[str]


def special_wordpieces(tokenizer: TokenizerT) -> tuple[list[int], list[int]]:
    """Find the special wordpieces that a tokenizer puts around a text.

    tokenizer (PreTrainedTokenizerBase): A Hugging Face tokenizer.
    RETURNS (tuple[list[int], list[int]]): Ids before and after the text, like those of [CLS] and [SEP].
    RAISES (ValueError): If there is none before the text.
    """
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    full = tokenizer("a")["input_ids"]
    for i in range(1, len(full) - len(plain) + 1):
        if full[i : i + len(plain)] == plain:
            return full[:i], full[i + len(plain) :]
    raise ValueError(Errors.B011.format(encoder=tokenizer.name_or_path))


def tokenize_texts(texts: list[str], tokenizer: TokenizerT, *, max_length: int) -> list[list[int]]:
    """Tokenize texts whole, with special wordpieces.

    A tokenizer that cuts off what is too long has another state than one that doesn't, and threads can't change the
    state of a tokenizer that they share. So it is cut off here.

    texts (list[str]): The texts.
    tokenizer (PreTrainedTokenizerBase): A Hugging Face tokenizer, see `reset_tokenizer`.
    max_length (int): The most wordpieces per text. The rest of a longer text is cut off before the special wordpieces.
    RETURNS (list[list[int]]): Wordpiece ids of each text.
    """
    tokenized = tokenizer(texts, return_attention_mask=False, return_special_tokens_mask=True, verbose=False)
    rows = []
    for row, is_special in zip(tokenized["input_ids"], tokenized["special_tokens_mask"], strict=True):
        excess = len(row) - max_length
        if excess > 0:
            end = max((i for i, special in enumerate(is_special, start=1) if not special), default=len(row))
            row = row[: end - excess] + row[end:]
        rows.append(row)
    return rows


def reset_tokenizer(tokenizer: TokenizerT) -> None:
    """Let a tokenizer neither cut off nor pad, as its file may tell it to. Later calls don't change its state.

    tokenizer (PreTrainedTokenizerBase): A Hugging Face tokenizer.
    """
    tokenizer("a", padding=False, truncation=False)


def tokenize(docs: Sequence[Doc], tokenizer: TokenizerT, *, capacity: int) -> Wordpieces:
    """Tokenize docs token by token. Each distinct token is tokenized once.

    docs (Sequence[Doc]): The docs. Each one may have a vocab of its own.
    tokenizer (PreTrainedTokenizerBase): A Hugging Face tokenizer.
    capacity (int): The most wordpieces per token. The rest of a longer token is cut off and reported.
    RETURNS (Wordpieces): The wordpieces.
    """
    lengths = numpy.array([len(doc) for doc in docs], dtype="int64")
    doc_token = start_offsets(lengths)
    if not doc_token[-1]:
        empty = numpy.zeros(0, dtype="int64")
        return Wordpieces(empty, empty, numpy.zeros(1, dtype="int64"), empty, empty, doc_token, [])
    attrs = [cast(numpy.ndarray, doc.to_array([ORTH, SPACY, SENT_START, IS_SPACE])) for doc in docs if len(doc)]
    orth, spaced, sent_start, is_space = numpy.concatenate(attrs).T
    token = numpy.arange(len(orth)) - numpy.repeat(doc_token[:-1], lengths)
    sentence = numpy.cumsum((sent_start == 1) | (token == 0))
    keys = orth.copy()
    after_space = numpy.zeros(len(orth), dtype="uint64")
    if tokenizer.tokenize("a") != tokenizer.tokenize(" a"):
        after_space[1:] = spaced[:-1]
        after_space[token == 0] = 0
        keys += after_space
    _, where, inverse = numpy.unique(keys, return_index=True, return_inverse=True)
    strings = [doc.vocab.strings for doc in docs]
    owner = numpy.searchsorted(doc_token, where, side="right") - 1
    texts = [" " * int(after_space[i]) + strings[k][int(orth[i])] for i, k in zip(where, owner, strict=True)]
    pieces = tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)["input_ids"]
    pieces = [[] if space else ids for ids, space in zip(pieces, is_space[where].astype(bool), strict=True)]
    too_long = [text for text, ids in zip(texts, pieces, strict=True) if len(ids) > capacity]
    pieces = [ids[:capacity] for ids in pieces]
    n_distinct = numpy.array([len(ids) for ids in pieces], dtype="int64")
    flat = numpy.array([i for ids in pieces for i in ids], dtype="int64")
    shapes = numpy.array([word_shape(text) for text in texts], dtype="int64")
    n_pieces = n_distinct[inverse]
    is_word = n_pieces > 0
    n_pieces, inverse = n_pieces[is_word], inverse[is_word]
    return Wordpieces(
        ids=flat[ranges(start_offsets(n_distinct)[inverse], n_pieces)],
        shapes=numpy.repeat(shapes[inverse], n_pieces),
        word_start=start_offsets(n_pieces),
        token=token[is_word],
        sentence=sentence[is_word],
        doc_start=start_offsets(is_word.astype("int64"))[doc_token],
        too_long=too_long,
    )
