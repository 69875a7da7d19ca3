"""Read DocBins with `doc.ents`, the training data of flat components."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup

from .docbins import SUFFIX, read_docbin
from .files import source_files
from .problems import Problems


def read_ents(path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems) -> Iterator[Doc]:
    """Read DocBins and copy `doc.ents` to spans.

    path (Path): A file or folder. Each DocBin is held in memory.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the entities. Existing spans are kept, and so is all else that a
        DocBin has. Defaults to "sc".
    problems (Problems): Counts entities that are already in the group.
    YIELDS (Doc): The documents.
    RAISES (ValueError): If a file is not a DocBin.
    """
    for file in source_files(path, (SUFFIX,)):
        for doc in read_docbin(file, nlp.vocab):
            _add_ents(doc, spans_key, file, problems)
            yield doc


def _add_ents(doc: Doc, spans_key: str, path: Path, problems: Problems) -> None:
    group = doc.spans.get(spans_key, SpanGroup(doc, name=spans_key))
    known = {(span.start, span.end, span.label) for span in group}
    new = []
    for ent in doc.ents:
        if (ent.start, ent.end, ent.label) in known:
            problems.add("duplicate", path, 0, ent.text)
        else:
            new.append(ent)
    attrs = dict(group.attrs)
    if "scores" in attrs:
        # One score per span, in the order of the group. An annotated entity is certain.
        attrs["scores"] = numpy.append(attrs["scores"], numpy.ones(len(new), dtype="float32"))
    doc.spans[spans_key] = SpanGroup(doc, name=group.name, spans=[*group, *new], attrs=attrs)
