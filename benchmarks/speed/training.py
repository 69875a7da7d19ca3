"""A training step, beside the bare encoder's forward and backward pass over the same texts."""

from collections.abc import Callable
from itertools import cycle
from typing import Any

from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from .clock import measure, paired, peak_rss_mib, seconds_of
from .docs import read_gold, unannotated
from .pipelines import load_binder

# Passages per step, and wordpieces per passage. So many words hardly ever have more wordpieces.
BATCH_SIZE, WINDOW, WORDS = 8, 128, 105


def full_batches(
    encoder: str, data: str, max_docs: int, runs: int, vocab: Vocab | None = None
) -> tuple[list[list[Doc]], list[Any]]:
    """Make batches of passages that fill a window each.

    encoder (str): The encoder whose tokenizer counts.
    data (str): A DocBin with gold spans.
    max_docs (int): The most docs of it, or 0 for all.
    runs (int): A batch for each of these and one more, as far as there are passages.
    vocab (Vocab): The vocabulary of the passages.
    RETURNS (tuple): The passages of each batch, and what the encoder gets for them.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(encoder)
    passages = read_gold(data, max_docs, vocab, cut_at=WORDS)
    ids = [tokenizer(doc.text, truncation=True, max_length=WINDOW)["input_ids"] for doc in passages]
    fullest = sorted(range(len(passages)), key=lambda i: -len(ids[i]))
    n_batches = max(1, min(runs + 1, len(passages) // BATCH_SIZE))
    rows = [fullest[: n_batches * BATCH_SIZE][i::n_batches] for i in range(n_batches)]
    inputs = [tokenizer.pad({"input_ids": [ids[j] for j in batch]}, return_tensors="pt") for batch in rows]
    return [[passages[j] for j in batch] for batch in rows], inputs


def bare_step(encoder: str, inputs: list[Any]) -> Callable[[], float]:
    """RETURNS (Callable): The seconds of the bare encoder's forward and backward pass over the next batch."""
    import torch
    from transformers import AutoModel

    module = AutoModel.from_pretrained(encoder, torch_dtype=torch.float32).train()
    gradients = [torch.randn(*batch["input_ids"].shape, module.config.hidden_size) for batch in inputs]
    following = cycle(zip(inputs, gradients, strict=True))

    def run() -> float:
        batch, gradient = next(following)

        def step() -> None:
            module.zero_grad(set_to_none=True)
            module(**batch).last_hidden_state.backward(gradient)

        return seconds_of(step)

    return run


def update_step(nlp: Any, ner: Any, batches: list[list[Doc]]) -> Callable[[], float]:
    """RETURNS (Callable): The seconds of an nlp.update on the next batch: loss, gradients and optimizer."""
    from thinc.api import Adam

    # The settings of configs/binder.cfg.
    optimizer = Adam(1e-4, L2=0.0, L2_is_weight_decay=True, grad_clip=1.0, eps=1e-8, use_averages=False)
    nlp.resume_training(sgd=optimizer)
    following = cycle([[Example(unannotated(doc), doc) for doc in batch] for batch in batches])

    def run() -> float:
        examples = next(following)
        with nlp.select_pipes(enable=ner.name):
            return seconds_of(lambda: nlp.update(examples, drop=0.1, sgd=optimizer))

    return run


def bare(encoder: str, data: str, max_docs: int, runs: int) -> dict[str, Any]:
    """Time the steps of the bare encoder by itself, to measure its memory."""
    _, inputs = full_batches(encoder, data, max_docs, runs)
    return {"seconds": measure({"bare": bare_step(encoder, inputs)}, runs)}


def update(pipeline: str, encoder: str, mixed_precision: bool, data: str, max_docs: int, runs: int) -> dict[str, Any]:
    """Compare training steps with the bare encoder's. The memory is theirs, before the bare encoder is loaded.

    mixed_precision (bool): Whether the pipeline's encoders multiply in bfloat16.
    """
    settings = {"mixed_precision": mixed_precision}
    nlp, ner = load_binder(pipeline, text_encoder=settings, type_encoder=settings)
    batches, inputs = full_batches(encoder, data, max_docs, runs, nlp.vocab)
    sides = {"update": update_step(nlp, ner, batches)}
    measure(sides, runs)
    peak = peak_rss_mib()
    sides["bare"] = bare_step(encoder, inputs)
    seconds = measure(sides, runs)
    masks = [batch["attention_mask"] for batch in inputs]
    return {
        "wordpieces_per_passage": float(sum(mask.sum() for mask in masks) / sum(len(mask) for mask in masks)),
        "update_peak_rss_mib": peak,
        "seconds": seconds,
        "cost": paired(seconds["update"], seconds["bare"]),
    }
