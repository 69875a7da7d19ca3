"""Example spans of types: by how much they move the threshold of their type."""

from typing import Any

import pytest
import torch
from spacy.language import Language
from spacy.tokens import Doc

from spacy_binder.descriptions import ExampleSpan, TypeWords
from spacy_binder.layers.examples import example_shifts
from spacy_binder.modules.type_vectors import TypeTargets, unit

SENTENCES = ("Bergen and Oslo are cold , Bergen above all .", "Oslo", "New York is far .")
EXAMPLES = ((0, 0, 1), (0, 2, 3), (1, 0, 1), (2, 0, 2))


def make_examples(*places: tuple[int, int, int]) -> tuple[ExampleSpan, ...]:
    return tuple(
        ExampleSpan(tuple(words := SENTENCES[i].split()), (True,) * len(words), start, end) for i, start, end in places
    )


def margins_by_hand(nlp: Language, target: torch.Tensor, sentence: str) -> dict[str, float]:
    """RETURNS (dict): The margin of each span of a sentence, by its text; of equal texts, the higher one."""
    text_encoder, _, scorer = nlp.get_pipe("binder_ner").model.layers  # type: ignore[attr-defined]
    module: Any = scorer.shims[0].module
    words = sentence.split()
    [encoded] = text_encoder.predict([Doc(nlp.vocab, words=words)]).passes
    vectors, batch = encoded.vectors[0].float(), encoded.batch
    margins: dict[str, float] = {}
    with torch.no_grad():

        def vector(first: int, last: int, width: int) -> torch.Tensor:
            embedded = module.span_width(module.width_embedding.weight[width])
            return unit(module.span_first(vectors[first]) + module.span_last(vectors[last]) + embedded)

        threshold = vector(0, 0, 0)
        for start in range(len(words)):
            for end in range(start, min(len(words), start + module.max_span_length)):
                span = vector(batch.first[0, start], batch.last[0, end], end - start)
                margin = float(module.span_scale.exp() * ((span - threshold) @ target))
                text = " ".join(words[start : end + 1])
                margins[text] = max(margin, margins.get(text, margin))
    return margins


def draw_target(nlp: Language, seed: int) -> torch.Tensor:
    module: Any = nlp.get_pipe("binder_ner").model.get_ref("scorer").shims[0].module  # type: ignore[attr-defined]
    return unit(torch.randn(module.type_span.out_features, generator=torch.Generator().manual_seed(seed)))


def shift_of(nlp: Language, target: torch.Tensor, examples: tuple[ExampleSpan, ...], weight: float = 1.0) -> float:
    text_encoder, _, scorer = nlp.get_pipe("binder_ner").model.layers  # type: ignore[attr-defined]
    targets = TypeTargets(*[target[None]] * 3, torch.tensor([weight]))
    [shift] = example_shifts(text_encoder, scorer, targets, [TypeWords(("town",), examples)], nlp.vocab)
    return float(shift)


@pytest.mark.parametrize("seed", range(3))
def test_shift_is_the_best_margin_of_other_spans(tiny_nlp: Language, seed: int) -> None:
    """Averaged over sentences and a description that counts as five. A sentence with two examples counts once."""
    target = draw_target(tiny_nlp, seed)
    marked = {"Bergen", "Oslo", "New York"}
    best = []
    for i in (0, 2):
        margins = margins_by_hand(tiny_nlp, target, SENTENCES[i])
        best.append(max(margin for text, margin in margins.items() if text not in marked))
    expected = sum(best) / (len(best) + 5)
    assert shift_of(tiny_nlp, target, make_examples(*EXAMPLES), 5.0) == pytest.approx(expected, abs=1e-4)


def test_a_sentence_that_is_an_example_moves_nothing(tiny_nlp: Language) -> None:
    target = draw_target(tiny_nlp, 0)
    assert shift_of(tiny_nlp, target, make_examples((1, 0, 1))) == 0.0
    assert shift_of(tiny_nlp, target, ()) == 0.0
