"""A training step, beside the bare encoder's forward and backward pass over the same windows."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_binder.text.windows import WindowBatch, make_windows
from spacy_binder.text.wordpieces import special_wordpieces, tokenize

from .clock import measure, paired, peak_rss_mib, seconds_of
from .docs import Text, cut, read_docs
from .pipelines import load_binder

# Windows of a step, and wordpieces of a window. So many words hardly ever have more wordpieces.
BATCH_SIZE, WINDOW, WORDS = 8, 128, 105


def full_windows(docs: list[Doc], key: str, encoder: str, n_batches: int) -> Iterator[tuple[list[Doc], WindowBatch]]:
    """Cut docs into chunks that fill a window each.

    docs (list[Doc]): The docs, with gold spans under `key`.
    encoder (str): Whose tokenizer is used.
    n_batches (int): The most batches.
    YIELDS (tuple[list[Doc], WindowBatch]): The chunks of a batch, and their windows.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    chunks = [chunk for doc in docs for chunk in cut(doc, WORDS, key)]
    prefix, suffix = special_wordpieces(tokenizer)
    capacity = WINDOW - len(prefix) - len(suffix)
    wordpieces = tokenize(chunks, tokenizer, capacity=capacity)
    windows = make_windows(wordpieces, prefix=prefix, suffix=suffix, capacity=capacity, stride=16, sentences=True)
    alone = numpy.flatnonzero(numpy.bincount(windows.doc)[windows.doc] == 1)
    fullest = alone[numpy.argsort(-windows.lengths[alone], kind="stable")]
    n_batches = max(1, min(n_batches, len(fullest) // BATCH_SIZE))
    fullest = numpy.resize(fullest, n_batches * BATCH_SIZE)
    for i in range(n_batches):
        rows = fullest[i::n_batches]
        yield [chunks[j] for j in windows.doc[rows]], windows.batch(rows, pad_id=tokenizer.pad_token_id or 0)


def bare_step(encoder: str, windows: list[WindowBatch]) -> Callable[[], float]:
    """RETURNS (Callable): The seconds of the bare encoder's forward and backward pass over the next windows."""
    import torch
    from transformers import AutoModel

    module = AutoModel.from_pretrained(encoder, torch_dtype=torch.float32).train()
    batches = []
    for batch in windows:
        input_ids = torch.from_numpy(batch.input_ids)
        mask = torch.arange(input_ids.shape[1]) < torch.from_numpy(batch.lengths)[:, None]
        gradient = torch.randn(*input_ids.shape, module.config.hidden_size)
        batches.append((input_ids, mask.long(), gradient))
    following = cycle(batches)

    def run() -> float:
        input_ids, mask, gradient = next(following)

        def step() -> None:
            module.zero_grad(set_to_none=True)
            module(input_ids=input_ids, attention_mask=mask).last_hidden_state.backward(gradient)

        return seconds_of(step)

    return run


def update_step(nlp: Any, ner: Any, chunks: list[list[Doc]]) -> Callable[[], float]:
    """RETURNS (Callable): The seconds of an nlp.update on the next chunks: loss, gradients and optimizer."""
    from thinc.api import Adam

    # The settings of configs/binder.cfg.
    optimizer = Adam(1e-4, L2=0.0, L2_is_weight_decay=True, grad_clip=1.0, eps=1e-8, use_averages=False)
    nlp.resume_training(sgd=optimizer)
    batches = [[Example(Text.of(chunk).doc(nlp.vocab), chunk) for chunk in batch] for batch in chunks]
    following = cycle(batches)

    def run() -> float:
        examples = next(following)
        with nlp.select_pipes(enable=ner.name):
            return seconds_of(lambda: nlp.update(examples, drop=0.1, sgd=optimizer))

    return run


def bare(encoder: str, data: str, max_docs: int, runs: int) -> dict[str, Any]:
    """Time the bare encoder's steps alone, for the memory that they take."""
    batches = list(full_windows(read_docs(data, max_docs), "sc", encoder, runs + 1))
    return {"seconds": measure({"bare": bare_step(encoder, [windows for _, windows in batches])}, runs)}


def update(pipeline: str, encoder: str, mixed_precision: bool, data: str, max_docs: int, runs: int) -> dict[str, Any]:
    """Compare training steps with the bare encoder's. The memory is theirs, before the bare encoder is loaded.

    mixed_precision (bool): Whether the pipeline's encoders multiply in bfloat16.
    """
    settings = {"mixed_precision": mixed_precision}
    nlp, ner = load_binder(pipeline, text_encoder=settings, type_encoder=settings)
    batches = list(full_windows(read_docs(data, max_docs, nlp.vocab), ner.key, encoder, runs + 1))
    sides = {"update": update_step(nlp, ner, [chunks for chunks, _ in batches])}
    measure(sides, runs)
    peak = peak_rss_mib()
    sides["bare"] = bare_step(encoder, [windows for _, windows in batches])
    seconds = measure(sides, runs)
    lengths = numpy.concatenate([windows.lengths for _, windows in batches])
    return {
        "batches": len(batches),
        "wordpieces_per_window": float(lengths.mean()),
        "update_peak_rss_mib": peak,
        "seconds": seconds,
        "cost": paired(seconds["update"], seconds["bare"]),
    }
