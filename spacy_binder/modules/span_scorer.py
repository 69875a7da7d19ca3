"""Score words and spans against types, without a tensor of size words² · hidden."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .span_search import Found, Parts, ends_of, search_types
from .type_vectors import TypeTargets, TypeVectors, by_blocks, compare, compare_by_blocks, mean_directions, unit

# The most types that are searched at once. They bound the memory.
TYPES_AT_ONCE = 1024
# How many examples the descriptions of a type count as: the least, and the most.
MIN_WEIGHT, MAX_WEIGHT = 1.0, 9.0


ApplyT = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]


def _apply(function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    return function(rows)


class SpanScores(NamedTuple):
    """The logits of one forward pass in training. B windows, T words, M span widths, K types.

    span (Tensor): Logit of the span that starts at word t and has w + 1 words. *Shape:* (B, T, M, K). Cells that
        reach beyond a window's last word have no meaning.
    span_threshold (Tensor): Logit of the span ([CLS], [CLS]). *Shape:* (B, K).
    start, end (Tensor): Logits of words as starts and ends. *Shape:* (B, T, K).
    start_threshold, end_threshold (Tensor): Logits of [CLS]. *Shape:* (B, K).
    """

    span: Tensor
    span_threshold: Tensor
    start: Tensor
    end: Tensor
    start_threshold: Tensor
    end_threshold: Tensor


class SpanScorerModule(nn.Module):
    """Scores words as starts and ends, and spans, against types (paper section 3.2, equations 1 to 5).

    The span vector is `Linear([first; last; width])`. The layer splits into a part for the first wordpiece, one for
    the last and one for the width. The similarity with a type and the norm of the sum both expand into products of
    these parts, so that the vector itself isn't built.
    """

    def __init__(
        self,
        text_width: int,
        type_width: int,
        *,
        linear_size: int,
        max_span_length: int,
        width_embedding_size: int,
        temperature: float,
    ) -> None:
        """
        text_width (int): Width of the text encoder's vectors.
        type_width (int): Width of the type encoder's vectors.
        linear_size (int): Width of the space that text and types are compared in.
        max_span_length (int): The most words per span.
        width_embedding_size (int): Width of the embedding of a span's length, 0 for none.
        temperature (float): Divisor of similarities at the start of training.
        """
        super().__init__()
        self.max_span_length = max_span_length
        self.dropout = nn.Dropout(0.0)
        self.start = nn.Linear(text_width, linear_size)
        self.end = nn.Linear(text_width, linear_size)
        self.span_first = nn.Linear(text_width, linear_size)
        self.span_last = nn.Linear(text_width, linear_size, bias=False)
        self.span_width = None
        if width_embedding_size:
            self.width_embedding = nn.Embedding(max_span_length, width_embedding_size)
            self.span_width = nn.Linear(width_embedding_size, linear_size, bias=False)
        self.type_start = nn.Linear(type_width, linear_size)
        self.type_end = nn.Linear(type_width, linear_size)
        self.type_span = nn.Linear(type_width, linear_size)
        log_scale = math.log(1 / temperature)
        self.start_scale = nn.Parameter(torch.tensor(log_scale))
        self.end_scale = nn.Parameter(torch.tensor(log_scale))
        self.span_scale = nn.Parameter(torch.tensor(log_scale))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights as for BERT: normal with a standard deviation of 0.02, biases 0."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def align(self) -> None:
        """Start all projections from one matrix with orthogonal rows or columns.

        So texts and types are alike before training where the encoders give like vectors for them. The vector of a span
        is the mean of its ends.
        """
        shared = torch.empty_like(self.start.weight)
        nn.init.orthogonal_(shared)
        with torch.no_grad():
            for layer in (self.start, self.end, self.type_start, self.type_end, self.type_span):
                layer.weight.copy_(shared)
            for layer in (self.span_first, self.span_last):
                layer.weight.copy_(shared / 2)

    def forward(
        self, vectors: Tensor, first: Tensor, last: Tensor, types: TypeVectors, *, drop_sums: bool = False
    ) -> SpanScores:
        """Score every word as start and end, and every span.

        vectors (Tensor): Wordpiece vectors, [CLS] first. *Shape:* (B, L, text_width).
        first, last (Tensor): Positions of each word's first and last wordpiece. *Shape:* (B, T).
        types (TypeVectors): Vectors of K types.
        drop_sums (bool): Whether dropout is drawn for each span vector, which is then built, or for the three parts
            of it. Defaults to False.
        RETURNS (SpanScores): The logits. M is the smaller of `max_span_length` and T.
        """
        at_first, at_last = _at_words(vectors, first), _at_words(vectors, last)
        targets = self._describe(types, self.type_span)
        span, threshold = (self._spans_whole if drop_sums else self._spans_by_parts)(at_first, at_last, targets)
        start = compare(self._words(at_first, self.start), self._describe(types, self.type_start))
        start = start * self.start_scale.exp()
        end = compare(self._words(at_last, self.end), self._describe(types, self.type_end)) * self.end_scale.exp()
        return SpanScores(span, threshold, start[:, 1:], end[:, 1:], start[:, 0], end[:, 0])

    def targets(self, types: TypeVectors, *, blockwise: bool = False) -> TypeTargets:
        """Project vectors of types into the space that text and types are compared in.

        The target of a type is the mean direction of its descriptions. With examples it is the mean direction of that
        and of the vectors of the examples. The higher the scores that the examples have by the descriptions alone, the
        more examples do these count as, from `MIN_WEIGHT` to `MAX_WEIGHT`.

        types (TypeVectors): Vectors of K types.
        blockwise (bool): Whether the target of a type must not depend on the other types, not in its last bits
            either. It takes more time, and there is no dropout. Defaults to False.
        RETURNS (TypeTargets): What starts, ends and spans are compared with.
        """
        apply = by_blocks if blockwise else _apply
        described = [
            self._describe(types, project, apply) for project in (self.type_start, self.type_end, self.type_span)
        ]
        if not len(types.of_example):
            start, end, span = described
            return TypeTargets(start, end, span, torch.full_like(span[:, 0], MIN_WEIGHT))
        examples = (
            apply(lambda rows: unit(self.start(rows)), types.firsts),
            apply(lambda rows: unit(self.end(rows)), types.lasts),
            self._project_spans(types.firsts, types.lasts, types.widths, apply),
        )
        thresholds = self._project_spans(types.thresholds, types.thresholds, torch.zeros_like(types.widths), apply)
        margins = ((examples[2] - thresholds) * described[2][types.of_example]).sum(-1) * self.span_scale.exp()
        counts = torch.bincount(types.of_example, minlength=types.n_types)
        sums = margins.new_zeros(types.n_types).index_add(0, types.of_example, margins.sigmoid())
        weight = MIN_WEIGHT + (MAX_WEIGHT - MIN_WEIGHT) * sums / counts.clamp(min=1)
        of_type = torch.cat([torch.arange(types.n_types, device=types.of_example.device), types.of_example])
        start, end, span = (
            mean_directions(torch.cat([texts * weight[:, None], spans]), of_type, types.n_types)
            for texts, spans in zip(described, examples, strict=True)
        )
        return TypeTargets(start, end, span, weight)

    def _project_spans(self, firsts: Tensor, lasts: Tensor, widths: Tensor, apply: ApplyT) -> Tensor:
        """RETURNS (Tensor): The unit vectors of E spans, from those of their ends and their words minus 1, (E, D)."""
        width = firsts.shape[1]
        embedded = self._widths(firsts)[widths.clamp(max=self.max_span_length - 1)]
        # The width lies beside both vectors, so that a block has all that it needs.
        return apply(
            lambda rows: unit(
                self.span_first(rows[:, :width]) + self.span_last(rows[:, width : 2 * width]) + rows[:, 2 * width :]
            ),
            torch.cat([firsts, lasts, embedded], dim=1),
        )

    def search(
        self,
        vectors: Tensor,
        first: Tensor,
        last: Tensor,
        n_words: Tensor,
        targets: TypeTargets,
        *,
        min_margin: float | Tensor,
        min_position_margin: float | Tensor | None,
        max_spans: int,
    ) -> tuple[Tensor, Tensor, int, bool]:
        """Find the spans that beat [CLS], without scoring all spans.

        A start is examined for a type only if its best case beats the threshold: the best end in reach, the best
        width and the best norm. Few starts do. What is found for a type does not depend on the other types, bit by bit.

        vectors, first, last (Tensor): As for `forward`.
        n_words (Tensor): Words per window. *Shape:* (B,).
        targets (TypeTargets): The result of `targets` for K types.
        min_margin (float / Tensor): The margin over [CLS] that a span's logit has to exceed. One number, or one per
            type. *Shape:* () or (K,).
        min_position_margin (float / Tensor, optional): The margin over [CLS] that the logits of its start and end have
            to exceed. None if they are not examined. *Shape:* () or (K,).
        max_spans (int): The most spans to keep per type. The best ones are kept.
        RETURNS (tuple): Window, first word, width - 1 and type of each span (n, 4), its margin (n,), the number of
            spans found before the best were kept, and whether all thresholds are finite.
        """
        at_first, at_last = _at_words(vectors, first), _at_words(vectors, last)
        n_types = len(targets.span)
        limits, position_limits = (
            torch.as_tensor(0.0 if given is None else given, dtype=torch.float32, device=vectors.device).expand(n_types)
            for given in (min_margin, min_position_margin)
        )
        spans = self._spans(at_first, at_last)
        found = Found(max_spans, vectors.device)
        starts = ends = None
        if min_position_margin is not None:
            starts, ends = self._words(at_first, self.start), self._words(at_last, self.end)
        for begin in range(0, n_types, TYPES_AT_ONCE):
            chunk = slice(begin, begin + TYPES_AT_ONCE)
            is_start = is_end = None
            if starts is not None and ends is not None:
                is_start = _beat_threshold(starts, targets.start[chunk], self.start_scale, position_limits[chunk])
                is_end = _beat_threshold(ends, targets.end[chunk], self.end_scale, position_limits[chunk])
            parts = spans.compare(targets.span[chunk], compare_by_blocks)
            found.is_finite &= bool(parts.threshold.isfinite().all())
            search_types(parts, n_words, limits[chunk], is_start, is_end, begin, found)
        return found.cells, found.margins, found.n_seen, found.is_finite

    def _describe(self, types: TypeVectors, project: nn.Linear, apply: ApplyT = _apply) -> Tensor:
        """RETURNS (Tensor): The mean direction of each type's projected descriptions, shape (K, linear_size)."""
        rows = apply(lambda texts: unit(self.dropout(project(texts))), types.texts)
        return mean_directions(rows, types.of_text, types.n_types)

    def _spans_by_parts(self, at_first: Tensor, at_last: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        parts = self._spans(at_first, at_last).compare(targets, compare)
        ends = ends_of(parts.inverse_norm)
        similarity = parts.first[:, :, None] + parts.last[:, ends] + parts.width
        return similarity * parts.inverse_norm[..., None], parts.threshold

    def _spans_whole(self, at_first: Tensor, at_last: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Build the vector of each span up to the longest one, (B, T, M, linear_size), as training may want it."""
        firsts, lasts, widths = self.span_first(at_first), self.span_last(at_last), self._widths(at_first)
        threshold = firsts[:, 0] + lasts[:, 0] + widths[0]
        firsts, lasts = firsts[:, 1:], lasts[:, 1:]
        widths = widths[: min(self.max_span_length, firsts.shape[1])]
        ends = ends_of(firsts[:, :, :1].expand(-1, -1, len(widths)))
        spans = firsts[:, :, None] + lasts[:, ends] + widths
        targets = targets * self.span_scale.exp()
        spans, threshold = (compare(unit(self.dropout(sums)), targets) for sums in (spans, threshold))
        return spans, threshold

    def _widths(self, like: Tensor) -> Tensor:
        """RETURNS (Tensor): The part of each width in a span vector, shape (max_span_length, linear_size)."""
        if self.span_width is None:
            return like.new_zeros(self.max_span_length, self.span_first.out_features)
        return self.span_width(self.width_embedding.weight)

    def _words(self, at: Tensor, project: nn.Linear) -> Tensor:
        return unit(self.dropout(project(at)))

    def _spans(self, at_first: Tensor, at_last: Tensor) -> _Spans:
        firsts = self.dropout(self.span_first(at_first))
        lasts = self.dropout(self.span_last(at_last))
        widths = self._widths(firsts)
        if self.span_width is not None:
            widths = self.dropout(widths)
        scale = self.span_scale.exp()
        threshold = unit(firsts[:, 0] + lasts[:, 0] + widths[0])
        firsts, lasts = firsts[:, 1:], lasts[:, 1:]
        widths = widths[: min(self.max_span_length, firsts.shape[1])]

        products = torch.bmm(firsts, lasts.transpose(1, 2))
        ends = ends_of(products[:, :, : len(widths)]).expand(len(products), -1, -1)
        norm = products.gather(2, ends) + firsts @ widths.T + (lasts @ widths.T).gather(1, ends)
        norm = 2 * norm + _square(firsts)[:, :, None] + _square(lasts)[:, ends[0]] + _square(widths)
        return _Spans(firsts, lasts, widths, norm.clamp(min=1e-12).rsqrt() * scale, threshold, scale)


class _Spans(NamedTuple):
    """What the logits of spans are made of, without types.

    *Shapes:* first, last (B, T, D), width (M, D), inverse_norm (B, T, M), which includes the temperature, threshold
    (B, D), and scale ().
    """

    first: Tensor
    last: Tensor
    width: Tensor
    inverse_norm: Tensor
    threshold: Tensor
    scale: Tensor

    def compare(self, targets: Tensor, product: Callable[[Tensor, Tensor], Tensor]) -> Parts:
        first, last, width, threshold = (
            product(vectors, targets) for vectors in (self.first, self.last, self.width, self.threshold)
        )
        return Parts(first, last, width, self.inverse_norm, threshold * self.scale)


def _beat_threshold(words: Tensor, targets: Tensor, scale: Tensor, limit: Tensor) -> Tensor:
    logits = compare_by_blocks(words, targets) * scale.exp()
    return logits[:, 1:] - logits[:, :1] > limit


def _at_words(vectors: Tensor, positions: Tensor) -> Tensor:
    """RETURNS (Tensor): The vectors of [CLS] and at some positions of each window, shape (B, 1 + T, H)."""
    chosen = vectors.gather(1, positions[..., None].expand(-1, -1, vectors.shape[-1]))
    return torch.cat([vectors[:, :1], chosen], dim=1)


def _square(vectors: Tensor) -> Tensor:
    """RETURNS (Tensor): The squared norms of the last axis."""
    return (vectors * vectors).sum(-1)
