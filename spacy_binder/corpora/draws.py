"""Draw items of streams at random, and join streams to one. No stream is held in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def sizes_of_draws(sizes: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Find how many items to draw of each stream, by weights.

    sizes (Sequence[int]): The number of items per stream.
    weights (Sequence[float]): How often to give each item of a stream, on average.
    RETURNS (list[int]): The number of items to draw of each stream. It is at least 1 for a stream that has items and a
        weight above 0.
    """
    pairs = zip(sizes, weights, strict=True)
    return [max(round(weight * size), 1) if size and weight else 0 for size, weight in pairs]


def weights_of_temperature(
    sizes: Sequence[int], temperature: float, shares: Sequence[float | None] | None = None
) -> list[float]:
    """Find weights with which the draws are proportional to `size ** (1 / temperature)`.

    sizes (Sequence[int]): The number of items per stream, at least 1.
    temperature (float): 1 draws in proportion to the sizes. The higher it is, the more alike are the draws.
    shares (Sequence, optional): The part of all draws that a stream gets instead, or None for a stream that shares the
        rest with others by temperature. Together they are below 1. Defaults to None for each.
    RETURNS (list[float]): The weights. All draws together are as large as all streams together.
    """
    shares = [None] * len(sizes) if shares is None else shares
    free = [math.log(size) / temperature for size, share in zip(sizes, shares, strict=True) if share is None]
    rest = 1 - sum(share for share in shares if share is not None)
    scale = sum(math.exp(power - max(free)) for power in free)
    parts = iter([rest * math.exp(power - max(free)) / scale for power in free])
    given = [next(parts) if share is None else share for share in shares]
    return [sum(sizes) * part / size for part, size in zip(given, sizes, strict=True)]


def draw(read: Callable[[], Iterable[T]], size: int, n: int, random: Random) -> Iterator[T]:
    """Draw items of a stream, in its order. Each has the same chance.

    read (Callable): Reads the stream from its start.
    size (int): The number of its items.
    n (int): The number of items to draw. For each `size` of them, the whole stream is given.
    random (Random): Draws the others.
    YIELDS (Any): The items.
    """
    n_whole, n_missing = divmod(n, size) if size else (0, 0)
    for _ in range(n_whole):
        yield from read()
    if not n_missing:
        return
    for place, item in enumerate(read()):
        if random.random() * (size - place) < n_missing:
            yield item
            n_missing -= 1
            if not n_missing:
                return


def interleave(streams: Sequence[Iterable[T]], sizes: Sequence[int]) -> Iterator[tuple[int, T]]:
    """Join streams so that the items of each come at equal distances. Nothing is read ahead.

    streams (Sequence[Iterable]): The streams.
    sizes (Sequence[int]): The number of items that each is expected to have. If it has more, they come too.
    YIELDS (tuple[int, Any]): The place of a stream, and an item of it.
    """
    rest = {place: iter(stream) for place, stream in enumerate(streams)}
    n_read = dict.fromkeys(rest, 0)

    def position(place: int) -> float:
        """RETURNS (float): Which share of a stream will be read when its next item is."""
        return (n_read[place] + 1) / sizes[place] if sizes[place] else math.inf

    while rest:
        place = min(rest, key=position)
        try:
            item = next(rest[place])
        except StopIteration:
            del rest[place]
            continue
        n_read[place] += 1
        yield place, item


def shuffle(items: Iterable[T], n_held: int, random: Random) -> Iterator[T]:
    """Shuffle a stream, as far as the items reach that are in memory.

    items (Iterable): The stream.
    n_held (int): The most items in memory. Below 2, the order stays.
    random (Random): Draws the next one.
    YIELDS (Any): The items.
    """
    held: list[T] = []
    for item in items:
        held.append(item)
        if len(held) >= n_held:
            place = random.randrange(len(held))
            held[place], held[-1] = held[-1], held[place]
            yield held.pop()
    random.shuffle(held)
    yield from held
