"""Read a dictionary: patterns of spaCy's SpanRuler, one per line."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from spacy_binder.corpora.json_values import json_objects
from spacy_binder.corpora.problems import wrong_format

EXPECTED = '{"label": "...", "pattern": "..."} or {"label": "...", "pattern": [{"LOWER": "..."}, ...]}'


def read_patterns(path: Path, labels: Collection[str]) -> list[dict[str, Any]]:
    """Read patterns and check them.

    path (Path): JSON, one pattern per line.
    labels (Collection[str]): The labels of the dataset.
    RETURNS (list[dict]): The patterns.
    RAISES (ValueError): If a line is no pattern, or has another label.
    """
    patterns = []
    for line, value in json_objects(path):
        label, pattern = value.get("label"), value.get("pattern")
        is_tokens = isinstance(pattern, list) and all(isinstance(token, dict) for token in pattern)
        if not pattern or not (isinstance(pattern, str) or is_tokens):
            raise wrong_format(path, line, f"an object with {', '.join(value) or 'nothing'}", EXPECTED)
        if label not in labels:
            raise wrong_format(path, line, f"the label {label!r}", f"one of the dataset: {', '.join(labels)}")
        patterns.append(value)
    return patterns
