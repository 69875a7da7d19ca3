"""The search for spans against a loop over all cells, and the independence of types."""

from itertools import product

import pytest
import torch
from scorer_modules import TYPE_WIDTH, make_input, make_module, score, targets_of
from torch import Tensor

from spacy_binder.modules import span_scorer as span_scorer_module
from spacy_binder.modules import span_search as span_search_module
from spacy_binder.modules.span_scorer import SpanScores


def found_by_loop(
    scores: SpanScores, n_words: Tensor, least: float, position_least: float | None
) -> dict[tuple[int, ...], float]:
    """RETURNS (dict): Margin of each window, word, width and type that beats [CLS], one cell after the other."""
    found = {}
    n_windows, _, n_widths, n_types = scores.span.shape
    for b, w, k in product(range(n_windows), range(n_widths), range(n_types)):
        for t in range(int(n_words[b]) - w):
            margin = float(scores.span[b, t, w, k] - scores.span_threshold[b, k])
            start = float(scores.start[b, t, k] - scores.start_threshold[b, k])
            end = float(scores.end[b, t + w, k] - scores.end_threshold[b, k])
            if margin > least and (position_least is None or min(start, end) > position_least):
                found[b, t, w, k] = margin
    return found


@pytest.mark.parametrize("types_at_once, pairs_at_once", [(1024, 65536), (3, 5)])
@pytest.mark.parametrize("position_least", [None, -0.8, 0.2])
@pytest.mark.parametrize("least", [-float("inf"), -0.8, 0.0, 0.2, float("inf")])
@pytest.mark.parametrize("max_span_length, width_embedding_size", [(4, 5), (1, 0), (9, 0)])
def test_search_finds_what_a_loop_finds(
    max_span_length: int,
    width_embedding_size: int,
    least: float,
    position_least: float | None,
    types_at_once: int,
    pairs_at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing that beats [CLS] is lost by looking only at starts whose best case does."""
    monkeypatch.setattr(span_scorer_module, "TYPES_AT_ONCE", types_at_once)
    monkeypatch.setattr(span_search_module, "PAIRS_AT_ONCE", pairs_at_once)
    module = make_module(max_span_length=max_span_length, width_embedding_size=width_embedding_size).eval()
    inputs, n_words = make_input(7, n_windows=3), torch.tensor([7, 4, 1])
    with torch.inference_mode():
        vectors, first, last, types = inputs
        cells, margins, n_seen, _ = module.search(
            vectors,
            first,
            last,
            n_words,
            targets_of(module, types),
            min_margin=least,
            min_position_margin=position_least,
            max_spans=10**6,
        )
        expected = found_by_loop(score(module, *inputs), n_words, least, position_least)
    assert n_seen == len(cells)
    assert dict(zip(map(tuple, cells.tolist()), margins.tolist(), strict=True)) == pytest.approx(expected, abs=1e-5)
    assert bool(expected) or least > 0


@pytest.mark.parametrize("types_at_once", [1024, 2])
@pytest.mark.parametrize("joint", [False, True])
def test_each_type_has_its_own_limit(joint: bool, types_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type's spans are those that it has alone, whatever the limits of the others."""
    monkeypatch.setattr(span_scorer_module, "TYPES_AT_ONCE", types_at_once)
    module = make_module(max_span_length=4, width_embedding_size=5).eval()
    (vectors, first, last, types), n_words = make_input(7), torch.tensor([7, 4])
    limits = torch.linspace(-1.0, 0.2, len(types))
    with torch.inference_mode():
        cells, margins, _, _ = module.search(
            vectors,
            first,
            last,
            n_words,
            targets_of(module, types),
            min_margin=limits,
            min_position_margin=limits if joint else None,
            max_spans=10**6,
        )
        expected = {}
        for k, limit in enumerate(limits.tolist()):
            alone, alone_margins, _, _ = module.search(
                vectors,
                first,
                last,
                n_words,
                targets_of(module, types[k : k + 1]),
                min_margin=limit,
                min_position_margin=limit if joint else None,
                max_spans=10**6,
            )
            assert k > 0 or len(alone)
            for (window, word, width, _), margin in zip(alone.tolist(), alone_margins.tolist(), strict=True):
                expected[window, word, width, k] = margin
    assert dict(zip(map(tuple, cells.tolist()), margins.tolist(), strict=True)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("most", [0, 1, 5])
def test_search_keeps_the_best(most: int) -> None:
    """No more spans of a type than asked for, and the count says how many there were."""
    module = make_module(max_span_length=4, width_embedding_size=5).eval()
    inputs, n_words = make_input(6), torch.tensor([6, 3])
    with torch.inference_mode():
        vectors, first, last, types = inputs
        cells, margins, n_seen, _ = module.search(
            vectors,
            first,
            last,
            n_words,
            targets_of(module, types),
            min_margin=-1.0,
            min_position_margin=None,
            max_spans=most,
        )
        expected = found_by_loop(score(module, *inputs), n_words, -1.0, None)
    assert n_seen == len(expected) > most * len(types)
    for k in range(len(types)):
        of_type = sorted((margin for cell, margin in expected.items() if cell[3] == k), reverse=True)
        found = sorted(margins[cells[:, 3] == k].tolist(), reverse=True)
        assert found == pytest.approx(of_type[:most], abs=1e-5)


@pytest.mark.parametrize("n_types", [1, 15, 16, 17, 40])
def test_search_does_not_depend_on_other_types_bit_by_bit(n_types: int) -> None:
    module = make_module(max_span_length=4, width_embedding_size=5).eval()
    (vectors, first, last, _), n_words = make_input(7), torch.tensor([7, 4])
    types = torch.randn(n_types, TYPE_WIDTH)

    def search(chosen: list[int]) -> dict[tuple[int, ...], float]:
        targets = targets_of(module, types[chosen])
        cells, margins, _, _ = module.search(
            vectors, first, last, n_words, targets, min_margin=-0.5, min_position_margin=-1.0, max_spans=10**6
        )
        rows = cells.tolist()
        return {(*row[:3], chosen[row[3]]): margin for row, margin in zip(rows, margins.tolist(), strict=True)}

    everything = search(list(range(n_types)))
    assert search(list(range(n_types))[::-1]) == everything
    for k in {0, n_types // 2, n_types - 1}:
        assert search([k]) == {cell: margin for cell, margin in everything.items() if cell[3] == k}
