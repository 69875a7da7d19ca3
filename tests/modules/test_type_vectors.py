"""Types of several descriptions and of examples: what spans are compared with, against a computation by hand."""

import pytest
import torch
from scorer_modules import TEXT_WIDTH, TYPE_WIDTH, make_input, make_module
from torch import Tensor
from torch.nn import functional

from spacy_binder.modules.span_scorer import SpanScorerModule
from spacy_binder.modules.type_vectors import TypeTargets, TypeVectors


def several(module: SpanScorerModule) -> tuple[TypeVectors, TypeTargets]:
    """RETURNS (tuple): Types of two descriptions, of one, of one with two examples; and their targets by hand."""
    torch.manual_seed(3)
    texts, firsts, lasts = torch.randn(4, TYPE_WIDTH), torch.randn(2, TEXT_WIDTH), torch.randn(2, TEXT_WIDTH)
    thresholds, widths = torch.randn(2, TEXT_WIDTH), torch.tensor([0, 2])
    types = TypeVectors(texts, torch.tensor([0, 0, 1, 2]), firsts, lasts, thresholds, widths, torch.tensor([2, 2]))

    def direction(*vectors: Tensor) -> Tensor:
        return functional.normalize(sum(functional.normalize(vector, dim=0) for vector in vectors), dim=0)  # type: ignore[arg-type]

    def project(first: Tensor, last: Tensor, width: int) -> Tensor:
        embedded = module.span_width(module.width_embedding.weight[width])  # type: ignore[misc]
        return direction(module.span_first(first) + module.span_last(last) + embedded)

    spans = [project(first, last, int(width)) for first, last, width in zip(firsts, lasts, widths, strict=True)]
    alone = direction(module.type_span(texts[3]))
    # The descriptions count as one example, and up to eight more, by the scores that the examples have by them.
    weight = 1.0
    for span, cls in zip(spans, thresholds, strict=True):
        margin = module.span_scale.exp() * ((span - project(cls, cls, 0)) @ alone)
        weight += 8 * float(margin.detach().sigmoid()) / 2
    expected = []
    for kind, examples in (("start", module.start(firsts)), ("end", module.end(lasts)), ("span", spans)):
        described = [getattr(module, f"type_{kind}")(text) for text in texts]
        mixed = weight * direction(described[3]) + direction(examples[0]) + direction(examples[1])
        expected.append(torch.stack([direction(described[0], described[1]), direction(described[2]), direction(mixed)]))
    return types, TypeTargets(*expected, torch.tensor([1.0, 1.0, weight]))


@pytest.mark.parametrize("blockwise", [False, True])
def test_targets_are_mean_directions(blockwise: bool) -> None:
    module = make_module(max_span_length=4, width_embedding_size=5).eval()
    types, expected = several(module)
    for found, by_hand in zip(module.targets(types, blockwise=blockwise), expected, strict=True):
        torch.testing.assert_close(found, by_hand, rtol=0, atol=1e-5)


def test_gradients_of_several_descriptions() -> None:
    """By finite differences, in float64."""
    module = make_module(max_span_length=4, width_embedding_size=5).double()
    vectors, first, last, _ = make_input(3, n_windows=1)
    of_text = torch.tensor([0, 0, 1])
    none = torch.zeros(0, dtype=torch.long)

    def logits(texts: Tensor) -> Tensor:
        types = TypeVectors(texts, of_text, texts[:0], texts[:0], texts[:0], none, none)
        scores = module(vectors.double(), first, last, types)
        return torch.cat([part.reshape(-1) for part in scores])

    assert torch.autograd.gradcheck(logits, torch.randn(3, TYPE_WIDTH, dtype=torch.float64, requires_grad=True))
