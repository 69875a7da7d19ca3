"""Read DocBins with `doc.ents`, the training data of flat components."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from .files import source_files
from .problems import Problems
from .spans import Annotation, set_spans_by_tokens


def read_ents(path: Path, nlp: Language, *, spans_key: str = "sc", problems: Problems) -> Iterator[Doc]:
    """Read DocBins and copy `doc.ents` to spans.

    path (Path): A file or folder. Each DocBin is held in memory.
    nlp (Language): Its vocabulary becomes that of the docs.
    spans_key (str): Key of doc.spans that receives the entities. Existing spans are kept. Defaults to "sc".
    problems (Problems): Counts entities that are already in the group.
    YIELDS (Doc): The documents.
    RAISES (ValueError): If a file is not a DocBin.
    """
    for file in source_files(path, (".spacy",)):
        for doc in DocBin().from_disk(file).get_docs(nlp.vocab):
            spans = [*doc.spans.get(spans_key, []), *doc.ents]
            annotations = [Annotation(span.start, span.end, span.label_, 0) for span in spans]
            set_spans_by_tokens(doc, annotations, spans_key=spans_key, path=file, problems=problems)
            yield doc
