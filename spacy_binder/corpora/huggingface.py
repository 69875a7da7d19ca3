"""Read datasets that `save_to_disk` of Hugging Face `datasets` wrote: folders of arrow files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc

from ..errors import Errors
from ..installed import is_installed
from .files import whole_parts
from .json_values import show
from .problems import Problems
from .records import WrongRecord, read_records
from .spans import Annotation, set_spans_by_characters, set_spans_by_tokens
from .tags import SCHEMES, Tag, parse_tag, recognise_scheme, spans_of_tags

SPAN_COLUMNS = ("spans", "entities")
PARTS = ("start", "end", "label")
# Rows to read at a time. `datasets` writes as many at a time.
BATCH = 1000


def read_huggingface(
    path: Path,
    nlp: Language,
    *,
    spans_key: str = "sc",
    problems: Problems,
    split: str = "",
    token_column: str = "tokens",
    tag_column: str = "ner_tags",
    span_column: str = "",
    scheme: str = "auto",
    label: str = "",
) -> Iterator[Doc]:
    """Read rows with tokens and tags, with tokens and spans, or with `text` and spans. Each row is a document.

    path (Path): The folder of a dataset. With `split`, the folder of several datasets.
    nlp (Language): Makes the tokens with its tokenizer for rows without tokens.
    spans_key (str): Key of doc.spans that receives the spans. Defaults to "sc".
    problems (Problems): Counts annotations that do not fit. Rows count as lines, from 1.
    split, token_column, tag_column, span_column, scheme, label: See `make_huggingface_corpus`.
    YIELDS (Doc): The documents, without sentence starts. Tokens are joined by single spaces.
    RAISES (ImportError): If `datasets` is not installed.
    RAISES (ValueError): If there is no such dataset or a column is missing.
    """
    if scheme not in SCHEMES:
        raise ValueError(Errors.B016.format(kind="scheme", name=scheme, known=", ".join(SCHEMES)))
    dataset = _load(path, split)
    features = dataset.features
    # A name that the user chose has to be there. A misspelt one must not lead to other columns.
    chosen = ((token_column, "tokens"), (tag_column, "ner_tags"), (span_column, ""))
    missing = any(name != default and name not in features for name, default in chosen)
    spans = span_column or next((name for name in SPAN_COLUMNS if name in features), "")
    by_tokens = token_column in features
    read: Callable[[int, dict[str, Any]], Doc]
    if spans in features and (by_tokens or "text" in features) and not missing:
        names = _span_names(features[spans])

        def read_spans(number: int, row: dict[str, Any]) -> Doc:
            annotations = [Annotation(*span, number) for span in _spans(row[spans], names)]
            doc = Doc(nlp.vocab, words=_words(row[token_column])) if by_tokens else nlp.tokenizer(_text(row["text"]))
            set_spans = set_spans_by_tokens if by_tokens else set_spans_by_characters
            set_spans(doc, annotations, spans_key=spans_key, path=path, problems=problems)
            return doc

        read = read_spans
    elif by_tokens and tag_column in features and not span_column and not missing:
        names = getattr(getattr(features[tag_column], "feature", None), "names", None)
        if scheme == "auto":
            columns = (row[tag_column] for _, row in _rows(path, dataset.select_columns([tag_column])))
            scheme = recognise_scheme(_right_tags(columns, names, label))

        def read_tags(number: int, row: dict[str, Any]) -> Doc:
            words = _words(row[token_column])
            tags = _tags(row[tag_column], names, label)
            if len(words) != len(tags):
                raise WrongRecord(f"{len(words)} tokens and {len(tags)} tags", "one tag per token")
            doc = Doc(nlp.vocab, words=words)
            found, mended = spans_of_tags(tags, [number] * len(tags), 0, scheme)
            for kind, span in mended:
                problems.add(kind, path, number, " ".join(words[span.start : span.end]))
            set_spans_by_tokens(doc, found, spans_key=spans_key, path=path, problems=problems)
            return doc

        read = read_tags
    else:
        wanted = f"{token_column!r} with {tag_column!r}, or {token_column!r} or 'text' with "
        wanted += repr(span_column) if span_column else " or ".join(map(repr, SPAN_COLUMNS))
        raise ValueError(Errors.B038.format(path=path, columns=", ".join(features) or "none", wanted=wanted))
    yield from read_records(path, _rows(path, dataset), read, problems)


def _load(path: Path, split: str) -> Any:
    if not path.exists():
        raise ValueError(Errors.B030.format(path=path))
    of_folder = ""
    if (path / "dataset_dict.json").is_file():
        splits = sorted(file.parent.name for file in path.glob("*/state.json"))
        if split not in splits:
            raise ValueError(Errors.B039.format(path=path, splits=", ".join(splits), split=split))
        path, of_folder = path / split, split
    if not (path / "state.json").is_file():
        raise ValueError(Errors.B037.format(path=path))
    if not is_installed("datasets"):
        raise ImportError(Errors.B036)
    # An optional extra, and slow to import.
    from datasets import Dataset  # type: ignore[import-not-found]

    try:
        dataset = Dataset.load_from_disk(str(path))
    except Exception as error:
        # Each part of a damaged folder fails in its own way.
        raise ValueError(Errors.B044.format(path=path, cause=error)) from None
    # Without a split, a dataset has no name to compare with. In a folder it may have the name of another one, of which
    # it is a part.
    if split != of_folder and dataset.split is not None and split != dataset.split:
        raise ValueError(Errors.B039.format(path=path, splits=dataset.split, split=split))
    return dataset


def _rows(path: Path, dataset: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    for batch in whole_parts(dataset.iter(BATCH), path):
        for values in zip(*batch.values(), strict=True):
            number += 1
            yield number, dict(zip(batch, values, strict=True))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise WrongRecord(f"the text {show(value)}", "a string")
    return value


def _words(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise WrongRecord(f"the tokens {show(value)}", "a list of strings that aren't empty")
    return value


def _right_tags(values: Iterable[Any], names: Sequence[str] | None, label: str) -> Iterator[list[Tag]]:
    for value in values:
        # Wrong rows are counted when they are read.
        with suppress(WrongRecord):
            yield _tags(value, names, label)


def _tags(value: Any, names: Sequence[str] | None, label: str) -> list[Tag]:
    tags = []
    for tag in value if isinstance(value, list) else [value]:
        text = _named(tag, names)
        parsed = parse_tag(text, label) if isinstance(text, str) else None
        if parsed is None:
            expected = "O, or a tag such as B-LABEL or I-LABEL: a string, or a number that a ClassLabel names"
            hint = ", or the option `label` for tags without one" if text in ("B", "I") else ""
            raise WrongRecord(f"the tag {show(text)}", expected + hint)
        tags.append(parsed)
    return tags


def _span_names(feature: Any) -> Sequence[str] | None:
    """RETURNS (Optional[Sequence[str]]): The names of a ClassLabel, in a list of dicts or a dict of lists."""
    inner = getattr(feature, "feature", feature)
    found = inner.get("label") if isinstance(inner, dict) else None
    return getattr(getattr(found, "feature", found), "names", None)


def _spans(value: Any, names: Sequence[str] | None) -> list[tuple[int, int, str]]:
    if isinstance(value, dict) and all(isinstance(value.get(part), list) for part in PARTS):
        columns = [value[part] for part in PARTS]
        if len(set(map(len, columns))) > 1:
            raise WrongRecord(f"the spans {show(value)}", "as many starts as ends and labels")
        value = [dict(zip(PARTS, span, strict=True)) for span in zip(*columns, strict=True)]
    spans = []
    for span in [] if value is None else value if isinstance(value, list) else [value]:
        start, end, label = (span.get(part) for part in PARTS) if isinstance(span, dict) else (None, None, None)
        label = "" if label is None else _named(label, names)
        # A bool is an int, too.
        if [type(start), type(end), type(label)] != [int, int, str]:
            expected = '{"start": 0, "end": 2, "label": "PER"}, the label a string, or a number that a ClassLabel names'
            raise WrongRecord(f"the span {show(span)}", expected)
        spans.append((start, end, label))
    return spans


def _named(value: Any, names: Sequence[str] | None) -> Any:
    return names[value] if names and type(value) is int and 0 <= value < len(names) else value
