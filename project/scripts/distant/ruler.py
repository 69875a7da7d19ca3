"""Make a pipeline of a dictionary, and label raw text with it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from .strings import KEY


def make_ruler(patterns: Sequence[dict[str, Any]], *, overlap: bool = True, phrase_attribute: str = "ORTH") -> Language:
    """Make a pipeline of a dictionary.

    patterns (Sequence[dict]): Patterns for spaCy's SpanRuler.
    overlap (bool): Whether to keep all matches. Otherwise the longest of overlapping matches is kept.
    phrase_attribute (str): How patterns that are strings match: ORTH as written, LOWER in any case.
    RETURNS (Language): A pipeline of a SpanRuler. It needs spaCy alone.
    """
    nlp = spacy.blank("en")
    config = {
        "spans_key": KEY,
        "spans_filter": None if overlap else {"@misc": "spacy.first_longest_spans_filter.v1"},
        "phrase_matcher_attr": phrase_attribute,
        "overwrite": True,
        "scorer": {"@scorers": "spacy.overlapping_labeled_spans_scorer.v1", "spans_key": KEY},
    }
    nlp.add_pipe("span_ruler", config=config).add_patterns(list(patterns))  # type: ignore[attr-defined]
    return nlp


def label_docs(nlp: Language, docs: Iterable[Doc]) -> Iterator[Doc]:
    """Label docs with a dictionary alone.

    nlp (Language): The result of `make_ruler`.
    docs (Iterable[Doc]): The docs. They keep tokens and sentences, and lose their spans.
    YIELDS (Doc): The same docs with the dictionary's spans.
    """
    for doc in docs:
        doc.spans.clear()
        doc.set_ents([])
        yield nlp.get_pipe("span_ruler")(doc)
