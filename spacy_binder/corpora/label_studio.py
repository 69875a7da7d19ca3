"""Read Label Studio's exports JSON and JSON-MIN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from .files import json_objects, source_files
from .problems import Problems, wrong_format
from .spans import Annotation, set_spans_by_characters

EXPECTED = '{"data": {"text": "..."}, "annotations": [...]} or, in JSON-MIN, {"text": "...", "label": [...]}'


def read_label_studio(
    path: Path,
    nlp: Language,
    *,
    spans_key: str = "sc",
    problems: Problems,
    text_name: str = "text",
    label_name: str = "label",
) -> Iterator[Doc]:
    """Read the tasks of an export one at a time.

    path (Path): A file or folder.
    nlp (Language): Makes the tokens with its tokenizer.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts annotations that do not fit, and tasks with no annotation or several.
    text_name, label_name: See `make_label_studio_corpus`.
    YIELDS (Doc): The documents. Skipped tasks and tasks without annotations are left out. Of several annotations of a
        task, the first is read.
    RAISES (ValueError): If the file is not in the format.
    """
    for file in source_files(path, (".json", ".jsonl")):
        for number, task in json_objects(file):
            is_min = "annotations" not in task
            data = task if is_min else task.get("data")
            text = data.get(text_name) if isinstance(data, dict) else None
            if not isinstance(text, str):
                raise wrong_format(file, number, f"a task with {', '.join(task) or 'nothing'}", EXPECTED)
            # JSON-MIN lacks the key if the annotator found nothing.
            values = task.get(label_name, []) if is_min else _values(task, text, file, number, problems)
            if values is None:
                problems.add("not annotated", file, number, text, intended=True)
                continue
            doc = nlp.make_doc(text)
            try:
                found = [a for value in values for a in _annotations(value, text, file, number, problems)]
            except (KeyError, TypeError):
                expected = '{"start": 0, "end": 4, "labels": ["PER"]}'
                raise wrong_format(file, number, "a span without start, end or labels", expected) from None
            set_spans_by_characters(doc, found, spans_key=spans_key, path=file, problems=problems)
            yield doc


def _values(task: dict[str, Any], text: str, path: Path, line: int, problems: Problems) -> list[dict[str, Any]] | None:
    annotations = [item for item in task["annotations"] if not item.get("was_cancelled")]
    if not annotations:
        return None
    if len(annotations) > 1:
        problems.add("second annotation", path, line, text)
    # Relations, and choices about the whole text, are results without spans.
    return [result["value"] for result in annotations[0].get("result", []) if "start" in result.get("value", {})]


def _annotations(value: dict[str, Any], text: str, path: Path, line: int, problems: Problems) -> Iterator[Annotation]:
    """YIELDS (Annotation): One annotation per label of a span."""
    start, end = int(value["start"]), int(value["end"])
    quoted = value.get("text")
    if isinstance(quoted, str) and text[start:end] != quoted:
        # Browsers count some characters, such as emoji, as two: their offsets are in UTF-16.
        units = text.encode("utf-16-le", "surrogatepass")
        decoded = units[2 * start : 2 * end].decode("utf-16-le", "replace")
        if decoded != quoted:
            problems.add("other text", path, line, quoted)
            return
        start = len(units[: 2 * start].decode("utf-16-le", "replace"))
        end = start + len(quoted)
    labels = value.get("labels") or value.get("hypertextlabels") or [""]
    for label in labels:
        yield Annotation(start, end, label, line)
