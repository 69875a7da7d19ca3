"""Small span scorers whose weights are all drawn anew, and what they score."""

import torch
from torch import Tensor, nn

from spacy_binder.modules.span_scorer import SpanScorerModule, SpanScores
from spacy_binder.modules.type_vectors import TypeTargets, TypeVectors

TEXT_WIDTH, TYPE_WIDTH, N_TYPES = 12, 7, 4


def make_module(*, max_span_length: int, width_embedding_size: int) -> SpanScorerModule:
    """RETURNS (SpanScorerModule): A module whose weights, biases and temperatures are all drawn anew."""
    module = SpanScorerModule(
        TEXT_WIDTH,
        TYPE_WIDTH,
        linear_size=8,
        max_span_length=max_span_length,
        width_embedding_size=width_embedding_size,
        temperature=0.07,
    )
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.7)
    return module


def make_input(n_words: int, n_windows: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """RETURNS (tuple): Vectors of windows, first and last wordpieces of words (each of 1 to 3), vectors of types."""
    torch.manual_seed(1)
    n_pieces = torch.randint(1, 4, (n_windows, n_words))
    last = n_pieces.cumsum(1)
    vectors = torch.randn(n_windows, 3 * n_words + 2, TEXT_WIDTH)
    return vectors, last - n_pieces + 1, last, torch.randn(N_TYPES, TYPE_WIDTH)


def score(
    module: SpanScorerModule, vectors: Tensor, first: Tensor, last: Tensor, types: Tensor, *, drop_sums: bool = False
) -> SpanScores:
    """The logits of types with one description each."""
    return module(vectors, first, last, TypeVectors.of_texts(types), drop_sums=drop_sums)


def targets_of(module: SpanScorerModule, types: Tensor) -> TypeTargets:
    return module.targets(TypeVectors.of_texts(types), blockwise=True)
