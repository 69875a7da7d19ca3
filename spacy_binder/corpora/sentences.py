"""Set the sentence starts of a doc."""

from __future__ import annotations

from collections.abc import Iterable

import numpy
from spacy.attrs import SENT_START
from spacy.tokens import Doc


def set_sentence_starts(doc: Doc, starts: Iterable[bool]) -> None:
    """Set for all tokens whether they start a sentence. `token.is_sent_start` looks at the whole doc for each token.

    doc (Doc): The doc.
    starts (Iterable[bool]): Whether each token starts a sentence.
    """
    values = numpy.asarray([1 if start else -1 for start in starts], dtype="int64")
    doc.from_array([SENT_START], values.astype("uint64"))  # type: ignore[arg-type]


def start_sentences_at_lines(doc: Doc) -> None:
    """Start a sentence at the first word of each line. Whitespace belongs to the line before.

    doc (Doc): The doc.
    """
    is_due = True
    starts = []
    for token in doc:
        starts.append(is_due and not token.is_space)
        is_due = token.is_space and (is_due or "\n" in token.text)
    set_sentence_starts(doc, starts)
