"""Read Label Studio's exports JSON and JSON-MIN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from .files import source_files
from .json_values import JSON_SUFFIXES, json_objects, show
from .problems import Problems
from .records import KnownKeys, WrongRecord, names_of, read_records
from .spans import Annotation, set_spans_by_characters

DEFAULT_LABEL_NAME = "label"
EXPECTED = '{"data": {"text": "..."}, "annotations": [...]} or, in JSON-MIN, {"text": "...", "label": [...]}'
EXPECTED_SPAN = '{"start": 0, "end": 4, "labels": ["PER"]}'
ADVICE = "The options `text_name` and `label_name` have the names of the labelling interface."


def read_label_studio(
    path: Path,
    nlp: Language,
    *,
    spans_key: str = "sc",
    problems: Problems,
    text_name: str = "text",
    label_name: str = "",
) -> Iterator[Doc]:
    """Read the tasks of an export one at a time.

    path (Path): A file or folder.
    nlp (Language): Makes the tokens with its tokenizer.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts annotations that do not fit, and tasks with no annotation or several.
    text_name, label_name: See `make_label_studio_corpus`.
    YIELDS (Doc): The documents. Skipped tasks and tasks without annotations are left out. Of several annotations of a
        task, the first is read.
    RAISES (ValueError): If the file is not in the format, or no task has spans under a known name.
    """
    for file in source_files(path, JSON_SUFFIXES):
        yield from _read_file(file, nlp, spans_key, problems, text_name, label_name)


def _read_file(
    path: Path, nlp: Language, spans_key: str, problems: Problems, text_name: str, label_name: str
) -> Iterator[Doc]:
    known = KnownKeys(path, EXPECTED, ADVICE)
    last_id: Any = None

    def read(number: int, task: dict[str, Any]) -> Doc | None:
        nonlocal last_id
        is_min = "annotations" not in task
        data = task if is_min else task.get("data")
        text = data.get(text_name) if isinstance(data, dict) else None
        if not isinstance(text, str):
            inner = "" if is_min or not isinstance(data, dict) else f", its data with {names_of(data)}"
            raise WrongRecord(f"a task with {names_of(task)}{inner}", f"{EXPECTED}. {ADVICE}")
        names = _region_names(task, label_name) if is_min else ["annotations"]
        if is_min:
            known.add(task, bool(names))
            # JSON-MIN has a record for each annotation of a task.
            before, last_id = last_id, task.get("id") if "annotation_id" in task else None
            if last_id is not None and last_id == before:
                problems.add("second annotation", path, number, text)
                return None
            # JSON-MIN lacks the key if the annotator found nothing.
            values = [value for name in names for value in task[name]]
            if not names:
                problems.add("no spans", path, number, text, intended=True)
        else:
            results = _results(task["annotations"], text, path, number, problems)
            tags = [tag for result in results or () if isinstance(tag := result.get("from_name"), str)]
            known.add(tags or task, not label_name or label_name in tags)
            if results is None:
                problems.add("not annotated", path, number, text, intended=True)
                return None
            values = _regions(results, label_name)
        doc = nlp.tokenizer(text)
        as_units = _counts_units(values, text)
        found = [a for value in values for a in _annotations(value, text, as_units, path, number, problems)]
        set_spans_by_characters(doc, found, spans_key=spans_key, path=path, problems=problems)
        return doc

    yield from read_records(path, json_objects(path), read, problems)
    known.require()


def _region_names(task: dict[str, Any], label_name: str) -> list[str]:
    """RETURNS (list[str]): The keys of a task in JSON-MIN that have spans."""
    if label_name:
        names = [label_name] if label_name in task else []
    else:
        names = [name for name, value in task.items() if name == DEFAULT_LABEL_NAME or _is_regions(value)]
    for name in names:
        if not isinstance(task[name], list):
            raise WrongRecord(f"{name} is {show(task[name])}", f"a list of spans such as {EXPECTED_SPAN}")
    return names


def _is_regions(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) and _has_labels(item) for item in value)


def _results(annotations: Any, text: str, path: Path, line: int, problems: Problems) -> list[dict[str, Any]] | None:
    """RETURNS (Optional[list]): The results of the first annotation that wasn't skipped, if there is one."""
    if annotations is None:
        return None
    if not isinstance(annotations, list) or not all(isinstance(item, dict) for item in annotations):
        expected = "a list of objects. An export as JSON has them, a list of numbers does not"
        raise WrongRecord(f"annotations is {show(annotations)}", expected)
    annotations = [item for item in annotations if not item.get("was_cancelled")]
    results = annotations[0].get("result") if annotations else None
    if results is None:
        return None
    if len(annotations) > 1:
        problems.add("second annotation", path, line, text)
    if not isinstance(results, list) or not all(isinstance(item, dict) for item in results):
        raise WrongRecord(f"result is {show(results)}", "a list of objects")
    return results


