"""All formats by name, for `spacy binder convert`, and their registered readers, for `spacy train`.

setup.cfg registers each `make_..._corpus` as `spacy_binder.{name}.v1`. They share the arguments `path`, `spans_key`,
`strict`, `max_length`, `augmenter` and `annotated`, which `SourceCorpus` describes. Their docstrings describe their
own options.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional, Union

from .ace import read_ace
from .brat import read_brat
from .conll import read_conll
from .conllu import read_conllu
from .dygie import read_dygie
from .ents import read_ents
from .genia import read_genia
from .genia_xml import read_genia_xml
from .huggingface import read_huggingface
from .inline import read_inline
from .jsonl import read_jsonl
from .label_studio import read_label_studio
from .litbank import read_litbank
from .source import Reader, SourceCorpus

PathT = Optional[Union[str, Path]]
AugmenterT = Optional[Callable]
AnnotatedT = Optional[Union[list[str], dict[str, Any], str]]

FORMATS: dict[str, Reader] = {
    "ace2004": read_ace,
    "ace2005": read_ace,
    "brat": read_brat,
    "conll": read_conll,
    "conllu": read_conllu,
    "dygie": read_dygie,
    "ents": read_ents,
    "genia": read_genia,
    "genia_xml": read_genia_xml,
    "huggingface": read_huggingface,
    "inline": read_inline,
    "jsonl": read_jsonl,
    "label_studio": read_label_studio,
    "litbank": read_litbank,
}


def make_ace_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    mention: str = "extent",
    documents: Optional[Path] = None,
    headlines: bool = False,
) -> SourceCorpus:
    """Train from ACE 2004 or ACE 2005.

    mention (str): What a span covers: "extent", the whole phrase, or "head". Defaults to "extent".
    documents (Optional[Path]): File with one document name per line, with or without folders. Only these documents
        are read, in this order. Defaults to None, which means all.
    headlines (bool): Whether headlines belong to the text. Defaults to False.
    """
    options = {"mention": mention, "documents": documents, "headlines": headlines}
    return SourceCorpus(read_ace, path, spans_key, strict, max_length, augmenter, annotated, **options)


make_ace2004_corpus = make_ace2005_corpus = make_ace_corpus


def make_brat_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    sentences: bool = False,
) -> SourceCorpus:
    """Train from brat's pairs of .txt and .ann files.

    sentences (bool): Whether each line of the text is a sentence. Defaults to False: no sentence starts.
    """
    return SourceCorpus(read_brat, path, spans_key, strict, max_length, augmenter, annotated, sentences=sentences)


def make_conll_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    token_column: int = 0,
    tag_column: int = -1,
    scheme: str = "auto",
    sentences_per_doc: int = 10,
    label: str = "",
    comment: str = "",
    tag_columns: Optional[list[int]] = None,
    empty_token: str = "",
) -> SourceCorpus:
    """Train from columns with one token and its tag per line.

    token_column (int): Column of the token. The first one is 0, the last one -1. Defaults to 0.
    tag_column (int): Column of the tag. Defaults to -1.
    scheme (str): "iob1", "iob2", "iobes" (also for BILOU), or "auto": found from the tags of each file. Defaults to
        "auto".
    sentences_per_doc (int): Sentences per document in files without -DOCSTART- lines. 0 makes one document per file.
        Defaults to 10.
    label (str): Label of tags that name none: plain B, I and O. Defaults to "".
    comment (str): Beginning of comment lines, such as "#". They are skipped. A line that begins so and has a tag in
        each column of tags is no comment. Defaults to "": no comments.
    tag_columns (Optional[list[int]]): Columns of tags, one per level of nesting, instead of `tag_column`. Defaults to
        None, which means only `tag_column`.
    empty_token (str): Text of a token whose column is empty, for files that lost signs such as emoji. Defaults to "":
        it is an error.
    """
    options = {"token_column": token_column, "tag_column": tag_column, "scheme": scheme}
    options |= {"sentences_per_doc": sentences_per_doc, "label": label}
    options |= {"comment": comment, "tag_columns": tag_columns, "empty_token": empty_token}
    return SourceCorpus(read_conll, path, spans_key, strict, max_length, augmenter, annotated, **options)


def make_conllu_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    type_field: str = "",
    pronouns: bool = True,
    names: Optional[Path] = None,
    syntax: bool = False,
) -> SourceCorpus:
    """Train from CoNLL-U with entities as in CorefUD and GUM.

    type_field (str): Which field of a bracket is the label, by its name in `# global.Entity`. Defaults to "":
        `etype` or `entity`.
    pronouns (bool): Whether mentions that are only a pronoun are read. Defaults to True.
    names (Optional[Path]): File with one document name per line, as in `# newdoc id = name`. Only these are read, in
        the order of the source. Defaults to None, which means all.
    syntax (bool): Whether documents get lemmas, parts of speech and dependencies. Then each sentence has to be a tree.
        Defaults to False.
    """
    options = {"type_field": type_field, "pronouns": pronouns, "names": names, "syntax": syntax}
    return SourceCorpus(read_conllu, path, spans_key, strict, max_length, augmenter, annotated, **options)


def make_dygie_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    offsets: str = "auto",
) -> SourceCorpus:
    """Train from JSON with `sentences`, and `ner` or `ners`.

    offsets (str): Where token numbers start: at the "document", at the "sentence", or "auto": found for each document.
        Defaults to "auto".
    """
    return SourceCorpus(read_dygie, path, spans_key, strict, max_length, augmenter, annotated, offsets=offsets)


def make_ents_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
) -> SourceCorpus:
    """Train from DocBins with `doc.ents`. No options of its own."""
    return SourceCorpus(read_ents, path, spans_key, strict, max_length, augmenter, annotated)


def make_genia_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    join: bool = True,
    names: Optional[Path] = None,
) -> SourceCorpus:
    """Train from GENIA as JSON, one sentence per line.

    join (bool): Whether successive sentences with the same `doc_id` form one document. Defaults to True.
    names (Optional[Path]): File with one `doc_id` per line. Only these are read, in the order of the source. Defaults
        to None, which means all.
    """
    return SourceCorpus(read_genia, path, spans_key, strict, max_length, augmenter, annotated, join=join, names=names)


def make_genia_xml_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    all_types: bool = False,
) -> SourceCorpus:
    """Train from GENIA 3.02 as XML.

    all_types (bool): Whether to keep the classes of GENIA's ontology. Defaults to False: the five types DNA, RNA,
        protein, cell_line and cell_type.
    """
    return SourceCorpus(read_genia_xml, path, spans_key, strict, max_length, augmenter, annotated, all_types=all_types)


def make_huggingface_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    split: str = "",
    token_column: str = "tokens",
    tag_column: str = "ner_tags",
    span_column: str = "",
    scheme: str = "auto",
    label: str = "",
) -> SourceCorpus:
    """Train from a dataset that `save_to_disk` of Hugging Face `datasets` wrote.

    split (str): Which dataset of a folder with several, such as "train". Defaults to "".
    token_column (str): Column of the tokens. Defaults to "tokens".
    tag_column (str): Column with one tag per token: strings, or numbers that a ClassLabel names. Defaults to
        "ner_tags".
    span_column (str): Column of spans with `start`, `end` (exclusive) and `label`. They count tokens, or characters
        in rows without tokens. Spans are preferred to tags. Defaults to "": `spans` or `entities`, if there is one.
    scheme (str): "iob1", "iob2", "iobes" (also for BILOU), or "auto": found from all tags. Defaults to "auto".
    label (str): Label of tags that name none: plain B, I and O. Defaults to "".
    """
    options = {"split": split, "token_column": token_column, "tag_column": tag_column}
    options |= {"span_column": span_column, "scheme": scheme, "label": label}
    return SourceCorpus(read_huggingface, path, spans_key, strict, max_length, augmenter, annotated, **options)


def make_inline_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
) -> SourceCorpus:
    """Train from inline markup. No options of its own."""
    return SourceCorpus(read_inline, path, spans_key, strict, max_length, augmenter, annotated)


def make_jsonl_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    sentences: bool = False,
) -> SourceCorpus:
    """Train from JSON with a text and character offsets.

    sentences (bool): Whether each line of a text is a sentence. Sentences of a record itself (`sents`) are preferred.
        Defaults to False: only the record's own.
    """
    return SourceCorpus(read_jsonl, path, spans_key, strict, max_length, augmenter, annotated, sentences=sentences)


def make_label_studio_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    text_name: str = "text",
    label_name: str = "",
) -> SourceCorpus:
    """Train from Label Studio's exports JSON and JSON-MIN.

    text_name (str): Name of the text in the labelling interface, `value="$text"`. Defaults to "text".
    label_name (str): Name of the labels there, `<Labels name="label">`. JSON-MIN has the spans under it, and JSON
        names it with each span. Defaults to "": the spans of all names.
    """
    options = {"text_name": text_name, "label_name": label_name}
    return SourceCorpus(read_label_studio, path, spans_key, strict, max_length, augmenter, annotated, **options)


def make_litbank_corpus(
    path: PathT,
    *,
    spans_key: str = "sc",
    strict: bool = False,
    max_length: int = 0,
    augmenter: AugmenterT = None,
    annotated: AnnotatedT = None,
    names: Optional[Path] = None,
) -> SourceCorpus:
    """Train from LitBank's `entities/tsv`.

    names (Optional[Path]): File with one document name per line. Only these are read, in this order. Defaults to
        None, which means all.
    """
    return SourceCorpus(read_litbank, path, spans_key, strict, max_length, augmenter, annotated, names=names)
