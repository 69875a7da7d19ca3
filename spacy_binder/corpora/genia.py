"""Read GENIA as JSON: one sentence per line, with tokens and mentions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Optional

from spacy.language import Language
from spacy.tokens import Doc

from .files import read_names, require_names, source_files
from .json_values import JSON_SUFFIXES, json_objects
from .problems import Problems
from .records import WrongRecord, names_of, read_records
from .spans import Annotation, set_spans_by_tokens

EXPECTED = '{"tokens": [...], "entity_mentions": [{"start": 0, "end": 1, "entity_type": "DNA"}]}'


def read_genia(
    path: Path,
    nlp: Language,
    *,
    spans_key: str = "sc",
    problems: Problems,
    join: bool = True,
    names: Optional[Path] = None,
) -> Iterator[Doc]:
    """Read sentences as JSON with `tokens`, `entity_mentions` (end exclusive) and optionally `doc_id`.

    path (Path): A file or folder.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts annotations that do not fit.
    join, names: See `make_genia_corpus`.
    YIELDS (Doc): The documents, with sentence starts. Tokens are joined by single spaces.
    RAISES (ValueError): If the file is not in the format, or a listed document is missing.
    """
    listed = [] if names is None else read_names(names)
    wanted, seen = set(listed), set()
    for file in source_files(path, JSON_SUFFIXES):
        checked = read_records(file, json_objects(file), _check, problems)
        sentences = (item for item in checked if names is None or _name(item[1]) in wanted)
        for _, group in groupby(enumerate(sentences), key=lambda item: _document(item, join)):
            words: list[str] = []
            sent_starts: list[bool | int | None] = []
            annotations: list[Annotation] = []
            for _, (number, value) in group:
                seen.add(_name(value))
                for mention in value["entity_mentions"]:
                    start, end, label = mention["start"], mention["end"], mention["entity_type"]
                    annotation = Annotation(len(words) + start, len(words) + end, label, number)
                    if start < 0 or end > len(value["tokens"]):
                        # It would be a span of another sentence.
                        problems.add("out of range", file, number, f"{label} at {annotation.start}:{annotation.end}")
                    else:
                        annotations.append(annotation)
                sent_starts += [i == 0 for i in range(len(value["tokens"]))]
                words += value["tokens"]
            doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
            set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=file, problems=problems)
            yield doc
    if names is not None:
        require_names(listed, seen, listed=names, path=path)


def _name(value: dict[str, Any]) -> str:
    return str(value.get("doc_id", ""))


def _document(item: tuple[int, tuple[int, dict[str, Any]]], join: bool) -> object:
    """RETURNS (object): A key that the sentences of one document share."""
    index, (_, value) = item
    return ("id", value["doc_id"]) if join and "doc_id" in value else ("index", index)


def _check(number: int, value: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    words, mentions = value.get("tokens"), value.get("entity_mentions")
    is_right = _are_words(words) and isinstance(mentions, list) and all(map(_is_mention, mentions))
    if not is_right or not isinstance(value.get("doc_id", ""), (str, int)):
        raise WrongRecord(f"an object with {names_of(value)}", EXPECTED)
    # A lone surrogate stops here, before it is joined with the other sentences.
    " ".join([*words, *(mention["entity_type"] for mention in mentions)]).encode()  # type: ignore[union-attr]
    return number, value


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and word for word in value)


def _is_mention(value: Any) -> bool:
    # A bool is an int, too.
    kinds = [int, int, str]
    return isinstance(value, dict) and [type(value.get(key)) for key in ("start", "end", "entity_type")] == kinds
