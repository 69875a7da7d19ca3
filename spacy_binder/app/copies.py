"""What a user can copy or download: spans as JSON and CSV, Python lines and config blocks."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

from spacy.language import Language

from ..analysis.component import get_component
from ..descriptions import show_words
from .finding import FoundSpan
from .given import EntityType

# A longer text is read from a file.
LONGEST_TEXT = 400
# A label that can be a key of a config.
KEY = re.compile(r"\w([\w .-]*\w)?")


def spans_as_rows(text: str, spans: Sequence[FoundSpan]) -> list[dict[str, Any]]:
    """RETURNS (list[dict]): Character offsets, label, score and text of each span."""
    return [{**span._asdict(), "score": round(span.score, 4), "text": text[span.start : span.end]} for span in spans]


def spans_as_json(text: str, spans: Sequence[FoundSpan], types: Sequence[EntityType], threshold: float) -> str:
    """RETURNS (str): Text, spans, types and threshold. `spacy binder convert --format jsonl` reads the spans."""
    described = {type_.label: type_.description for type_ in types}
    record = {"text": text, "spans": spans_as_rows(text, spans), "types": described, "threshold": threshold}
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


def spans_as_csv(text: str, spans: Sequence[FoundSpan]) -> str:
    """RETURNS (str): One line per span, after a line with the names of the columns."""
    written = StringIO()
    writer = csv.DictWriter(written, ["start", "end", "label", "score", "text"])
    writer.writeheader()
    writer.writerows(spans_as_rows(text, spans))
    return written.getvalue()


def python_lines(nlp: Language, name: str, model: str, text: str, types: Sequence[EntityType], threshold: float) -> str:
    """Write the Python lines that find the same spans.

    nlp (Language): The pipeline.
    name (str): Its component.
    model (str): The pipeline's folder or name.
    text (str): The text.
    types (Sequence[EntityType]): The types.
    threshold (float): The threshold.
    RETURNS (str): The lines. They set only what is not as in the pipeline.
    """
    pipe = get_component(nlp, name)
    known = {label: show_words(value) for label, value in pipe.label_data.items()}
    labels = [type_.label for type_ in types]
    lines = ["import spacy", "", f"nlp = spacy.load({_literal(model)})", f"ner = nlp.get_pipe({_literal(name)})"]
    lines += [f"ner.remove_label({_literal(label)})" for label in known if label not in labels]
    lines += [
        f"ner.add_label({_literal(type_.label)}, {_literal(type_.description)})"
        for type_ in types
        if known.get(type_.label) != type_.description
    ]
    if threshold != pipe.cfg["threshold"]:
        lines.append(f'ner.cfg["threshold"] = {threshold}')
    thresholds = _own_thresholds(types)
    if thresholds != pipe.cfg["thresholds"]:
        lines.append(f'ner.cfg["thresholds"] = {json.dumps(thresholds, ensure_ascii=False)}')
    given = _literal(text) if len(text) <= LONGEST_TEXT else 'open("text.txt", encoding="utf8").read()'
    lines += [
        "",
        f"doc = nlp({given})",
        f"spans = doc.spans[{_literal(pipe.key)}]",
        'for span, score in zip(spans, spans.attrs["scores"]):',
        '    print(f"{score:.2f}", span.label_, span.text)',
    ]
    return "\n".join(lines) + "\n"


def config_blocks(nlp: Language, name: str, types: Sequence[EntityType], threshold: float) -> str:
    """Write the lines of a config for `spacy train` that have these types and this threshold.

    nlp (Language): The pipeline.
    name (str): Its component.
    types (Sequence[EntityType]): The types.
    threshold (float): The threshold.
    RETURNS (str): The lines. Types that can't stand in a config are read from a file, which a comment shows.
    """
    thresholds = _own_thresholds(types)
    # The table shows several descriptions and examples in one line. Where that is as it was, so is what it stands for.
    known = get_component(nlp, name).label_data
    described = {
        type_.label: known[type_.label]
        if type_.label in known and show_words(known[type_.label]) == type_.description
        else type_.description
        for type_ in types
    }
    labels = [f"[initialize.components.{name}.labels]"]
    is_plain = all(isinstance(value, str) and "$" not in value for value in described.values())
    if is_plain and all(map(KEY.fullmatch, described)):
        labels += [f"{label} = {_literal(description)}" for label, description in described.items()]
    else:
        labels += ['@readers = "spacy.read_labels.v1"', 'path = "labels.json"', "require = true"]
        labels += ["# labels.json:", *("# " + line for line in json.dumps(described, ensure_ascii=False).splitlines())]
    lines = [f"[components.{name}]", 'factory = "binder_ner"', f"spans_key = {_literal(get_component(nlp, name).key)}"]
    lines.append(f"threshold = {threshold}")
    if thresholds:
        lines += ["", f"[components.{name}.thresholds]"]
    lines += [f"{label} = {own}" for label, own in thresholds.items() if KEY.fullmatch(label)]
    unfit = {label: own for label, own in thresholds.items() if not KEY.fullmatch(label)}
    if unfit:
        lines.append(f'# In Python: ner.cfg["thresholds"] = {json.dumps(unfit, ensure_ascii=False)}')
    return "\n".join([*lines, "", *labels]) + "\n"


def _own_thresholds(types: Sequence[EntityType]) -> dict[str, float]:
    return {type_.label: type_.threshold for type_ in types if type_.threshold is not None}


def _literal(text: str) -> str:
    """RETURNS (str): A string as Python writes it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)