def _regions(results: list[dict[str, Any]], label_name: str) -> list[dict[str, Any]]:
    """RETURNS (list): The labelled regions among the results, of one tag if it is named."""
    values = [one.get("value") for one in results if not label_name or one.get("from_name") == label_name]
    # Relations, and choices about the whole text, are results without a place.
    values = [value for value in values if isinstance(value, dict) and "start" in value]
    labelled = [value for value in values if _has_labels(value)]
    if len(labelled) < len(values):
        # A text or a choice about a region is a result with the place of the region.
        places = set(map(_place, labelled))
        labelled += [value for value in values if not _has_labels(value) and _place(value) not in places]
    return labelled


def _has_labels(value: dict[str, Any]) -> bool:
    return "labels" in value or "hypertextlabels" in value


def _place(value: dict[str, Any]) -> tuple[Any, ...]:
    parts = (value.get(part) for part in ("start", "end", "startOffset", "endOffset"))
    return tuple(part if isinstance(part, (int, str)) else None for part in parts)


def _counts_units(values: list[Any], text: str) -> bool:
    """Find out how the offsets of a task count.

    Browsers count some characters, such as emoji, as two: their offsets are in UTF-16. A word that comes again may fit
    in both ways, so all regions decide.

    RETURNS (bool): Whether all regions fit in UTF-16, and not all as characters.
    """
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) == 2 * len(text):
        return False
    as_text = as_units = True
    for value in values:
        quoted = value.get("text") if isinstance(value, dict) else None
        start, end = (_offset(value.get(key)) if isinstance(value, dict) else None for key in ("start", "end"))
        if isinstance(quoted, str) and start is not None and end is not None and 0 <= start <= end:
            as_text &= _same(text[start:end], quoted)
            as_units &= _same(_decode(units[2 * start : 2 * end]), quoted)
    return as_units and not as_text


def _decode(units: bytes) -> str:
    return units.decode("utf-16-le", "replace")


def _same(a: str, b: str) -> bool:
    """RETURNS (bool): Whether two texts differ in whitespace alone. Label Studio shows several spaces as one."""
    return a.split() == b.split()


def _annotations(
    value: Any, text: str, as_units: bool, path: Path, line: int, problems: Problems
) -> Iterator[Annotation]:
    """YIELDS (Annotation): One annotation per label of a span."""
    if not isinstance(value, dict):
        raise WrongRecord(f"the span {show(value)}", EXPECTED_SPAN)
    labels = value.get("labels") or value.get("hypertextlabels") or [""]
    labels = [labels] if isinstance(labels, str) else labels
    if not isinstance(labels, list) or not all([isinstance(label, str) for label in labels]):
        raise WrongRecord(f"the labels {show(labels)}", EXPECTED_SPAN)
    quoted = value.get("text")
    start, end = _offset(value.get("start")), _offset(value.get("end"))
    if start is None or end is None:
        # Regions of HyperText have paths in a page, and may have offsets in its text.
        places = value.get("globalOffsets")
        places = places if isinstance(places, dict) and isinstance(quoted, str) else {}
        start, end = _offset(places.get("start")), _offset(places.get("end"))
        if start is None or end is None:
            if "start" not in value or "end" not in value:
                raise WrongRecord(f"the span {show(value)}", EXPECTED_SPAN)
            problems.add("no place", path, line, quoted if isinstance(quoted, str) else show(value["start"]))
            return
    if isinstance(quoted, str) and 0 <= start <= end and (as_units or not _same(text[start:end], quoted)):
        units = text.encode("utf-16-le", "surrogatepass")
        decoded = _decode(units[2 * start : 2 * end])
        if not _same(decoded, quoted):
            problems.add("other text", path, line, quoted)
            return
        start = len(_decode(units[: 2 * start]))
        end = start + len(decoded)
    for label in labels:
        yield Annotation(start, end, label, line)


def _offset(value: Any) -> int | None:
    """RETURNS (Optional[int]): The place of a character, which some exports write as a string."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else None
