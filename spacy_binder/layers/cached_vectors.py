"""The vectors that were used last, kept until the weights change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

from torch import Tensor

# What is kept per encoder. 16,384 vectors of 768 numbers take 50 MB.
MAX_CACHED = 16_384

KeyT = TypeVar("KeyT", bound=Hashable)


class CachedVectors(Generic[KeyT]):
    """The vectors of the keys that were used last, for several threads.

    There is no lock, because a fork would inherit it locked. Each step is atomic instead.
    """

    def __init__(self) -> None:
        self._vectors: OrderedDict[KeyT, Tensor] = OrderedDict()

    def find(self, keys: Iterable[KeyT]) -> dict[KeyT, Tensor]:
        """Look up keys, such as descriptions.

        keys (Iterable): The keys.
        RETURNS (dict): The vectors of those that are cached.
        """
        vectors = ((key, self._vectors.get(key)) for key in keys)
        return {key: vector for key, vector in vectors if vector is not None}

    def keep(self, vectors: dict[KeyT, Tensor]) -> None:
        """Cache vectors, and drop those that were not used for longest.

        vectors (dict): The vectors of all keys of a call. They stay, whatever their number.
        """
        for key, vector in vectors.items():
            self._vectors[key] = vector
            # Another thread may have dropped it.
            with suppress(KeyError):
                self._vectors.move_to_end(key)
        while len(self._vectors) > max(MAX_CACHED, len(vectors)):
            with suppress(KeyError):
                self._vectors.popitem(last=False)
