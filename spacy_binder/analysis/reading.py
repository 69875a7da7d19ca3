"""Read annotated docs from DocBins, one by one, and stop where nothing could be measured on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from ..corpora.docbins import SUFFIX, read_docbin
from ..errors import Errors
from ..gold import GoldCounts
from .component import get_component


def read_examples(nlp: Language, name: str, path: Path) -> Iterator[Example]:
    """Read gold docs as `spacy.Corpus` does, beside docs to predict on. Docs without tokens are left out.

    nlp (Language): The pipeline.
    name (str): The component.
    path (Path): A DocBin, or a folder of them.
    RETURNS (Iterator[Example]): The docs, one by one.
    RAISES (ValueError): If a file is no DocBin, or no gold span has a label that the component knows.
    """
    return Corpus(path).make_examples(nlp, read_gold(nlp, name, path))


def read_gold(nlp: Language, name: str, path: Path) -> Iterator[Doc]:
    """Read gold docs. Before the first one is given, docs are read up to the first gold span with a known label.

    nlp (Language): The pipeline.
    name (str): The component.
    path (Path): A DocBin, or a folder of them.
    RETURNS (Iterator[Doc]): The docs, one by one.
    RAISES (ValueError): If a file is no DocBin, or no gold span has a label that the component knows.
    """
    pipe = get_component(nlp, name)
    files = sorted(path.rglob(f"*{SUFFIX}")) if path.is_dir() else [path]
    if not files:
        raise ValueError(Errors.B029.format(path=path, suffixes=SUFFIX))
    counts, known = GoldCounts(pipe.key), set(pipe.labels)
    docs = chain.from_iterable(read_docbin(file, nlp.vocab) for file in files)
    first = []
    for doc in docs:
        counts.add(doc)
        first.append(doc)
        if known & (counts.labels.keys() | counts.described.keys()):
            break
    counts.require(pipe.labels, name=name, path=path)
    return chain(first, docs)
