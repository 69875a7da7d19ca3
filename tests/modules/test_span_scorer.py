"""The factored span logits against the plain linear layer over [first; last; width]."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from spacy_binder.architectures import build_span_scorer
from spacy_binder.layers.types import EncodedWindows, Search
from spacy_binder.modules import span_scorer as span_scorer_module
from spacy_binder.modules import span_search as span_search_module
from spacy_binder.modules.span_scorer import SpanScorerModule, SpanScores
from spacy_binder.modules.type_vectors import TypeTargets, TypeVectors
from spacy_binder.text.windows import WindowBatch

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


def copied(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """RETURNS (nn.Linear): A layer in float64 with these weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    assert bias is not None
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def cosine_logit(text: Tensor, of_type: Tensor, log_scale: Tensor) -> Tensor:
    """RETURNS (Tensor): Cosine over temperature, in float64."""
    temperature = 1 / log_scale.double().exp()
    return functional.cosine_similarity(text, of_type, dim=-1) / temperature


def score(
    module: SpanScorerModule, vectors: Tensor, first: Tensor, last: Tensor, types: Tensor, *, drop_sums: bool = False
) -> SpanScores:
    """The logits of types with one description each."""
    return module(vectors, first, last, TypeVectors.of_texts(types), drop_sums=drop_sums)


def targets_of(module: SpanScorerModule, types: Tensor) -> TypeTargets:
    return module.targets(TypeVectors.of_texts(types), blockwise=True)


def reference_scores(
    module: SpanScorerModule,
    vectors: Tensor,
    first: Tensor,
    last: Tensor,
    types: Tensor,
    dropout: dict[str, Tensor] | None = None,
) -> SpanScores:
    """Equations 1 to 5 of the paper, one candidate and type at a time; NaN for spans that there are none of.

    dropout (dict, optional): Factors of the dropout on the vectors of spans, of [CLS] and of types for spans.
    """
    vectors, types = vectors.double(), types.double()
    parts = [module.span_first.weight, module.span_last.weight]
    embedding = torch.zeros(module.max_span_length, 0, dtype=torch.float64)
    if module.span_width is not None:
        parts.append(module.span_width.weight)
        embedding = module.width_embedding.weight.double()
    layers = {
        "start": copied(module.start.weight, module.start.bias),
        "end": copied(module.end.weight, module.end.bias),
        "span": copied(torch.cat(parts, dim=1), module.span_first.bias),
    }
    of_types = {
        "start": copied(module.type_start.weight, module.type_start.bias)(types),
        "end": copied(module.type_end.weight, module.type_end.bias)(types),
        "span": copied(module.type_span.weight, module.type_span.bias)(types),
    }
    if dropout:
        of_types["span"] = of_types["span"] * dropout["types"]

    def word(kind: str, b: int, position: int) -> Tensor:
        scale = module.start_scale if kind == "start" else module.end_scale
        return cosine_logit(layers[kind](vectors[b, position]), of_types[kind], scale)

    def span(b: int, first_position: int, last_position: int, width: int, factor: Tensor | float) -> Tensor:
        joined = torch.cat([vectors[b, first_position], vectors[b, last_position], embedding[width - 1]])
        return cosine_logit(layers["span"](joined) * factor, of_types["span"], module.span_scale)

    n_windows, n_words = first.shape
    n_widths = min(n_words, module.max_span_length)
    spans = torch.full((n_windows, n_words, n_widths, len(types)), torch.nan, dtype=torch.float64)
    for b in range(n_windows):
        for t in range(n_words):
            for width in range(1, min(n_widths, n_words - t) + 1):
                factor = dropout["spans"][b, t, width - 1] if dropout else 1.0
                spans[b, t, width - 1] = span(b, int(first[b, t]), int(last[b, t + width - 1]), width, factor)
    windows = range(n_windows)
    return SpanScores(
        span=spans,
        span_threshold=torch.stack([span(b, 0, 0, 1, dropout["cls"][b] if dropout else 1.0) for b in windows]),
        start=torch.stack([torch.stack([word("start", b, int(at)) for at in first[b]]) for b in windows]),
        end=torch.stack([torch.stack([word("end", b, int(at)) for at in last[b]]) for b in windows]),
        start_threshold=torch.stack([word("start", b, 0) for b in windows]),
        end_threshold=torch.stack([word("end", b, 0) for b in windows]),
    )


