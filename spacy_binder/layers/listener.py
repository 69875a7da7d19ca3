"""Docs → windows of wordpiece vectors, from a transformer of spacy-transformers.

It is a `transformer` component that the pipeline shares. After `nlp.replace_listeners` it is a copy of it, which the
model has inside.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy
import torch
from spacy.attrs import IS_SPACE
from spacy.tokens import Doc
from thinc.api import Model, torch2xp, xp2torch
from torch import Tensor

from ..errors import Errors, Warnings
from ..text.arrays import Bools1d, Ints1d
from ..text.windows import Windows
from .types import EncodedText, EncodedWindows, Settings

NAME = "binder_transformer_listener"


@dataclass
class ListenerSettings(Settings):
    """Settings of a listener. They are arguments of `spacy_binder.SharedBinder.v1`.

    max_batch_wordpieces (int): Padded wordpieces that are scored at once. Defaults to 4096.
    warned (bool): Whether the user was told of tokens that the transformer cut off.
    """

    max_batch_wordpieces: int = 4096
    warned: bool = field(default=False, init=False)


def listener(source: Model, settings: ListenerSettings) -> Model[list[Doc], EncodedText]:
    """Make the model.

    source (Model): A `Connection`, or a transformer that nobody else uses, from spacy-transformers'
        `TransformerModel`.
    settings (ListenerSettings): The settings.
    RETURNS (Model): Docs → the windows that the transformer cut, and their vectors.
    RAISES (ValueError): If the source is another model, or its options could run or fetch code.
    """
    from .transformer_copy import check_when_loaded, is_transformer

    if is_transformer(source):
        check_when_loaded(source)
        # As `nlp.replace_listeners` does, so that what it makes can be loaded.
        source = source.attrs["replace_listener"](source)
    elif not _is_shared(source):
        raise ValueError(Errors.B062.format(source=source.name))
    return Model(NAME, forward, init=init, layers=[source], dims={"nO": None}, attrs={"settings": settings})


def init(model: Model, X: Any = None, Y: Any = None) -> None:
    """Take over the width of the transformer.

    RAISES (ValueError): If no transformer is connected.
    """
    source: Any = model.layers[0]
    if _is_shared(source):
        width = source.maybe_get_dim("nO")
        if width is None:
            raise ValueError(Errors.B063.format(upstream=source.upstream_name))
    else:
        transformer = source.layers[0]
        # A copy by `nlp.replace_listeners` does not know that it has its weights, and would look for them by name.
        transformer.attrs["has_transformer"] = transformer.transformer is not None
        transformer.initialize()
        width = transformer.transformer.config.hidden_size
    model.set_dim("nO", width, force=True)


def _is_shared(source: Model) -> bool:
    # Importing it takes seconds, and only pipelines with a listener need it.
    from .connection import Connection

    return isinstance(source, Connection)


def forward(model: Model, docs: list[Doc], is_train: bool) -> tuple[EncodedText, Callable]:
    """Take the transformer's vectors, pass by pass.

    docs (list[Doc]): The docs.
    is_train (bool): Whether the transformer waits for gradients.
    RETURNS (tuple[EncodedText, Callable]): The windows and vectors, and the callback that hands the collected gradients
        of all passes to the transformer.
    RAISES (ValueError): If a shared transformer gave nothing for a doc.
    """
    source: Any = model.layers[0]
    settings: ListenerSettings = model.attrs["settings"]
    if _is_shared(source):
        _require_outputs(source, docs, is_train)
        outputs, backprop_source = source(docs, is_train)
    else:
        outputs, backprop_source = _encode(source, docs, is_train, settings.max_batch_wordpieces)
    hidden = [xp2torch(output.model_output.last_hidden_state) if _has_vectors(output) else None for output in outputs]
    windows, place, cut_off = _find_windows(docs, outputs)
    if cut_off and not settings.warned:
        settings.warned = True
        n_docs = len({doc for doc, _ in cut_off})
        text = docs[cut_off[0][0]][cut_off[0][1]].text
        warnings.warn(Warnings.BW17.format(n=len(cut_off), n_docs=n_docs, text=text), stacklevel=2)
    d_hidden = [torch.zeros_like(vectors) if vectors is not None and is_train else None for vectors in hidden]

    def passes() -> Iterator[EncodedWindows]:
        for rows in windows.group_by_length(settings.max_batch_wordpieces):
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


def _require_outputs(source: Any, docs: list[Doc], is_train: bool) -> None:
    # In training a transformer that is not frozen gives its outputs to the listener, else to the docs.
    if is_train and source._batch_id is not None:
        return
    known = Doc.has_extension("trf_data")
    if any(len(doc) and (not known or doc._.trf_data is None) for doc in docs):
        raise ValueError(Errors.B015.format(upstream=source.upstream_name))


def _encode(source: Model, docs: list[Doc], is_train: bool, max_tokens: int) -> tuple[list[Any], Callable]:
    """Run a transformer of the model's own, at inference on some docs of similar length after the other.

    RETURNS (tuple[list[TransformerData], Callable]): What it gives for each doc, and its backward pass.
    """
    from spacy_transformers.data_classes import TransformerData

    outputs = [TransformerData.empty() for _ in docs]
    # It fails on docs without tokens if there are no others.
    todo = sorted((i for i, doc in enumerate(docs) if len(doc)), key=lambda i: -len(docs[i]))
    if is_train:
        todo.sort()
    backprop: Callable = lambda _: []  # noqa: E731
    while todo:
        size = len(todo) if is_train else max(1, max_tokens // len(docs[todo[0]]))
        given, backprop = source([docs[i] for i in todo[:size]], is_train)
        for i, output in zip(todo[:size], given, strict=True):
            outputs[i] = output
        todo = todo[size:]
    return outputs, backprop


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


def _find_windows(docs: list[Doc], outputs: list[Any]) -> tuple[Windows, Ints1d, list[tuple[int, int]]]:
    """
    RETURNS (tuple): The transformer's windows that have words, the row of each one in its doc's output, and the tokens
        that were cut off at the end of their windows: index of the doc, and of the token in it.
    """
    parts: list[numpy.ndarray] = []
    widths: list[int] = []
    cut_off: list[tuple[int, int]] = []
    for i, (doc, output) in enumerate(zip(docs, outputs, strict=True)):
        widths.append(0)
        if not _has_vectors(output):
            continue
        n_positions = output.model_output.last_hidden_state.shape[1]
        widths[i] = n_positions
        lengths = numpy.asarray(output.align.lengths).ravel()
        at = numpy.asarray(output.align.dataXd).ravel().astype("int64")
        token = numpy.repeat(numpy.arange(len(lengths)), lengths)
        is_space = numpy.asarray(doc.to_array([IS_SPACE])).ravel().astype(bool)
        cut_off.extend((i, int(lost)) for lost in _find_cut_off(token, at % n_positions == n_positions - 1, is_space))
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
    # One more for the special wordpiece at the end, where it wasn't cut off.
    lengths = numpy.maximum.reduceat(last, start) + 2 if len(start) else last
    windows = Windows(
        doc=doc[start],
        word_start=numpy.concatenate([[0], end]) if len(start) else numpy.zeros(1, dtype="int64"),
        token=token,
        first=first,
        last=last,
        lengths=numpy.minimum(lengths, numpy.array(widths, dtype="int64")[doc[start]]),
        ids=numpy.zeros(0, dtype="int64"),
        shapes=numpy.zeros(0, dtype="int64"),
    )
    return windows, row[start], cut_off


def _find_cut_off(token: Ints1d, is_at_end: Bools1d, is_space: Bools1d) -> Ints1d:
    """Find the tokens that were cut off, because their window has more wordpieces than the transformer takes.

    A whole window ends with a special wordpiece. One that was cut off ends with that of a token, and the tokens after
    it have no wordpiece. Other tokens that have none are those that a tokenizer or a span getter leaves out.

    token (Ints1d): The token of each wordpiece, shape (n,).
    is_at_end (Bools1d): Whether the wordpiece is at the last position of a window, shape (n,).
    is_space (Bools1d): Whether each token of the doc is whitespace, shape (T,).
    RETURNS (Ints1d): The tokens.
    """
    has_wordpieces, ends_window = (numpy.zeros(len(is_space), dtype=bool) for _ in range(2))
    has_wordpieces[token] = True
    ends_window[token[is_at_end]] = True
    # The last token before each token that has wordpieces, -1 if there is none.
    before = numpy.maximum.accumulate(numpy.where(has_wordpieces, numpy.arange(len(is_space)), -1))
    return numpy.flatnonzero(~has_wordpieces & ~is_space & (before >= 0) & ends_window[before])
