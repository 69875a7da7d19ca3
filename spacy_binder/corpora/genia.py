"""Read GENIA as JSON: one sentence per line, with tokens and mentions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Optional

from spacy.language import Language
from spacy.tokens import Doc

from .files import json_objects, source_files
from .problems import Problems, wrong_format
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
    RAISES (ValueError): If the file is not in the format.
    """
    wanted = set(Path(names).read_text(encoding="utf8").split()) if names else None
    for file in source_files(path, (".jsonlines", ".jsonl", ".json")):
        checked = (_check(file, number, value) for number, value in json_objects(file))
        sentences = (item for item in checked if wanted is None or item[1].get("doc_id") in wanted)
        for _, group in groupby(enumerate(sentences), key=lambda item: _document(item, join)):
            words: list[str] = []
            sent_starts: list[bool | int | None] = []
            annotations: list[Annotation] = []
            for _, (number, value) in group:
                for mention in value["entity_mentions"]:
                    start, end, label = mention["start"], mention["end"], mention["entity_type"]
                    annotations.append(Annotation(len(words) + start, len(words) + end, label, number))
                sent_starts += [i == 0 for i in range(len(value["tokens"]))]
                words += value["tokens"]
            doc = Doc(nlp.vocab, words=words, sent_starts=sent_starts)
            set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=file, problems=problems)
            yield doc


def _document(item: tuple[int, tuple[int, dict[str, Any]]], join: bool) -> object:
    """RETURNS (object): A key that the sentences of one document share."""
    index, (_, value) = item
    return value["doc_id"] if join and "doc_id" in value else index


def _check(path: Path, number: int, value: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    mentions = value.get("entity_mentions")
    is_right = _are_words(value.get("tokens")) and isinstance(mentions, list) and all(map(_is_mention, mentions))
    if not is_right:
        raise wrong_format(path, number, f"an object with {', '.join(value) or 'nothing'}", EXPECTED)
    return number, value


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and word for word in value)


def _is_mention(value: Any) -> bool:
    kinds = {"start": int, "end": int, "entity_type": str}
    return isinstance(value, dict) and all(isinstance(value.get(key), kind) for key, kind in kinds.items())
