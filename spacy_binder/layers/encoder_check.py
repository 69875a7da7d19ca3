"""Make an encoder, and try on a few wordpieces what it has to be able to do, before anything is trained."""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

import torch
from thinc.api import get_torch_default_device
from torch import Tensor

from ..errors import Errors
from ..modules.encoder import Encoder
from ..text.wordpieces import TokenizerT, special_wordpieces
from .saved_encoder import TOKENIZER_FILES

OTHERS = "Use another encoder, of a family such as BERT, RoBERTa, DeBERTa or ModernBERT."


def make_encoder(
    name: str, transformer: Any, tokenizer: TokenizerT, *, word_shapes: bool = False, checkpointing: bool = False
) -> Encoder:
    """Make an encoder, on the default device, and check that it and its tokenizer can serve.

    name (str): The encoder's name, for messages.
    transformer (PreTrainedModel): The Hugging Face encoder.
    tokenizer (PreTrainedTokenizerBase): Its tokenizer.
    word_shapes (bool): Whether to embed word shapes beside wordpieces. Defaults to False.
    checkpointing (bool): Whether activations shall be computed twice. Defaults to False.
    RETURNS (Encoder): The encoder, in evaluation mode.
    RAISES (ValueError): If they can't serve, with the reason.
    """

    def refuse(problem: str, advice: str = OTHERS) -> NoReturn:
        raise ValueError(Errors.B046.format(encoder=name, problem=problem, advice=advice))

    if transformer.config.is_encoder_decoder:
        refuse("it is an encoder with a decoder, like T5 or BART, and the vectors are those of the decoder")
    if "attention_mask" not in inspect.signature(transformer.forward).parameters:
        refuse("it takes no attention mask, so that padding would change the vectors of a text")
    if not getattr(transformer.config, "hidden_size", None):
        refuse("its config has no `hidden_size`")
    if checkpointing and not transformer.supports_gradient_checkpointing:
        refuse("its family has no gradient checkpointing", "Set `gradient_checkpointing = false`.")
    unknown = {*_files(tokenizer)} - TOKENIZER_FILES
    if unknown:
        refuse(f"its tokenizer consists of files that can't be saved with a pipeline ({', '.join(sorted(unknown))})")
    prefix, suffix = special_wordpieces(tokenizer)
    try:
        n_embeddings = len(transformer.get_input_embeddings().weight)
    except (AttributeError, NotImplementedError):
        refuse("it has no table of wordpieces")
    if max(tokenizer.get_vocab().values()) >= n_embeddings:
        refuse(
            f"its tokenizer has {len(tokenizer)} wordpieces, but the encoder has vectors for {n_embeddings}",
            "The tokenizer belongs to another encoder, or got wordpieces later: resize the encoder's embeddings.",
        )
    encoder = Encoder(transformer, word_shapes=word_shapes).to(get_torch_default_device()).eval()
    try:
        problem = _find_problem(encoder, tokenizer, prefix, suffix)
    except Exception as error:
        # Of any kind: each family has its own.
        cause = str(error).strip().split("\n")[0] or type(error).__name__
        advice = "Perhaps it can't add word shapes: set `word_shapes = false`, or use another encoder."
        refuse(f"it fails on a text of a few wordpieces ({cause})", advice if word_shapes else OTHERS)
    if problem:
        refuse(problem)
    return encoder


def _files(tokenizer: TokenizerT) -> list[str]:
    files: list[str] = []
    for value in tokenizer.vocab_files_names.values():
        files.extend([value] if isinstance(value, str) else value)
    return files


def _find_problem(encoder: Encoder, tokenizer: TokenizerT, prefix: list[int], suffix: list[int]) -> str:
    """RETURNS (str): What is wrong with the vectors of two short texts. Empty if nothing is."""
    special = {*tokenizer.all_special_ids}
    ids = sorted(i for i in tokenizer.get_vocab().values() if i not in special)
    *same, one, other = ids[len(ids) // 2 :][:5]
    first, second = ([*prefix, *same, last, *suffix] for last in (one, other))
    vectors = encode_row(encoder, first)
    if vectors.shape != (len(first), encoder.width):
        return f"it gives vectors of shape {tuple(vectors.shape)} for {len(first)} wordpieces of width {encoder.width}"
    if not torch.equal(vectors, encode_row(encoder, first)):
        return "it gives other vectors for the same text each time"
    if torch.equal(vectors[0], encode_row(encoder, second)[0]):
        return "the vector of its first wordpiece knows nothing of the text, as in models that only look back, like GPT"
    padded = first + [tokenizer.pad_token_id or 0] * 3
    with_mask, without_mask = encode_row(encoder, padded, len(first)), encode_row(encoder, padded, len(padded))
    if torch.equal(with_mask[: len(first)], without_mask[: len(first)]):
        return "it ignores the attention mask, so that padding changes the vectors of a text"
    return ""


def encode_row(encoder: Encoder, row: list[int], length: int | None = None) -> Tensor:
    """Encode a row of wordpieces.

    encoder (Encoder): The encoder, in evaluation mode.
    row (list[int]): The wordpiece ids, special ones included.
    length (int, optional): Wordpieces that are attended to. None, the default, means all of them.
    RETURNS (Tensor): Their vectors. *Shape:* (L, width).
    """
    device = next(encoder.parameters()).device
    ids = torch.tensor([row], device=device)
    mask = None if length is None else (torch.arange(len(row), device=device) < length).long()[None]
    # What attends in half precision only is used in it.
    flash = "flash" in str(encoder.config._attn_implementation)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=flash):
        return encoder(ids, mask, torch.zeros_like(ids))[0]