@pytest.mark.parametrize("drop_sums", [False, True])
@pytest.mark.parametrize("n_words", [1, 2, 5, 9])
@pytest.mark.parametrize("max_span_length", [1, 3, 9, 30])
@pytest.mark.parametrize("width_embedding_size", [0, 5])
def test_logits_are_those_of_the_concatenated_layer(
    n_words: int, max_span_length: int, width_embedding_size: int, drop_sums: bool
) -> None:
    """Starts, ends, spans and the thresholds from [CLS]."""
    module = make_module(max_span_length=max_span_length, width_embedding_size=width_embedding_size)
    inputs = make_input(n_words)
    with torch.no_grad():
        found = score(module, *inputs, drop_sums=drop_sums)
        expected = reference_scores(module, *inputs)
    inside = ~expected.span.isnan()
    assert found.span.shape == expected.span.shape
    for name in ("span_threshold", "start", "end", "start_threshold", "end_threshold"):
        torch.testing.assert_close(getattr(found, name).double(), getattr(expected, name), rtol=0, atol=2e-5)
    torch.testing.assert_close(found.span.double()[inside], expected.span[inside], rtol=0, atol=2e-5)


class KnownDropout(nn.Module):
    """Dropout that keeps the factors it has drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[Tensor] = []

    def forward(self, vectors: Tensor) -> Tensor:
        self.drawn.append(torch.randint(0, 4, vectors.shape).clamp(max=1) / 0.75)
        return vectors * self.drawn[-1]


@pytest.mark.parametrize("width_embedding_size", [0, 5])
def test_dropout_of_sums_is_that_of_the_published_code(width_embedding_size: int) -> None:
    """Each span vector as a whole, and [CLS], has a draw of its own: dropout follows the concatenated layer."""
    module = make_module(max_span_length=3, width_embedding_size=width_embedding_size)
    module.dropout = dropout = KnownDropout()  # type: ignore[assignment]
    inputs = make_input(6)
    with torch.no_grad():
        found = score(module, *inputs, drop_sums=True)
        factors = {drawn.shape: drawn for drawn in dropout.drawn}
        # Types are drawn for spans first.
        drawn = {
            "types": dropout.drawn[0],
            "spans": factors[torch.Size((2, 6, 3, 8))],
            "cls": factors[torch.Size((2, 8))],
        }
        expected = reference_scores(module, *inputs, dropout=drawn)
    inside = ~expected.span.isnan()
    torch.testing.assert_close(found.span.double()[inside], expected.span[inside], rtol=0, atol=2e-5)
    torch.testing.assert_close(found.span_threshold.double(), expected.span_threshold, rtol=0, atol=2e-5)


@pytest.mark.parametrize("span_dropout", ["parts", "sum"])
def test_the_setting_says_what_dropout_is_drawn_for(span_dropout: str) -> None:
    """Dropout of a vector of each span is drawn only for "sum"."""
    layer = build_span_scorer(linear_size=8, max_span_length=3, width_embedding_size=5, span_dropout=span_dropout)
    layer.set_dim("nI", TEXT_WIDTH)
    layer.set_dim("nT", TYPE_WIDTH)
    layer.initialize()
    module = layer.shims[0].module
    shapes: list[torch.Size] = []
    module.dropout.register_forward_hook(lambda _, __, output: shapes.append(output.shape))
    encoded, types = encode_input(5)
    layer((encoded, TypeVectors.of_texts(types), Search()), is_train=True)
    assert (torch.Size((2, 5, 3, 8)) in shapes) is (span_dropout == "sum")


def encode_input(n_words: int) -> tuple[EncodedWindows, Tensor]:
    """RETURNS (tuple): Two windows as the text encoder gives them, and vectors of types."""
    vectors, first, last, types = make_input(n_words)
    lengths = torch.tensor([n_words, n_words]).numpy()
    nothing = torch.zeros(vectors.shape[:2]).numpy()
    batch = WindowBatch(torch.arange(2).numpy(), nothing, nothing, lengths, first.numpy(), last.numpy(), lengths)
    return EncodedWindows(batch, vectors, lambda _: None), types


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


def test_temperature_bounds_the_logits() -> None:
    """The same vector twice has the cosine 1: the logit is 1 / temperature at the start of training."""
    module = SpanScorerModule(
        6, 6, linear_size=4, max_span_length=2, width_embedding_size=0, temperature=0.05
    ).requires_grad_(False)
    module.type_start.load_state_dict(module.start.state_dict())
    vectors, position = torch.randn(1, 2, 6), torch.ones(1, 1, dtype=torch.int64)
    _, _, start, *_ = score(module, vectors, position, position, vectors[0, 1:])
    assert start.item() == pytest.approx(20, rel=1e-5)


@pytest.mark.parametrize("kept", [[3, 1, 0, 2], [2], [0, 3], [1, 1]], ids=str)
def test_a_type_does_not_depend_on_others(kept: list[int]) -> None:
    """Types that are reordered, dropped or doubled leave each one's logits as they are."""
    module = make_module(max_span_length=4, width_embedding_size=5).eval()
    vectors, first, last, types = make_input(6)
    everything = score(module, vectors, first, last, types)
    some = score(module, vectors, first, last, types[kept])
    for all_types, some_types in zip(everything, some, strict=True):
        torch.testing.assert_close(some_types, all_types[..., kept], rtol=1e-5, atol=1e-5)


