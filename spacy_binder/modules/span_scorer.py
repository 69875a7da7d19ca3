"""Similarity of words and spans with types, without a tensor of size words² · hidden."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class SpanScorerModule(nn.Module):
    """Score words as starts and ends, and spans, against types (paper section 3.2, equations 1 to 5).

    The span vector `Linear([first; last; width])` is never built: the layer splits into a part for the
    first wordpiece, one for the last and one for the width, and both the similarity with a type and the
    norm of the sum expand into products of the parts.
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
        linear_size (int): Width of the common space.
        max_span_length (int): The most words of a span.
        width_embedding_size (int): Width of the embedding of a span's length; 0 for none.
        temperature (float): What similarities are divided by, at the start of training.
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
        """Draw the weights as BERT's are: normal with deviation 0.02, biases 0."""
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(
        self, vectors: Tensor, first: Tensor, last: Tensor, types: Tensor, positions: bool = True
    ) -> tuple[Tensor, ...]:
        """
        vectors (Tensor): Wordpiece vectors, [CLS] first. *Shape:* (B, L, text_width).
        first, last (Tensor): Positions of each word's first and last wordpiece. *Shape:* (B, T).
        types (Tensor): Vectors of the types. *Shape:* (K, type_width).
        positions (bool): Whether to score starts and ends too.
        RETURNS (tuple): span (B, T, M, K), span threshold (B, K); with positions also start, end
            (B, T, K), start threshold, end threshold (B, K). M is at most `max_span_length` and T.
        """
        cls = vectors[:, :1]
        at_first = torch.cat([cls, _rows(vectors, first)], dim=1)
        at_last = torch.cat([cls, _rows(vectors, last)], dim=1)
        span, span_threshold = self._spans(at_first, at_last, types)
        if not positions:
            return span, span_threshold
        start = self._words(at_first, types, self.start, self.type_start, self.start_scale)
        end = self._words(at_last, types, self.end, self.type_end, self.end_scale)
        return span, span_threshold, start[:, 1:], end[:, 1:], start[:, 0], end[:, 0]

    def _words(self, at: Tensor, types: Tensor, project: nn.Linear, project_type: nn.Linear, scale: Tensor) -> Tensor:
        words = functional.normalize(self.dropout(project(at)), dim=-1)
        targets = functional.normalize(self.dropout(project_type(types)), dim=-1)
        return (words @ targets.T) * scale.exp()

    def _spans(self, at_first: Tensor, at_last: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        targets = functional.normalize(self.dropout(self.type_span(types)), dim=-1)
        firsts = self.dropout(self.span_first(at_first)).float()
        lasts = self.dropout(self.span_last(at_last)).float()
        if self.span_width is not None:
            widths = self.dropout(self.span_width(self.width_embedding.weight)).float()
        else:
            widths = firsts.new_zeros(self.max_span_length, firsts.shape[-1])
        targets = targets.float()
        scale = self.span_scale.exp()

        threshold_vector = functional.normalize(firsts[:, 0] + lasts[:, 0] + widths[0], dim=-1)
        threshold = (threshold_vector @ targets.T) * scale
        firsts, lasts = firsts[:, 1:], lasts[:, 1:]
        n_words = firsts.shape[1]
        n_widths = min(self.max_span_length, n_words)
        widths = widths[:n_widths]
        ends = torch.arange(n_words, device=firsts.device)[:, None] + torch.arange(n_widths, device=firsts.device)
        ends = ends.clamp(max=max(n_words - 1, 0))

        similarity = (firsts @ targets.T)[:, :, None] + (lasts @ targets.T)[:, ends] + widths @ targets.T
        products = torch.bmm(firsts, lasts.transpose(1, 2))
        norm = products.gather(2, ends.expand(len(products), -1, -1))
        norm = norm + firsts @ widths.T + (lasts @ widths.T).gather(1, ends.expand(len(products), -1, -1))
        norm = 2 * norm + _square(firsts)[:, :, None] + _square(lasts)[:, ends] + _square(widths)
        norm = norm.clamp(min=1e-12).rsqrt()
        return similarity * (norm * scale)[..., None], threshold


def _rows(vectors: Tensor, positions: Tensor) -> Tensor:
    """RETURNS (Tensor): The vectors at some positions of each window, shape (B, T, H)."""
    return vectors.gather(1, positions[..., None].expand(-1, -1, vectors.shape[-1]))


def _square(vectors: Tensor) -> Tensor:
    """RETURNS (Tensor): The squared norms of the last axis."""
    return (vectors * vectors).sum(-1)
