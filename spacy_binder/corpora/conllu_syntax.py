"""Lemmas, parts of speech and dependencies of CoNLL-U as annotations of a Doc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from spacy.parts_of_speech import IDS
from spacy.tokens import Doc
from spacy.vocab import Vocab

from .problems import wrong_format

EMPTY = "_"


class Word(NamedTuple):
    """What a line says of a word.

    line (int): Number of the line.
    lemma (str): The lemma.
    pos (str): The part of speech.
    head (str): Number of the word that it depends on, 0 for none.
    relation (str): How it depends on it.
    """

    line: int
    lemma: str
    pos: str
    head: str
    relation: str


class TokenSyntax(NamedTuple):
    """The syntax of a token.

    lemma (str): The lemma.
    pos (str): The part of speech.
    head (int): The token in the document that it depends on. Its own place for the root of a sentence.
    relation (str): How it depends on it.
    """

    lemma: str
    pos: str
    head: int
    relation: str


def sentence_syntax(words: Sequence[Word], tokens: Sequence[int], path: Path) -> dict[int, TokenSyntax]:
    """Find the syntax of the tokens of a sentence.

    words (Sequence[Word]): Its words. The first one has the number 1.
    tokens (Sequence[int]): For each word, its token in the document. Several words can be one token. It gets the syntax
        of the one of them that is nearest to the root.
    path (Path): The file.
    RETURNS (dict[int, TokenSyntax]): The syntax of each token.
    RAISES (ValueError): If the words are no tree with one root, or a part of speech is none of Universal Dependencies.
    """
    heads = [_head(word, len(words), path) for word in words]
    depths = _depths(heads, words, path)
    chosen: dict[int, int] = {}
    for i in sorted(range(len(words)), key=lambda i: (depths[i], i)):
        chosen.setdefault(tokens[i], i)
    return {
        token: TokenSyntax(
            "" if words[i].lemma == EMPTY else words[i].lemma,
            _pos(words[i], path),
            token if not heads[i] else tokens[heads[i] - 1],
            words[i].relation,
        )
        for token, i in sorted(chosen.items())
    }


def _head(word: Word, n_words: int, path: Path) -> int:
    if not word.head.isdecimal() or len(word.head) > 9 or int(word.head) > n_words:
        raise wrong_format(path, word.line, f"the head {word.head!r}", f"the number of a word up to {n_words}, or 0")
    return int(word.head)


def _pos(word: Word, path: Path) -> str:
    if word.pos == EMPTY:
        return ""
    if word.pos not in IDS:
        raise wrong_format(path, word.line, f"the part of speech {word.pos!r}", "one of Universal Dependencies, or _")
    return word.pos


def _depths(heads: Sequence[int], words: Sequence[Word], path: Path) -> list[int]:
    """RETURNS (list[int]): How many words are between each word and the root."""
    dependents: list[list[int]] = [[] for _ in range(len(heads) + 1)]
    for i, head in enumerate(heads):
        dependents[head].append(i)
    depths = [-1] * len(heads)
    level, depth = dependents[0], 0
    while level:
        for i in level:
            depths[i] = depth
        level, depth = [other for i in level for other in dependents[i + 1]], depth + 1
    if words and (len(dependents[0]) != 1 or -1 in depths):
        line = words[depths.index(-1) if -1 in depths else 0].line
        raise wrong_format(
            path, line, "words that are no tree with one root", "one word with the head 0, above all others"
        )
    return depths


def make_doc(vocab: Vocab, words: list[str], spaces: list[bool], syntax: dict[int, TokenSyntax]) -> Doc:
    """Make a Doc with syntax. Its sentences are the trees.

    vocab (Vocab): The vocabulary.
    words (list[str]): The tokens.
    spaces (list[bool]): Whether a space follows each of them.
    syntax (dict[int, TokenSyntax]): The syntax of each token.
    RETURNS (Doc): The Doc.
    """
    of_tokens = [syntax[i] for i in range(len(words))]
    return Doc(
        vocab,
        words=words,
        spaces=spaces,
        lemmas=[token.lemma for token in of_tokens],
        pos=[token.pos for token in of_tokens],
        heads=[token.head for token in of_tokens],
        deps=[token.relation for token in of_tokens],
    )
