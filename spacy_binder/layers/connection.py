"""Connect a component with a `transformer` of spacy-transformers, which the pipeline shares."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from spacy_transformers.layers import TransformerListener

from ..errors import Warnings


class Connection(TransformerListener):
    """The layer that a `transformer` finds in components after it, and hands its outputs to.

    warned (bool): Whether the user was told that the component doesn't learn from them.
    """

    def __init__(self, upstream: str) -> None:
        """
        upstream (str): Name of the component. * means any.
        """
        super().__init__(upstream)
        self.warned = False

    def receive(self, batch_id: int, outputs: list[Any], backprop: Callable) -> None:
        """Take the outputs of an update.

        batch_id (int): Number of the batch.
        outputs (list[TransformerData]): What the transformer gave for each doc.
        backprop (Callable): Takes their gradients.
        """
        if self._backprop is not None and not self.warned:
            # Nobody took the outputs of the update before.
            self.warned = True
            warnings.warn(Warnings.BW18.format(upstream=self.upstream_name), stacklevel=2)
        super().receive(batch_id, outputs, backprop)
