"""Drawing items of streams, and joining streams."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_binder.corpora.draws import draw, interleave, shuffle, sizes_of_draws, weights_of_temperature

SIZES = st.lists(st.integers(1, 10**7), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None, database=None)
@given(st.integers(0, 30), st.integers(0, 100), st.integers(0, 5))
def test_each_item_is_drawn_as_often_as_any_other(size: int, n: int, seed: int) -> None:
    """Up to once, and in order."""
    drawn = list(draw(lambda: range(size), size, n, Random(seed)))
    assert len(drawn) == (n if size else 0)
    n_whole = n // max(size, 1)
    assert drawn[: n_whole * size] == list(range(size)) * n_whole
    rest = drawn[n_whole * size :]
    assert rest == sorted({*rest})


def test_each_item_has_the_same_chance() -> None:
    """5,000 draws of 3 of 10. The standard deviation of each count is 32."""
    counts = Counter(item for seed in range(5000) for item in draw(lambda: range(10), 10, 3, Random(seed)))
    assert all(abs(counts[item] - 1500) < 150 for item in range(10))


def test_reading_ends_with_the_last_item_that_is_drawn() -> None:
    read: list[int] = []

    def stream() -> Iterator[int]:
        for i in range(100):
            read.append(i)
            yield i

    for seed in range(20):
        drawn = list(draw(stream, 100, 3, Random(seed)))
        assert read[-1] == drawn[-1]


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.integers(0, 12), max_size=4))
def test_joined_streams_have_equal_distances(sizes: list[int]) -> None:
    """In each beginning, the share of a stream differs from that of all by no more than one item of each stream."""
    streams = [[(place, i) for i in range(size)] for place, size in enumerate(sizes)]
    found = list(interleave(streams, sizes))
    assert [place for place, _ in found] == [item[0] for _, item in found]
    for place, stream in enumerate(streams):
        assert [item for at, item in found if at == place] == stream
        for n in range(len(found) + 1):
            here = sum(at == place for at, _ in found[:n])
            assert abs(here - Fraction(n * sizes[place], len(found) or 1)) <= len(sizes)


def test_longer_streams_than_expected_come_whole() -> None:
    assert sorted(item for _, item in interleave(["abc", "xyzw"], [0, 2])) == sorted("abcxyzw")


def test_nothing_is_read_ahead() -> None:
    read: list[str] = []

    def stream(name: str) -> Iterator[str]:
        for i in range(4):
            read.append(f"{name}{i}")
            yield read[-1]

    for n, (_, item) in enumerate(interleave([stream("a"), stream("b")], [4, 4]), start=1):
        assert len(read) == n and read[-1] == item


@settings(max_examples=60, deadline=None, database=None)
@given(SIZES, st.floats(0.3, 1e6))
def test_temperature(sizes: list[int], temperature: float) -> None:
    """Draws are in proportion to the power of the size, and as many as there are items."""
    draws = [weight * size for weight, size in zip(weights_of_temperature(sizes, temperature), sizes, strict=True)]
    assert sum(draws) == pytest.approx(sum(sizes))
    powers = [size ** (1 / temperature) for size in sizes]
    assert draws == pytest.approx([sum(sizes) * power / sum(powers) for power in powers], rel=1e-6, abs=1e-9)
    assert weights_of_temperature(sizes, 1) == pytest.approx([1] * len(sizes))


def test_shares_come_before_the_temperature() -> None:
    """40 and 15 % of 1,000 draws. The rest goes by the square root: 450 as 2 to 1."""
    sizes = [500, 80, 400, 20]
    weights = weights_of_temperature(sizes, 2, [0.4, None, 0.15, None])
    assert [weight * size for weight, size in zip(weights, sizes, strict=True)] == pytest.approx([400, 300, 150, 150])


def test_sizes_of_draws() -> None:
    assert sizes_of_draws([10, 10, 10, 0, 7], [1, 2.5, 0.001, 3, 0]) == [10, 25, 1, 0, 0]


@settings(max_examples=60, deadline=None, database=None)
@given(st.integers(0, 40), st.integers(0, 50), st.integers(0, 5))
def test_shuffled_streams(n: int, n_held: int, seed: int) -> None:
    """All items come once. One may come early by as many places as items are held."""
    found = list(shuffle(range(n), n_held, Random(seed)))
    assert sorted(found) == list(range(n))
    assert found == list(shuffle(range(n), n_held, Random(seed)))
    assert all(item <= place + max(n_held - 1, 0) for place, item in enumerate(found))
    if n_held < 2:
        assert found == list(range(n))


def test_no_more_are_held() -> None:
    read: list[int] = []

    def stream() -> Iterator[int]:
        for i in range(100):
            read.append(i)
            yield i

    for n, _ in enumerate(shuffle(stream(), 7, Random(0)), start=1):
        assert len(read) - n < 7
    assert len({tuple(shuffle(range(9), 4, Random(seed))) for seed in range(20)}) > 15
