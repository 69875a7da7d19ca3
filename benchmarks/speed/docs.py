"""The documents that are measured on: as they are, cut up, or joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_binder.text.augmenters import chunk_borders


@dataclass
class Text:
    """The tokens of a document, of which a Doc without annotations can be made time and again."""

    words: list[str]
    spaces: list[bool]
    sent_starts: list[bool | None]

    @classmethod
    def of(cls, doc: Doc) -> Text:
        """RETURNS (Text): The tokens of a doc."""
        spaces = [bool(token.whitespace_) for token in doc]
        return cls([token.text for token in doc], spaces, [token.is_sent_start for token in doc])

    def __len__(self) -> int:
        return len(self.words)

    def __str__(self) -> str:
        return "".join(word + " " * space for word, space in zip(self.words, self.spaces, strict=True))

    def doc(self, vocab: Vocab) -> Doc:
        """RETURNS (Doc): A new doc, with sentence starts where they are known."""
        return Doc(vocab, words=self.words, spaces=self.spaces, sent_starts=self.sent_starts)

    def pieces(self, size: int) -> list[Text]:
        """RETURNS (list[Text]): The text in pieces of so many words, sentences or not."""
        return [
            Text(self.words[i : i + size], self.spaces[i : i + size], self.sent_starts[i : i + size])
            for i in range(0, len(self), size)
        ]


def read_docs(path: str, max_docs: int, vocab: Vocab | None = None) -> list[Doc]:
    """RETURNS (list[Doc]): The docs of a DocBin, at most so many unless that is 0."""
    # A bare Vocab, because spacy.blank imports every plugin there is.
    docs = [doc for doc in DocBin().from_disk(path).get_docs(vocab or Vocab()) if len(doc)]
    return docs[: max_docs or None]


def read_texts(path: str, max_docs: int, cut_at: int = 0) -> list[Text]:
    """RETURNS (list[Text]): The tokens of a DocBin's docs, cut at sentence starts if `cut_at` isn't 0."""
    docs = read_docs(path, max_docs)
    if cut_at:
        docs = [chunk for doc in docs for chunk in cut(doc, cut_at)]
    return [Text.of(doc) for doc in docs]


def cut(doc: Doc, size: int, key: str = "sc") -> Iterator[Doc]:
    """YIELDS (Doc): Runs of a doc's sentences of at most so many words, with the gold spans inside."""
    for start, end in chunk_borders(doc, size):
        chunk = doc[start:end].as_doc()
        inside = [span for span in doc.spans.get(key, []) if start <= span.start and span.end <= end]
        chunk.spans[key] = [Span(chunk, span.start - start, span.end - start, label=span.label) for span in inside]
        yield chunk


def join(texts: list[Text], size: int) -> Text:
    """RETURNS (Text): Texts joined to one of so many words, from the first one again after the last."""
    joined = Text([], [], [])
    for text in cycle(texts):
        joined.words += text.words
        # The last word of a text is no part of the next one's first.
        joined.spaces += [*text.spaces[:-1], True]
        joined.sent_starts += text.sent_starts
        if len(joined) >= size:
            return joined.pieces(size)[0]
    raise ValueError("No texts to join")
