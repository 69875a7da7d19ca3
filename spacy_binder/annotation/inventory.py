"""Read all rows once before any is annotated: count them, and stop at what would be found too late."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b, sha256

import numpy

from ..errors import Errors
from .formats import Source
from .rows import Row

SHOWN = 3


@dataclass(frozen=True)
class Inventory:
    """What a corpus has.

    rows (int): Its rows.
    checksum (str): Of the names of its files, and of the ids and contents of its rows in their order.
    """

    rows: int
    checksum: str


def read_rows(source: Source) -> Iterator[Row]:
    """YIELDS (Row): The rows of all files, in order."""
    for path, place in source.files:
        yield from source.rows.read(path, place)


def take_inventory(source: Source, *, count: Callable[[], object] = lambda: None) -> Inventory:
    """Count the rows of a corpus. It needs eight bytes of memory per row, for the ids.

    source (Source): The files.
    count (Callable): Called for each row.
    RETURNS (Inventory): What there is.
    RAISES (ValueError): If there is no row, no row has the text, a row has the field for spans already, or an id
        repeats.
    """
    fields = source.fields
    checksum = sha256(repr([place for _, place in source.files]).encode())
    hashes = array("Q")
    has_text = False
    names: list[str] = []
    for row in read_rows(source):
        found = source.rows.fields(row.content)
        if fields.spans in source.shards.taken(row, found):
            raise ValueError(Errors.B090.format(place=row.place, field=fields.spans))
        has_text = has_text or fields.text in found
        names = names or found
        digest = _hash(row.id)
        hashes.append(digest)
        checksum.update(digest.to_bytes(8, "big"))
        checksum.update(len(row.content).to_bytes(8, "big"))
        checksum.update(row.content)
        count()
    place = ", ".join(name for _, name in source.files[:SHOWN])
    if not hashes:
        raise ValueError(Errors.B047.format(place=f"in {place}", left_out="There is nothing to annotate."))
    if not has_text:
        known = ", ".join(names) or "none"
        raise ValueError(Errors.B091.format(n=len(hashes), place=place, field=fields.text, known=known))
    _require_different(source, numpy.frombuffer(hashes, dtype="uint64"), fields.id)
    return Inventory(len(hashes), checksum.hexdigest())


def _hash(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def _require_different(source: Source, hashes: numpy.ndarray, field: str) -> None:
    hashes.sort()
    doubled = {int(digest) for digest in hashes[1:][hashes[1:] == hashes[:-1]]}
    if not doubled:
        return
    # Two ids may have one hash, so the ids themselves are compared.
    first: dict[str, str] = {}
    shown: list[str] = []
    n_repeated = 0
    for row in read_rows(source):
        if _hash(row.id) in doubled:
            if row.id in first:
                n_repeated += 1
                if len(shown) < SHOWN:
                    shown.append(f"{row.id!r} ({first[row.id]} and {row.place})")
            first.setdefault(row.id, row.place)
    if n_repeated:
        raise ValueError(Errors.B092.format(n=n_repeated, field=field, first="; ".join(shown)))
