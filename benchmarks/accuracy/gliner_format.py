"""Docs in GLiNER's format, and what GLiNER finds as spans of docs. Nothing here needs gliner."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from spacy_binder.config import default_description

from .reader import KEY
from .scores import Extents

Border = tuple[int, int]


def read_names(path: Path, *, described: bool = False) -> dict[str, str]:
    """Read what GLiNER calls each label.

    path (Path): The labels and their descriptions.
    described (bool): Whether labels are called by their whole descriptions. Otherwise by their names, in lower case:
        a description up to its colon.
    RETURNS (dict[str, str]): The name of each label.
    RAISES (ValueError): If two labels have one name.
    """
    descriptions = json.loads(path.read_text(encoding="utf8"))
    names = {label: text if described else short_name(label, text) for label, text in descriptions.items()}
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice:
        raise ValueError(f"More than one label of {path} is called {', '.join(twice)}")
    return names


def short_name(label: str, description: str) -> str:
    """RETURNS (str): The description up to its colon, or else the label in words. In lower case."""
    name, colon, _ = description.partition(":")
    return (name if colon else default_description(label)).strip().lower()


def to_example(passage: Doc, names: dict[str, str]) -> dict[str, Any]:
    """Make an example for GLiNER's trainer.

    passage (Doc): The passage, with its gold spans.
    names (dict[str, str]): The name of each label.
    RETURNS (dict): Its words, and its gold spans: first word, last word and name. All names are among the
        negatives, so that each step has all labels and not only those that occur in its passages.
    """
    return {
        "tokenized_text": [token.text for token in passage],
        "ner": [[span.start, span.end - 1, names[span.label_]] for span in passage.spans[KEY]],
        "ner_negatives": list(names.values()),
    }


def to_extents(entities: Iterable[tuple[int, int, str]], start: int, names: dict[str, str]) -> Extents:
    """Turn what was found in a passage into spans of its doc.

    entities (Iterable): First word, last word and name of each entity.
    start (int): The passage's first token in the doc.
    names (dict[str, str]): The name of each label.
    RETURNS (set): First token, end and label of each span.
    """
    labels = {name: label for label, name in names.items()}
    return {(start + first, start + last + 1, labels[name]) for first, last, name in entities}


def count_unreachable(docs: Iterable[Doc], borders: Iterable[list[Border]], max_width: int) -> dict[str, int]:
    """Count the gold spans that GLiNER can't find.

    docs (Iterable[Doc]): The gold docs.
    borders (Iterable[list]): First token and end of each passage, for each doc.
    max_width (int): The most words per span.
    RETURNS (dict[str, int]): The gold spans (`spans`), those that have more words (`wide`), and of the others those
        that no passage has whole (`cut`).
    """
    spans = wide = cut = 0
    for doc, passages in zip(docs, borders, strict=True):
        for span in doc.spans[KEY]:
            spans += 1
            wide += len(span) > max_width
            whole = any(start <= span.start and span.end <= end for start, end in passages)
            cut += len(span) <= max_width and not whole
    return {"spans": spans, "wide": wide, "cut": cut}