def test_windows_do_not_depend_on_others() -> None:
    """A window pad to a longer one has the same logits as alone."""
    module = make_module(max_span_length=4, width_embedding_size=5).eval()
    vectors, first, last, types = make_input(7)
    together = score(module, vectors, first, last, types)
    length = 3
    alone = score(module, vectors[:1, : int(last[0, length - 1]) + 2], first[:1, :length], last[:1, :length], types)
    for t in range(length):
        for width in range(length - t):
            torch.testing.assert_close(together[0][0, t, width], alone[0][0, t, width], rtol=1e-5, atol=1e-5)
    for pad, own in zip(together[2:4], alone[2:4], strict=True):
        torch.testing.assert_close(pad[0, :length], own[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width_embedding_size", [0, 5])
def test_gradients_reach_all_parameters(width_embedding_size: int) -> None:
    """Every weight, bias, embedded width and temperature learns, and so do the encoders behind."""
    module = make_module(max_span_length=4, width_embedding_size=width_embedding_size)
    vectors, first, last, types = make_input(6)
    vectors.requires_grad_()
    types.requires_grad_()
    outputs = score(module, vectors, first, last, types)
    torch.autograd.backward(outputs, [torch.randn_like(output) for output in outputs])
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.reshape(len(parameter) if parameter.ndim else 1, -1).any(1).all(), name
    assert types.grad is not None and types.grad.any(1).all()
    assert vectors.grad is not None
    used = torch.zeros(vectors.shape[:2], dtype=torch.bool)
    used[:, 0] = True
    used.scatter_(1, first, True)
    used.scatter_(1, last, True)
    assert torch.equal(vectors.grad.any(-1), used)


def test_gradient_is_that_of_the_concatenated_layer() -> None:
    """Backpropagation through the factored form, against the plain one."""
    module = make_module(max_span_length=3, width_embedding_size=5)
    vectors, first, last, types = make_input(5)
    inside = ~reference_scores(module, vectors, first, last, types).span.isnan()
    weight = torch.randn(inside.shape, dtype=torch.float64)[inside]

    def gradients(scores: SpanScores) -> tuple[Tensor, ...]:
        return torch.autograd.grad((scores.span[inside] * weight).sum(), [vectors, types])

    vectors.requires_grad_()
    types.requires_grad_()
    found = gradients(score(module, vectors, first, last, types))
    expected = gradients(reference_scores(module, vectors, first, last, types))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_layer_hands_gradients_to_both_encoders() -> None:
    """The thinc layer around the module: the same logits, the same gradients."""
    layer = build_span_scorer(linear_size=8, max_span_length=3, width_embedding_size=5)
    layer.attrs["dropout_rate"] = 0.0
    layer.set_dim("nI", TEXT_WIDTH)
    layer.set_dim("nT", TYPE_WIDTH)
    layer.initialize()
    vectors, first, last, types = make_input(5)
    encoded, _ = encode_input(5)
    scores, backprop = layer((encoded, TypeVectors.of_texts(types), Search()), is_train=True)
    d_scores = SpanScores(*(torch.randn_like(tensor) for tensor in scores))
    d_vectors, d_types = backprop(d_scores)
    vectors.requires_grad_()
    types.requires_grad_()
    outputs = score(layer.shims[0].module, vectors, first, last, types)
    for found, expected in zip(scores, outputs, strict=True):
        assert torch.equal(found, expected)
    torch.autograd.backward(outputs, d_scores)
    torch.testing.assert_close(d_vectors, vectors.grad)
    torch.testing.assert_close(d_types, types.grad)


def several(module: SpanScorerModule) -> tuple[TypeVectors, TypeTargets]:
    """RETURNS (tuple): Types of two descriptions, of one, of one with two examples; and their targets by hand."""
    torch.manual_seed(3)
    texts, firsts, lasts = torch.randn(4, TYPE_WIDTH), torch.randn(2, TEXT_WIDTH), torch.randn(2, TEXT_WIDTH)
    widths = torch.tensor([0, 2])
    types = TypeVectors(texts, torch.tensor([0, 0, 1, 2]), firsts, lasts, widths, torch.tensor([2, 2]))

    def direction(*vectors: Tensor) -> Tensor:
        return functional.normalize(sum(functional.normalize(vector, dim=0) for vector in vectors), dim=0)  # type: ignore[arg-type]

    expected = []
    for kind in ("start", "end", "span"):
        described = [getattr(module, f"type_{kind}")(text) for text in texts]
        examples = {"start": module.start(firsts), "end": module.end(lasts)}.get(kind)
        if examples is None:
            embedded = module.span_width(module.width_embedding.weight[widths])  # type: ignore[misc]
            examples = module.span_first(firsts) + module.span_last(lasts) + embedded
        rows = [direction(described[0], described[1]), direction(described[2]), direction(described[3], *examples)]
        expected.append(torch.stack(rows))
    return types, TypeTargets(*expected)


@pytest.mark.parametrize("blockwise", [False, True])
def test_targets_are_mean_directions(blockwise: bool) -> None:
    module = make_module(max_span_length=4, width_embedding_size=5).eval()
    types, expected = several(module)
    for found, by_hand in zip(module.targets(types, blockwise=blockwise), expected, strict=True):
        torch.testing.assert_close(found, by_hand, rtol=0, atol=1e-5)


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


def test_gradients_of_several_descriptions() -> None:
    """By finite differences, in float64."""
    module = make_module(max_span_length=4, width_embedding_size=5).double()
    vectors, first, last, _ = make_input(3, n_windows=1)
    of_text = torch.tensor([0, 0, 1])
    none = torch.zeros(0, dtype=torch.long)

    def logits(texts: Tensor) -> Tensor:
        types = TypeVectors(texts, of_text, texts[:0], texts[:0], none, none)
        scores = module(vectors.double(), first, last, types)
        return torch.cat([part.reshape(-1) for part in scores])

    assert torch.autograd.gradcheck(logits, torch.randn(3, TYPE_WIDTH, dtype=torch.float64, requires_grad=True))
