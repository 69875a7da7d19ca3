"""The types that an update learns: those of the component, and those that training documents describe themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy
from spacy.training import Example

from .descriptions import TypeWords
from .gold import annotated_labels, described_types
from .text.arrays import Bools2d


class LearnedTypes(NamedTuple):
    """K types of an update.

    words (list[TypeWords]): What describes each type.
    places (list[dict[str, int]]): The place of each label's type, one dict per example. Two documents may describe one
        label in two ways: these are two types.
    annotated (Bools2d, optional): Whether a type was annotated in an example, one row per example and one column per
        type. None if all types were annotated in all examples.
    """

    words: list[TypeWords]
    places: list[dict[str, int]]
    annotated: Bools2d | None


def learned_types(examples: Iterable[Example], spans_key: str, own: Mapping[str, TypeWords]) -> LearnedTypes:
    """Find the types that some examples were annotated with.

    Other types of the component have no part in the loss, so that they need not be encoded.

    examples (Iterable[Example]): The examples.
    spans_key (str): Key of doc.spans with the gold spans.
    own (Mapping[str, TypeWords]): What describes each label of the component.
    RETURNS (LearnedTypes): The types. Those of the component come first, in its order.
    RAISES (ValueError): If what an example says of its types can't be used.
    """
    rows: list[dict[str, TypeWords]] = []
    said_all = True
    for example in examples:
        labels = annotated_labels(example.reference, spans_key)
        said_all &= labels is None
        described = described_types(example.reference, spans_key)
        known = own if labels is None else {label: own[label] for label in labels if label in own}
        rows.append({**known, **described})
    if said_all:
        place = {label: i for i, label in enumerate(own)}
        return LearnedTypes(list(own.values()), [place] * len(rows), None)
    found = {(label, words) for row in rows for label, words in row.items()}
    first = [(label, words) for label, words in own.items() if (label, words) in found]
    rest = dict.fromkeys((label, words) for row in rows for label, words in row.items())
    place_of = {kind: i for i, kind in enumerate(dict.fromkeys([*first, *rest]))}
    places = [{label: place_of[label, words] for label, words in row.items()} for row in rows]
    annotated = numpy.zeros((len(rows), len(place_of)), dtype=bool)
    for row, of_labels in zip(annotated, places, strict=True):
        row[list(of_labels.values())] = True
    return LearnedTypes([words for _, words in place_of], places, annotated)
