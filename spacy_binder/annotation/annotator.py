"""Annotate rows with a pipeline. A row that can't be annotated does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from spacy.errors import Errors as SpacyErrors
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_model

from ..analysis.component import find_component, get_component
from ..corpora.problems import SHOWN_PROBLEM, shorten
from ..options import LabelsT, ThresholdT
from .rows import AnnotatedRow, FoundSpan, Row, ShardWriter, printable

# A batch also ends at so many bytes, so that long texts don't fill the memory.
BATCH_BYTES = 1 << 20


@dataclass(frozen=True)
class ModelSettings:
    """The pipeline and how it is called. Plain data, for other processes.

    model (str): A folder, or the name of an installed pipeline.
    component (str): The component that finds the spans. Empty if there is only one.
    labels (list / dict, optional): Labels for this call, as in `BinderNER.with_options`.
    threshold (float / dict, optional): Thresholds for this call.
    max_length (int): The longest text, in characters.
    gpu_id (int): The GPU, or -1 for the processor.
    """

    model: str
    component: str = ""
    labels: LabelsT | None = None
    threshold: ThresholdT | None = None
    max_length: int = 1_000_000
    gpu_id: int = -1


class Annotator:
    """A loaded pipeline that annotates rows."""

    def __init__(self, settings: ModelSettings) -> None:
        """Load the pipeline, and try it.

        settings (ModelSettings): The pipeline and how it is called.
        RAISES (OSError): If there is no such pipeline.
        RAISES (ValueError): If it can't be loaded, or an option can't have its value.
        """
        if settings.gpu_id >= 0:
            from thinc.api import require_gpu

            require_gpu(settings.gpu_id)
        self.nlp: Language = load_model(settings.model)
        self.nlp.max_length = settings.max_length
        self.component = find_component(self.nlp, settings.component)
        pipe = get_component(self.nlp, self.component)
        self.key = pipe.key
        options = {"labels": settings.labels, "threshold": settings.threshold}
        self._options: dict[str, Any] = options
        # Here, because later on each row would fail on its own.
        pipe.with_options(**options)
        self.nlp("One two.", component_cfg={self.component: options})

    @property
    def folder(self) -> Path:
        """RETURNS (Path): The folder that the pipeline was loaded from."""
        assert self.nlp.path is not None
        return Path(self.nlp.path)

    def annotate(self, batch: Sequence[Row], shards: ShardWriter) -> list[AnnotatedRow]:
        """Annotate some rows at once. If that fails, they are tried one by one.

        batch (Sequence[Row]): The rows.
        shards (ShardWriter): How they are read, and written with spans.
        RETURNS (list[AnnotatedRow]): The same rows, in order.
        """
        if not batch:
            return []
        # Words of a corpus have no end. What the vocabulary keeps of them is freed with the batch.
        with self.nlp.memory_zone():
            # Whatever a row does to a component: the other rows go on. An error would not end the zone in all versions
            # of spaCy, so it stays inside.
            try:
                return self._annotate(batch, shards)
            except Exception as error:
                cause = printable(shorten(f"{type(error).__name__}: {error}", SHOWN_PROBLEM))
        if len(batch) == 1:
            return [AnnotatedRow(batch[0].id, batch[0].place, b"", cause, 0)]
        return [done for row in batch for done in self.annotate([row], shards)]

    def _annotate(self, batch: Sequence[Row], shards: ShardWriter) -> list[AnnotatedRow]:
        given = [shards.rows.given(row.content, self.nlp.vocab) for row in batch]
        for doc in given:
            # spaCy looks at the length of texts alone.
            if isinstance(doc, Doc) and len(doc.text) > self.nlp.max_length:
                raise ValueError(SpacyErrors.E088.format(length=len(doc.text), max_length=self.nlp.max_length))
        # spaCy writes the batch size into the options.
        docs = self.nlp.pipe(given, batch_size=len(given), component_cfg={self.component: {**self._options}})
        done = []
        for row, doc in zip(batch, docs, strict=True):
            content = shards.annotated(row, doc, self._spans(doc))
            done.append(AnnotatedRow(row.id, row.place, content, "", len(doc)))
        return done

    def _spans(self, doc: Doc) -> list[FoundSpan]:
        group = doc.spans[self.key]
        return [
            FoundSpan(span.start_char, span.end_char, span.label_, float(score))
            for span, score in zip(group, group.attrs["scores"], strict=True)
        ]


def batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Divide rows into batches.

    rows (Iterable[Row]): The rows.
    size (int): The most rows of a batch. It also ends at `BATCH_BYTES`.
    YIELDS (list[Row]): The batches, in order.
    """
    batch: list[Row] = []
    n_bytes = 0
    for row in rows:
        if batch and (len(batch) >= size or n_bytes + len(row.content) > BATCH_BYTES):
            yield batch
            batch, n_bytes = [], 0
        batch.append(row)
        n_bytes += len(row.content)
    if batch:
        yield batch


def model_checksum(folder: Path) -> str:
    """RETURNS (str): SHA-256 of the names and contents of all files of a saved pipeline, also of those behind links."""
    files: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        # Links can lead back to a folder above.
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else sorted(name for name in folders if name != "__pycache__")
        files += [] if real in seen else [Path(place, name) for name in names]
        seen.add(real)
    checksum = sha256()
    for path in sorted(path for path in files if path.is_file()):
        checksum.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                checksum.update(chunk)
    return checksum.hexdigest()
