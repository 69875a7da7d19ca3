"""Score words and spans against types, without a tensor of size words² · hidden."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# The most types, and pairs of a start and a type, that are searched at once. They bound the memory.
TYPES_AT_ONCE = 1024
PAIRS_AT_ONCE = 65536


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

    def forward(
        self, vectors: Tensor, first: Tensor, last: Tensor, types: Tensor, *, drop_sums: bool = False
    ) -> SpanScores:
        """Score every word as start and end, and every span.

        vectors (Tensor): Wordpiece vectors, [CLS] first. *Shape:* (B, L, text_width).
        first, last (Tensor): Positions of each word's first and last wordpiece. *Shape:* (B, T).
        types (Tensor): Vectors of the types. *Shape:* (K, type_width).
        drop_sums (bool): Whether dropout is drawn for each span vector, which is then built, or for the three parts
            of it. Defaults to False.
        RETURNS (SpanScores): The logits. M is the smaller of `max_span_length` and T.
        """
        at_first, at_last = _at_words(vectors, first), _at_words(vectors, last)
        span, threshold = (self._spans_whole if drop_sums else self._spans_by_parts)(at_first, at_last, types)
        start = self._words(at_first, types, self.start, self.type_start, self.start_scale)
        end = self._words(at_last, types, self.end, self.type_end, self.end_scale)
        return SpanScores(span, threshold, start[:, 1:], end[:, 1:], start[:, 0], end[:, 0])

    def _spans_by_parts(self, at_first: Tensor, at_last: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        parts = self._parts(at_first, at_last, types)
        ends = _ends(parts.inverse_norm)
        similarity = parts.first[:, :, None] + parts.last[:, ends] + parts.width
        return similarity * parts.inverse_norm[..., None], parts.threshold

    def _spans_whole(self, at_first: Tensor, at_last: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        """Build the vector of each span up to the longest one, (B, T, M, linear_size), as training may want it."""
        firsts, lasts, widths = self.span_first(at_first), self.span_last(at_last), self._widths(at_first)
        threshold = firsts[:, 0] + lasts[:, 0] + widths[0]
        firsts, lasts = firsts[:, 1:], lasts[:, 1:]
        widths = widths[: min(self.max_span_length, firsts.shape[1])]
        ends = _ends(firsts[:, :, :1].expand(-1, -1, len(widths)))
        spans = firsts[:, :, None] + lasts[:, ends] + widths
        targets = functional.normalize(self.dropout(self.type_span(types)), dim=-1).T * self.span_scale.exp()
        spans, threshold = (functional.normalize(self.dropout(sums), dim=-1) @ targets for sums in (spans, threshold))
        return spans, threshold

    def _widths(self, like: Tensor) -> Tensor:
        """RETURNS (Tensor): The part of each width in a span vector, shape (max_span_length, linear_size)."""
        if self.span_width is None:
            return like.new_zeros(self.max_span_length, self.span_first.out_features)
        return self.span_width(self.width_embedding.weight)

    def search(
        self,
        vectors: Tensor,
        first: Tensor,
        last: Tensor,
        n_words: Tensor,
        types: Tensor,
        *,
        min_margin: float | Tensor,
        min_position_margin: float | Tensor | None,
        max_spans: int,
    ) -> tuple[Tensor, Tensor, int, bool]:
        """Find the spans that beat [CLS], without scoring all spans.

        A start is examined for a type only if its best case beats the threshold: the best end in reach, the best
        width and the best norm. Few starts do.

        vectors, first, last, types (Tensor): As for `forward`.
        n_words (Tensor): Words per window. *Shape:* (B,).
        min_margin (float / Tensor): The margin over [CLS] that a span's logit has to exceed. One number, or one per
            type. *Shape:* () or (K,).
        min_position_margin (float / Tensor, optional): The margin over [CLS] that the logits of its start and end have
            to exceed. None if they are not examined. *Shape:* () or (K,).
        max_spans (int): The most spans to keep. The best ones are kept.
        RETURNS (tuple): Window, first word, width - 1 and type of each span (n, 4), its margin (n,), the number of
            spans found before the best were kept, and whether all thresholds are finite.
        """
        at_first, at_last = _at_words(vectors, first), _at_words(vectors, last)
        limits, position_limits = (
            torch.as_tensor(0.0 if given is None else given, dtype=torch.float32, device=vectors.device).expand(
                len(types)
            )
            for given in (min_margin, min_position_margin)
        )
        found = _Found(max_spans, vectors.device)
        for start in range(0, len(types), TYPES_AT_ONCE):
            chunk, limit, position_limit = (
                of_type[start : start + TYPES_AT_ONCE] for of_type in (types, limits, position_limits)
            )
            starts = ends = None
            if min_position_margin is not None:
                starts = self._words(at_first, chunk, self.start, self.type_start, self.start_scale)
                ends = self._words(at_last, chunk, self.end, self.type_end, self.end_scale)
                starts, ends = (logits[:, 1:] - logits[:, :1] > position_limit for logits in (starts, ends))
            parts = self._parts(at_first, at_last, chunk)
            found.is_finite &= bool(parts.threshold.isfinite().all())
            self._search_types(parts, n_words, limit, starts, ends, start, found)
        return found.cells, found.margins, found.n_seen, found.is_finite

    @staticmethod
    def _search_types(
        parts: _Parts,
        n_words: Tensor,
        limit: Tensor,
        starts: Tensor | None,
        ends: Tensor | None,
        first_type: int,
        found: _Found,
    ) -> None:
        n_starts, n_widths = parts.inverse_norm.shape[1:]
        words = torch.arange(n_starts, device=n_words.device)
        widths = torch.arange(n_widths, device=n_words.device)
        is_word = words < n_words[:, None]
        exists = (words[:, None] + widths) < n_words[:, None, None]
        last = parts.last.masked_fill(~is_word[..., None], -torch.inf)
        best = parts.first + _running_max(last, n_widths) + parts.width.amax(0)
        norm = parts.inverse_norm
        high = norm.masked_fill(~exists, 0.0).amax(2)[..., None]
        low = norm.masked_fill(~exists, torch.inf).amin(2)[..., None]
        # The bound and the logit are rounded differently: allow for it.
        alive = best * torch.where(best > 0, high, low) > parts.threshold[:, None] + limit - 1e-3
        alive &= is_word[..., None]
        if starts is not None:
            alive &= starts
        for pairs in alive.nonzero().split(PAIRS_AT_ONCE):
            window, word, label = pairs.unbind(1)
            end = (word[:, None] + widths).clamp(max=n_starts - 1)
            similarity = parts.first[window, word, label][:, None] + last[window[:, None], end, label[:, None]]
            similarity = similarity + parts.width.T[label]
            margins = similarity * norm[window, word] - parts.threshold[window, label][:, None]
            beats = (margins > limit[label][:, None]) & exists[window, word]
            if ends is not None:
                beats &= ends[window[:, None], end, label[:, None]]
            pair, width = beats.nonzero().unbind(1)
            cells = torch.stack([window[pair], word[pair], width, label[pair] + first_type], dim=1)
            found.add(cells, margins[beats])

    def _words(self, at: Tensor, types: Tensor, project: nn.Linear, project_type: nn.Linear, scale: Tensor) -> Tensor:
        words = functional.normalize(self.dropout(project(at)), dim=-1)
        targets = functional.normalize(self.dropout(project_type(types)), dim=-1)
        return (words @ targets.T) * scale.exp()

    def _parts(self, at_first: Tensor, at_last: Tensor, types: Tensor) -> _Parts:
        targets = functional.normalize(self.dropout(self.type_span(types)), dim=-1)
        firsts = self.dropout(self.span_first(at_first))
        lasts = self.dropout(self.span_last(at_last))
        widths = self._widths(firsts)
        if self.span_width is not None:
            widths = self.dropout(widths)
        scale = self.span_scale.exp()
        threshold_vector = functional.normalize(firsts[:, 0] + lasts[:, 0] + widths[0], dim=-1)
        firsts, lasts = firsts[:, 1:], lasts[:, 1:]
        widths = widths[: min(self.max_span_length, firsts.shape[1])]

        products = torch.bmm(firsts, lasts.transpose(1, 2))
        ends = _ends(products[:, :, : len(widths)]).expand(len(products), -1, -1)
        norm = products.gather(2, ends) + firsts @ widths.T + (lasts @ widths.T).gather(1, ends)
        norm = 2 * norm + _square(firsts)[:, :, None] + _square(lasts)[:, ends[0]] + _square(widths)
        return _Parts(
            first=firsts @ targets.T,
            last=lasts @ targets.T,
            width=widths @ targets.T,
            inverse_norm=norm.clamp(min=1e-12).rsqrt() * scale,
            threshold=(threshold_vector @ targets.T) * scale,
        )


class _Parts(NamedTuple):
    """The parts of a span's logit, (first[t] + last[t + w] + width[w]) · inverse_norm[t, w].

    *Shapes:* first, last (B, T, K), width (M, K), inverse_norm (B, T, M), which includes the temperature, and
    threshold (B, K).
    """

    first: Tensor
    last: Tensor
    width: Tensor
    inverse_norm: Tensor
    threshold: Tensor


class _Found:
    """The best cells found so far."""

    def __init__(self, most: int, device: torch.device) -> None:
        self.most = most
        self.n_seen = 0
        self.is_finite = True
        self.cells = torch.zeros((0, 4), dtype=torch.long, device=device)
        self.margins = torch.zeros(0, device=device)

    def add(self, cells: Tensor, margins: Tensor) -> None:
        self.n_seen += len(cells)
        self.cells, self.margins = torch.cat([self.cells, cells]), torch.cat([self.margins, margins])
        if len(self.cells) > self.most:
            self.margins, kept = self.margins.topk(self.most)
            self.cells = self.cells[kept]


def _running_max(values: Tensor, size: int) -> Tensor:
    """RETURNS (Tensor): The maximum over the places t, …, t + size - 1 of the second axis."""
    done = 1
    while done < size:
        step = min(done, size - done)
        values = torch.cat([torch.maximum(values[:, :-step], values[:, step:]), values[:, -step:]], dim=1)
        done += step
    return values


def _ends(by_width: Tensor) -> Tensor:
    """RETURNS (Tensor): Last word of the span that starts at t with width w + 1, for (B, T, M): shape (T, M)."""
    n_words, n_widths = by_width.shape[1:]
    words = torch.arange(n_words, device=by_width.device)
    widths = torch.arange(n_widths, device=by_width.device)
    return (words[:, None] + widths).clamp(max=max(n_words - 1, 0))


def _at_words(vectors: Tensor, positions: Tensor) -> Tensor:
    """RETURNS (Tensor): The vectors of [CLS] and at some positions of each window, shape (B, 1 + T, H)."""
    chosen = vectors.gather(1, positions[..., None].expand(-1, -1, vectors.shape[-1]))
    return torch.cat([vectors[:, :1], chosen], dim=1)


def _square(vectors: Tensor) -> Tensor:
    """RETURNS (Tensor): The squared norms of the last axis."""
    return (vectors * vectors).sum(-1)
