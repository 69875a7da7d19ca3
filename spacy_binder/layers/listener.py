"""Docs → windows of wordpiece vectors, from a `transformer` component that the pipeline shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy
import torch
from spacy.attrs import IS_SPACE
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from torch import Tensor

from ..errors import Errors
from ..text.arrays import Ints1d
from ..text.windows import Windows
from .types import EncodedText, EncodedWindows, Settings


@dataclass
class ListenerSettings(Settings):
    """Settings of a listener. They are the arguments of `spacy_binder.TransformerListener.v1`.

    upstream (str): Name of the `transformer` component. Defaults to *, which means any.
    max_batch_wordpieces (int): Padded wordpieces that are scored at once. Defaults to 4096.
    """

    upstream: str = "*"
    max_batch_wordpieces: int = 4096


def listener(settings: ListenerSettings) -> Model[list[Doc], EncodedText]:
    """Make the model.

    settings (ListenerSettings): The settings.
    RETURNS (Model): Docs → the windows that the transformer cut, and their vectors.
    """
    # Importing it takes seconds, and only pipelines with a listener need it.
    from spacy_transformers.layers import TransformerListener

    return Model(
        "binder_transformer_listener",
        forward,
        init=init,
        layers=[TransformerListener(settings.upstream)],
        dims={"nO": None},
        attrs={"settings": settings},
    )


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Take over the width of the transformer.

    X (list[Doc], optional): Some docs.
    """
    source = model.layers[0]
    source.initialize(X)
    model.set_dim("nO", source.get_dim("nO"))


def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[EncodedText, Callable]:
    """Take the transformer's vectors, pass by pass.

    docs (list[Doc]): The docs.
    is_train (bool): Whether the transformer waits for gradients.
    RETURNS (tuple[EncodedText, Callable]): The windows and vectors, and the callback that hands the collected gradients
        of all passes to the transformer.
    """
    source: Any = model.layers[0]
    if not is_train and any(len(doc) and doc._.trf_data is None for doc in docs):
        raise ValueError(Errors.B015.format(upstream=source.upstream_name))
    outputs, backprop_source = source(docs, is_train)
    hidden = [xp2torch(output.model_output.last_hidden_state) if _has_vectors(output) else None for output in outputs]
    windows, place = _find_windows(docs, outputs)
    d_hidden = [torch.zeros_like(vectors) if vectors is not None and is_train else None for vectors in hidden]

    def passes() -> Iterator[EncodedWindows]:
        for rows in windows.group_by_length(model.attrs["settings"].max_batch_wordpieces):
            vectors = _gather(hidden, windows, rows, place)
            yield EncodedWindows(windows.batch(rows), vectors, partial(scatter, rows))

    def scatter(rows: Ints1d, d_vectors: Tensor) -> None:
        for i, row in enumerate(rows.tolist()):
            target = d_hidden[windows.doc[row]]
            assert target is not None
            target[place[row], : windows.lengths[row]] += d_vectors[i, : windows.lengths[row]]

    def backprop(_: None) -> Any:
        if not all(d_vectors.isfinite().all() for d_vectors in d_hidden if d_vectors is not None):
            # The component skips its step, and counts it. The transformer then learns nothing from it either.
            for d_vectors in d_hidden:
                if d_vectors is not None:
                    d_vectors.zero_()
        # Docs without tokens have no vectors, and spacy-transformers wants no gradient for them.
        pairs = zip(outputs, d_hidden, strict=True)
        return backprop_source([_gradient(output, d_vectors) for output, d_vectors in pairs if d_vectors is not None])

    return EncodedText(windows, passes()), backprop


def _has_vectors(output: Any) -> bool:
    return "last_hidden_state" in output.model_output and output.model_output.last_hidden_state.size > 0


def _gradient(output: Any, d_hidden: Tensor) -> Any:
    from spacy_transformers.data_classes import TransformerData
    from transformers.modeling_outputs import BaseModelOutput

    d_output: Any = BaseModelOutput(last_hidden_state=torch2xp(d_hidden))  # type: ignore[arg-type]
    return TransformerData(wordpieces=output.wordpieces, model_output=d_output, align=output.align)


def _gather(hidden: list[Tensor | None], windows: Windows, rows: Ints1d, place: Ints1d) -> Tensor:
    """RETURNS (Tensor): The vectors of some windows, padded with zeros, shape (B, L, H)."""
    vectors = [hidden[windows.doc[row]][place[row], : windows.lengths[row]] for row in rows]  # type: ignore[index]
    return torch.nn.utils.rnn.pad_sequence(vectors, batch_first=True)


def _find_windows(docs: list[Doc], outputs: list[Any]) -> tuple[Windows, Ints1d]:
    """RETURNS (tuple): The transformer's windows that have words, and the row of each one in its doc's output."""
    parts: list[numpy.ndarray] = []
    for i, (doc, output) in enumerate(zip(docs, outputs, strict=True)):
        if not _has_vectors(output):
            continue
        n_positions = output.model_output.last_hidden_state.shape[1]
        lengths = numpy.asarray(output.align.lengths).ravel()
        at = numpy.asarray(output.align.dataXd).ravel().astype("int64")
        token = numpy.repeat(numpy.arange(len(lengths)), lengths)
        is_space = numpy.asarray(doc.to_array([IS_SPACE])).ravel().astype(bool)
        at, token = at[~is_space[token]], token[~is_space[token]]
        order = numpy.lexsort((at, token, at // n_positions))
        at, token, row = at[order], token[order], (at // n_positions)[order]
        if len(at):
            new = numpy.flatnonzero(numpy.diff(row, prepend=-1) | numpy.diff(token, prepend=-1))
            last = numpy.append(new[1:], len(at)) - 1
            doc_column = numpy.full(len(new), i)
            parts.append(numpy.stack([doc_column, row[new], token[new], at[new] % n_positions, at[last] % n_positions]))
    doc, row, token, first, last = numpy.concatenate([numpy.zeros((5, 0), dtype="int64"), *parts], axis=1)
    start = numpy.flatnonzero(numpy.diff(doc, prepend=-1) | numpy.diff(row, prepend=-1))
    end = numpy.append(start[1:], len(doc)).astype("int64")[: len(start)]
    windows = Windows(
        doc=doc[start],
        word_start=numpy.concatenate([[0], end]) if len(start) else numpy.zeros(1, dtype="int64"),
        token=token,
        first=first,
        last=last,
        # One more for the special wordpiece at the end.
        lengths=numpy.maximum.reduceat(last, start) + 2 if len(start) else last,
        ids=numpy.zeros(0, dtype="int64"),
        shapes=numpy.zeros(0, dtype="int64"),
    )
    return windows, row[start]
