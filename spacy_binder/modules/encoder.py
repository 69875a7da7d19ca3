"""A Hugging Face encoder, and embeddings of word shapes beside those of wordpieces."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ..text.word_shapes import WORD_SHAPES

# Where the transformer is in the names of the module's weights.
PREFIX = "transformer."


class Encoder(nn.Module):
    """Encodes wordpieces with a Hugging Face encoder of any family."""

    word_shapes: nn.Embedding | None

    def __init__(self, transformer: Any, *, word_shapes: bool = False) -> None:
        """
        transformer (PreTrainedModel): The Hugging Face encoder. It loses its pooler, which is not used.
        word_shapes (bool): Whether to add an embedding of the word's shape to that of each wordpiece. It starts at
            zero, so that training starts from the encoder as it was pretrained. Defaults to False.
        """
        super().__init__()
        if isinstance(getattr(transformer, "pooler", None), nn.Module):
            # Some families call their pooler unconditionally, so that it can't be None.
            transformer.pooler = nn.Identity()
        if hasattr(transformer, "set_attention_type"):
            # BigBird puts other layers in place for that at its first short text, maybe while another thread uses them.
            transformer.set_attention_type("original_full")
        self.transformer = transformer
        self.word_shapes = None
        if word_shapes:
            # Not the hidden size, from which the width of embeddings differs in ELECTRA, ALBERT and others.
            width = transformer.get_input_embeddings().weight.shape[1]
            self.word_shapes = nn.Embedding(len(WORD_SHAPES), width)
            nn.init.zeros_(self.word_shapes.weight)

    @property
    def config(self) -> Any:
        """RETURNS (PretrainedConfig): The config of the Hugging Face encoder."""
        return self.transformer.config

    @property
    def width(self) -> int:
        """RETURNS (int): Width of the vectors."""
        return int(self.config.hidden_size)

    @property
    def max_positions(self) -> int | None:
        """RETURNS (int, optional): The most wordpieces that the encoder has positions for. None if any number."""
        most = getattr(self.config, "max_position_embeddings", None)
        for name, module in self.transformer.named_modules():
            # RoBERTa and similar families count positions from the padding id.
            if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
                most = len(module.weight) - module.padding_idx - 1
        return most if most and most > 0 else None

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None, shapes: Tensor | None = None) -> Tensor:
        """Encode wordpieces.

        input_ids (Tensor): Padded wordpiece ids. *Shape:* (B, L).
        attention_mask (Tensor, optional): 1 for wordpieces, 0 for padding. *Shape:* (B, L). None without padding.
        shapes (Tensor, optional): Shape of the word of each wordpiece, see `WORD_SHAPES`. *Shape:* (B, L). It is
            ignored by an encoder without embeddings of shapes.
        RETURNS (Tensor): Last hidden states. *Shape:* (B, L, width).
        """
        if self.word_shapes is None or shapes is None:
            return self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        embedded = self.transformer.get_input_embeddings()(input_ids) + self.word_shapes(shapes)
        return self.transformer(inputs_embeds=embedded, attention_mask=attention_mask).last_hidden_state

    def enable_checkpointing(self) -> None:
        """Compute activations twice from now on, in training, so that they need not be kept."""
        if any(getattr(module, "gradient_checkpointing", False) for module in self.transformer.modules()):
            return
        # The first one is the name that transformers 5 has for it.
        names = ("activation_checkpointing_enable", "gradient_checkpointing_enable")
        enable = next(getattr(self.transformer, name) for name in names if hasattr(self.transformer, name))
        enable({"use_reentrant": False})

    def weights(self) -> dict[str, Tensor]:
        """RETURNS (dict[str, Tensor]): All weights. Those of the Hugging Face encoder keep their names."""
        return {name.removeprefix(PREFIX): tensor.contiguous() for name, tensor in self.state_dict().items()}

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Take over weights.

        weights (dict[str, Tensor]): As `weights` returns them. They may be rounded.
        RAISES (RuntimeError): If a weight is missing, unknown or of another shape.
        RAISES (TypeError): If whole numbers are given for others.
        """
        own = ("word_shapes.",)
        given = {name if name.startswith(own) else PREFIX + name: tensor for name, tensor in weights.items()}
        for name, tensor in self.state_dict().items():
            if name in given and given[name].is_floating_point() != tensor.is_floating_point():
                raise TypeError(f"{name} is saved as {given[name].dtype}, but is {tensor.dtype}")
        self.load_state_dict(given)
