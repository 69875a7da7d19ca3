"""Projections that start from one matrix: a type is at first near the spans whose vectors are like its own."""

import pytest
import spacy
import torch
from conftest import binder_config
from torch import Tensor

from spacy_binder.architectures import build_span_scorer
from spacy_binder.modules.span_scorer import SpanScorerModule
from spacy_binder.modules.type_vectors import TypeVectors

WIDTH, TEMPERATURE = 12, 0.1


def make_aligned(linear_size: int) -> SpanScorerModule:
    """RETURNS (SpanScorerModule): A module without embeddings of widths, whose projections are aligned."""
    torch.manual_seed(0)
    module = SpanScorerModule(
        WIDTH, WIDTH, linear_size=linear_size, max_span_length=4, width_embedding_size=0, temperature=TEMPERATURE
    )
    module.align()
    return module


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """RETURNS (Tensor): Each row of a with each row of b, over the temperature."""
    return torch.nn.functional.normalize(a, dim=-1) @ torch.nn.functional.normalize(b, dim=-1).T / TEMPERATURE


@pytest.mark.parametrize("linear_size", [WIDTH, 2 * WIDTH])
def test_logits_are_cosines_of_the_encoders_vectors(linear_size: int) -> None:
    """Columns of the matrix are orthogonal, so that it keeps angles."""
    vectors, types = torch.randn(1, 4, WIDTH), torch.randn(5, WIDTH)
    places = torch.tensor([[1, 2, 3]])
    scores = make_aligned(linear_size)(vectors, places, places, TypeVectors.of_texts(types))
    for found in (scores.start, scores.end, scores.span[:, :, 0]):
        torch.testing.assert_close(found[0], cosines(vectors[0, 1:], types), atol=1e-4, rtol=1e-4)
    for threshold in (scores.start_threshold, scores.end_threshold, scores.span_threshold):
        torch.testing.assert_close(threshold, cosines(vectors[0, :1], types), atol=1e-4, rtol=1e-4)
    # A span of two words is the mean of both.
    mean = (vectors[0, 1:3] + vectors[0, 2:4]) / 2
    torch.testing.assert_close(scores.span[0, :2, 1], cosines(mean, types), atol=1e-4, rtol=1e-4)


def test_a_narrow_space_keeps_what_is_alike() -> None:
    """Fewer rows than columns: rows are orthogonal, and equal vectors stay equal."""
    module = make_aligned(WIDTH // 2)
    weight = module.start.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(WIDTH // 2), atol=1e-5, rtol=1e-5)
    vectors = torch.randn(1, 3, WIDTH)
    places = torch.tensor([[1, 2]])
    scores = module(vectors, places, places, TypeVectors.of_texts(vectors[0, 1:]))
    torch.testing.assert_close(scores.start[0].diagonal(), torch.full((2,), 1 / TEMPERATURE))


def test_encoders_of_two_widths_can_not_start_aligned(tiny_encoder: str) -> None:
    scorer = build_span_scorer(initial_projections="aligned")
    scorer.set_dim("nI", 12)
    scorer.set_dim("nT", 8)
    with pytest.raises(ValueError, match=r"B071.* has 12 and that of the types 8"):
        scorer.initialize()
    with pytest.raises(ValueError, match=r"B016.*initial_projections.*random, aligned"):
        build_span_scorer(initial_projections="tied")
    config = binder_config(tiny_encoder)
    config["model"]["scorer"] = {"initial_projections": "aligned"}
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("binder_ner", config=config)
    pipe.add_label("PER")
    nlp.initialize()
    module = pipe.model.get_ref("scorer").shims[0].module
    assert torch.equal(module.start.weight, module.type_span.weight)
    assert torch.equal(module.start.weight, 2 * module.span_last.weight)
