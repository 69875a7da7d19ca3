"""A dictionary as a pipeline, and what it finds in raw text."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from .strings import KEY


def make_ruler(patterns: Sequence[dict[str, Any]], *, overlap: bool = True, phrase_attribute: str = "ORTH") -> Language:
    """Make a pipeline of a dictionary.

    patterns (Sequence[dict]): Patterns for spaCy's SpanRuler.
    overlap (bool): Whether to keep all matches, or of overlapping ones the longest.
    phrase_attribute (str): What of a token has to be that of a pattern that is a string: ORTH, or LOWER for any case.
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
    """Label docs with nothing but a dictionary.

    nlp (Language): What `make_ruler` makes.
    docs (Iterable[Doc]): Docs of any annotation. They keep tokens and sentences.
    YIELDS (Doc): The same docs with the dictionary's spans, and none of those they had.
    """
    for doc in docs:
        doc.spans.clear()
        doc.set_ents([])
        yield nlp.get_pipe("span_ruler")(doc)
