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
