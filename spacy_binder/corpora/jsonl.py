"""Read JSON with a text and character offsets, as from Prodigy, doccano and spaCy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import get_words_and_spaces

from .files import source_files
from .json_values import JSON_SUFFIXES, json_objects, show
from .problems import Problems
from .records import KnownKeys, WrongRecord, names_of, read_records
from .sentences import set_sentence_starts, start_sentences_at_lines
from .spans import Annotation, set_spans_by_characters

# Names that exports use for the text, for the spans, and for the borders of a span. The first one wins.
TEXT_KEYS = ("text", "data")
SPAN_KEYS = ("spans", "entities", "ents", "label", "labels", "annotations")
# Under these keys, a string or a list of strings describes the whole text.
LABEL_KEYS = ("label", "labels")
BORDER_KEYS = (("start", "end"), ("start_offset", "end_offset"))
EXPECTED = (
    '{"text": "...", "spans": [{"start": 0, "end": 4, "label": "PER"}]} or {"text": "...", "label": [[0, 4, "PER"]]}'
)
ADVICE = f"Keys that are known: {', '.join(SPAN_KEYS)}."


def read_jsonl(
    path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems, sentences: bool = False
) -> Iterator[Doc]:
    """Read JSON objects with `text` and spans, one per line or in an array.

    path (Path): A file or folder.
    nlp (Language): Makes the tokens with its tokenizer for objects without `tokens` (Prodigy, `Doc.to_json`).
    spans_key (str): Key of doc.spans that receives the spans. Of several groups under `spans`, the one with this key
        is read first. Defaults to "sc".
    problems (Problems): Counts spans and records that do not fit, spans with a different `text`, and records with an
        `answer` other than "accept".
    sentences: See `make_jsonl_corpus`.
    YIELDS (Doc): The documents.
    RAISES (ValueError): If the file is not in the format, or no record has spans under a known key.
    """
    for file in source_files(path, JSON_SUFFIXES):
        yield from _read_file(file, nlp, spans_key, problems, sentences)


def _read_file(path: Path, nlp: Language, spans_key: str, problems: Problems, sentences: bool) -> Iterator[Doc]:
    known = KnownKeys(path, EXPECTED, ADVICE)

    def read(number: int, value: dict[str, Any]) -> Doc | None:
        text = next((value[key] for key in TEXT_KEYS if isinstance(value.get(key), str)), None)
        # A rejected record may have any faults.
        if value.get("answer", "accept") != "accept":
            problems.add("not accepted", path, number, text or "", intended=True)
            return None
        if text is None:
            raise WrongRecord(f"an object with {names_of(value)}", EXPECTED)
        lists, is_named = _annotations(value, number, spans_key)
        doc = _make_doc(text, value, nlp)
        if sentences and not doc.has_annotation("SENT_START"):
            start_sentences_at_lines(doc)
        known.add(value, lists is not None)
        if lists is None:
            problems.add("no spans", path, number, text, intended=True)
            lists = [[]]
        annotations = lists[0] if is_named else next(filter(None, lists), [])
        places = {annotation[:3] for annotation in annotations}
        if any(annotation[:3] not in places for other in lists for annotation in other):
            problems.add("second annotation", path, number, text)
        set_spans_by_characters(doc, annotations, spans_key=spans_key, path=path, problems=problems)
        return doc

    yield from read_records(path, json_objects(path), read, problems)
    known.require()


def _annotations(value: dict[str, Any], line: int, spans_key: str) -> tuple[list[list[Annotation]] | None, bool]:
    """RETURNS (tuple): The spans under each known key, or None. The first list that isn't empty is the one to read, but
    a group of the name `spans_key` comes first, and is read if it is empty too. And whether there is this group.
    """
    found = {key: value[key] for key in SPAN_KEYS if key in value}
    lists: list[Any] = []
    is_named = False
    for key, spans in found.items():
        if key in LABEL_KEYS and _is_category(spans):
            continue
        # An object has groups, as doc.spans has.
        groups = spans if isinstance(spans, dict) else {spans_key: [] if spans is None else spans}
        is_named = is_named or (not lists and isinstance(spans, dict) and spans_key in spans)
        lists += [groups[key] for key in sorted(groups, key=lambda name: name != spans_key)] or [[]]
    return [_spans(spans, line) for spans in lists] or None, is_named


def _is_category(value: Any) -> bool:
    """RETURNS (bool): Whether it describes the whole text: a string, a number, a list of strings, scores by label."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, str) for item in value)
    if isinstance(value, dict):
        return not any(isinstance(item, list) for item in value.values())
    return value is not None


def _spans(values: Any, line: int) -> list[Annotation]:
    if not isinstance(values, list):
        raise WrongRecord(f"the spans {show(values)}", EXPECTED)
    return [_span(value, line) for value in values]


def _span(value: Any, line: int) -> Annotation:
    start = end = label = text = None
    if isinstance(value, dict):
        start, end = next(([value[a], value[b]] for a, b in BORDER_KEYS if a in value and b in value), (None, None))
        label, text = value.get("label"), value.get("text")
    elif isinstance(value, list) and len(value) in (2, 3):
        start, end, label = (*value, None)[:3]
    # A bool is an int, too.
    if type(start) is not int or type(end) is not int or not (label is None or isinstance(label, str)):
        raise WrongRecord(f"the span {show(value)}", EXPECTED)
    return Annotation(start, end, label or "", line, text=text if isinstance(text, str) else "")


def _make_doc(text: str, value: dict[str, Any], nlp: Language) -> Doc:
    tokens = value.get("tokens")
    if not tokens:
        # Without the limit of nlp.make_doc to the length of a text, which is for parsers.
        return nlp.tokenizer(text)
    try:
        words = [token["text"] if "text" in token else text[token["start"] : token["end"]] for token in tokens]
        words, spaces = get_words_and_spaces(words, text)
        doc = Doc(nlp.vocab, words=words, spaces=spaces)
        starts = {sentence["start"] for sentence in value.get("sents") or ()}
    except UnicodeEncodeError:
        raise
    except (KeyError, TypeError, ValueError):
        expected = '"tokens": [{"text": "..."}] that make up the text'
        raise WrongRecord("tokens that don't make up the text", expected) from None
    if starts:
        set_sentence_starts(doc, (token.idx in starts for token in doc))
    return doc
