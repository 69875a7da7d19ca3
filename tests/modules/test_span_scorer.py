"""The factored span logits against the plain linear layer over [first; last; width]."""

import pytest
import torch
from scorer_modules import TEXT_WIDTH, TYPE_WIDTH, make_input, make_module, score
from torch import Tensor, nn
from torch.nn import functional

from spacy_binder.architectures import build_span_scorer
from spacy_binder.layers.types import EncodedWindows, Search
from spacy_binder.modules.span_scorer import SpanScorerModule, SpanScores
from spacy_binder.modules.type_vectors import TypeVectors
from spacy_binder.text.windows import WindowBatch


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
