"""Read JSON with a text and character offsets, as from Prodigy, doccano and spaCy's examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import get_words_and_spaces

from .files import json_objects, source_files
from .problems import Problems, wrong_format
from .spans import Annotation, set_spans_by_characters

# Names that exports use for the spans, and for the parts of a span.
SPAN_KEYS = ("spans", "entities", "label", "labels")
PART_KEYS = (("start", "end", "label"), ("start_offset", "end_offset", "label"))
EXPECTED = (
    '{"text": "...", "spans": [{"start": 0, "end": 4, "label": "PER"}]} or {"text": "...", "label": [[0, 4, "PER"]]}'
)


def read_jsonl(path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems) -> Iterator[Doc]:
    """Read JSON objects with `text` and spans, one per line or in an array.

    path (Path): A file or folder.
    nlp (Language): Makes the tokens with its tokenizer for objects without `tokens` (Prodigy).
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts spans that do not fit, and documents with an `answer` other than "accept".
    YIELDS (Doc): The documents.
    RAISES (ValueError): If the file is not in the format.
    """
    for file in source_files(path, (".jsonl", ".json")):
        for number, value in json_objects(file):
            text = value.get("text")
            # A `label` that is a string describes the whole text.
            spans = next((value[key] for key in SPAN_KEYS if isinstance(value.get(key), list)), [])
            annotations = [_annotation(span, number) for span in spans]
            if not isinstance(text, str) or None in annotations:
                raise wrong_format(file, number, f"an object with {', '.join(value) or 'nothing'}", EXPECTED)
            if value.get("answer", "accept") != "accept":
                problems.add("not accepted", file, number, text, intended=True)
                continue
            doc = _make_doc(file, number, text, value.get("tokens"), nlp)
            found = [annotation for annotation in annotations if annotation]
            set_spans_by_characters(doc, found, spans_key=spans_key, path=file, problems=problems)
            yield doc


def _annotation(span: Any, line: int) -> Annotation | None:
    """RETURNS (Optional[Annotation]): The annotation, or None if the value is not a span."""
    if isinstance(span, dict):
        span = next(([span[key] for key in keys] for keys in PART_KEYS if all(key in span for key in keys)), None)
    is_right = isinstance(span, list) and len(span) == 3 and all(isinstance(part, int) for part in span[:2])
    if not is_right or not isinstance(span[2], str):
        return None
    return Annotation(span[0], span[1], span[2], line)


def _make_doc(path: Path, number: int, text: str, tokens: Any, nlp: Language) -> Doc:
    if not tokens:
        return nlp.make_doc(text)
    try:
        words, spaces = get_words_and_spaces([token["text"] for token in tokens], text)
    except (KeyError, TypeError, ValueError):
        expected = '"tokens": [{"text": "..."}] that make up the text'
        raise wrong_format(path, number, "tokens that don't make up the text", expected) from None
    return Doc(nlp.vocab, words=words, spaces=spaces)
