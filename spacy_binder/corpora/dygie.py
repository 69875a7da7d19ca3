"""Read documents as JSON with `sentences` and `ners`, as in DyGIE and in older copies of GENIA and ACE."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from .files import source_files
from .json_values import JSON_SUFFIXES, json_objects
from .problems import Problems
from .records import WrongRecord, names_of, read_records
from .spans import Annotation, set_spans_by_tokens

KEYS = ("ners", "ner")
OFFSETS = ("auto", "document", "sentence")
EXPECTED = '{"sentences": [[token, ...], ...], "ners" or "ner": [[[first, last, label], ...], ...]}'


def read_dygie(
    path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems, offsets: str = "auto"
) -> Iterator[Doc]:
    """Read JSON with `sentences`, and in `ners` or `ner` one list of entities per sentence, their last token inclusive.

    path (Path): A file or folder.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts annotations that do not fit.
    offsets: See `make_dygie_corpus`. If both ways fit a document, `ner` (DyGIE) counts from the start of the document,
        and `ners` from the start of the sentence.
    YIELDS (Doc): The documents, with sentence starts. Tokens are joined by single spaces.
    RAISES (ValueError): If the file is not in the format or `offsets` is unknown.
    """
    if offsets not in OFFSETS:
        raise ValueError(Errors.B016.format(kind="offsets", name=offsets, known=", ".join(OFFSETS)))
    for file in source_files(path, JSON_SUFFIXES):
        yield from _read_file(file, nlp, spans_key, problems, offsets)


def _read_file(path: Path, nlp: Language, spans_key: str, problems: Problems, offsets: str) -> Iterator[Doc]:
    def read(number: int, value: dict[str, Any]) -> Doc:
        sentences, entities = _parts(value)
        starts = [0]
        for sentence in sentences:
            starts.append(starts[-1] + len(sentence))
        by_sentence = offsets == "sentence" or (offsets == "auto" and _count_by_sentence(value, entities, starts))
        annotations = []
        for found, (low, high) in zip(entities, pairwise(starts), strict=True):
            for first, last, label in found:
                start, end = first + by_sentence * low, last + by_sentence * low + 1
                if by_sentence and (start < low or end > high):
                    # It would be a span of another sentence.
                    problems.add("out of range", path, number, f"{label} at {start}:{end}")
                else:
                    annotations.append(Annotation(start, end, label, number))
        words = [word for sentence in sentences for word in sentence]
        sent_starts: list[bool | int | None] = [i == 0 for sentence in sentences for i in range(len(sentence))]
        doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
        set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=path, problems=problems)
        return doc

    return read_records(path, json_objects(path), read, problems)


def _count_by_sentence(value: dict[str, Any], entities: list[list], starts: list[int]) -> bool:
    fits_sentence = fits_document = True
    for found, (low, high) in zip(entities, pairwise(starts), strict=True):
        for first, last, _ in found:
            fits_sentence = fits_sentence and first >= 0 and last < high - low
            fits_document = fits_document and low <= first and last < high
    return fits_sentence if fits_sentence != fits_document else "ners" in value


def _parts(value: dict[str, Any]) -> tuple[list[list[str]], list[list]]:
    sentences = value.get("sentences")
    entities = next((value[key] for key in KEYS if key in value), None)
    is_right = (
        isinstance(sentences, list)
        and isinstance(entities, list)
        and len(sentences) == len(entities)
        and all(isinstance(sentence, list) for sentence in [*sentences, *entities])
        and all(isinstance(word, str) and word for sentence in sentences for word in sentence)
        and all(_is_entity(entity) for found in entities for entity in found)
    )
    if not is_right:
        raise WrongRecord(f"an object with {names_of(value)}", EXPECTED)
    return sentences, entities  # type: ignore[return-value]


def _is_entity(value: Any) -> bool:
    return isinstance(value, list) and [type(part) for part in value] == [int, int, str]
