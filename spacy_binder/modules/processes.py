"""Processes that train one model together. Each computes a share of an update, and the shares are added up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from zlib import crc32

import torch
from torch import Tensor, distributed
from torch.nn.utils import parameters_to_vector, vector_to_parameters

# The longest that processes wait for another one, such as the first while it evaluates.
TIMEOUT = timedelta(hours=1)
# Gradients with fewer numbers are sent together.
SHORT = 10_000
# Gradients with more rows are those of embeddings. Rows of words that a batch does not have are zero, and not sent.
MANY_ROWS = 10_000


class Place(NamedTuple):
    """Where this process stands.

    rank (int): Its number, from 0.
    size (int): The number of processes.
    """

    rank: int
    size: int


ALONE = _place = Place(0, 1)


def place() -> Place:
    """RETURNS (Place): Where this process stands among those that train together. It may be the only one."""
    return _place


@contextlib.contextmanager
def join() -> Iterator[None]:
    """Train together with other processes inside a `with` block. torchrun's variables say where these are."""
    global _place
    distributed.init_process_group(timeout=TIMEOUT)
    _place = Place(distributed.get_rank(), distributed.get_world_size())
    yield
    # Not after an error: the others may wait for this process, and hear of it when it ends.
    _place = ALONE
    distributed.destroy_process_group()


def add_up(tensor: Tensor) -> Tensor:
    """RETURNS (Tensor): The sum of a tensor over all processes. It takes the place of the tensor's values."""
    if _place.size > 1:
        distributed.all_reduce(tensor)
    return tensor


def add_up_number(number: float) -> float:
    """RETURNS (float): The sum of a number over all processes."""
    return float(add_up(torch.tensor(number, dtype=torch.float64)))


def add_up_gradients(params: Iterable[Tensor]) -> None:
    """Add up gradients over all processes. A parameter without a gradient in any process stays without one.

    params (Iterable[Tensor]): The parameters, in the same order in all processes.
    """
    if _place.size == 1:
        return
    params = list(params)
    has_gradient = torch.tensor([param.grad is not None for param in params], dtype=torch.uint8)
    distributed.all_reduce(has_gradient, distributed.ReduceOp.MAX)
    gradients = []
    for param, has in zip(params, has_gradient.tolist(), strict=True):
        if has:
            param.grad = torch.zeros_like(param) if param.grad is None else param.grad
            gradients.append(param.grad)
    # One message takes less time than hundreds of short ones. Long ones would only be copied for that.
    tables, short, long = [], [], []
    for gradient in gradients:
        is_table = gradient.dim() == 2 and len(gradient) > MANY_ROWS
        (tables if is_table else short if gradient.numel() < SHORT else long).append(gradient)
    rows = [_find_rows(table) for table in tables]
    parts = [table[of_table] for table, of_table in zip(tables, rows, strict=True)]
    messages = [*parts, *long, *([parameters_to_vector(short)] if short else [])]
    for work in filter(None, [distributed.all_reduce(message, async_op=True) for message in messages]):
        work.wait()
    if short:
        vector_to_parameters(messages[-1], short)
    for table, of_table, part in zip(tables, rows, parts, strict=True):
        table[of_table] = part


def _find_rows(table: Tensor) -> Tensor:
    """RETURNS (Tensor): The rows that are not zero in one process or more."""
    has_row = table.any(dim=1).to(torch.uint8)
    distributed.all_reduce(has_row, distributed.ReduceOp.MAX)
    return has_row.nonzero()[:, 0]


def copy_first(params: Iterable[Tensor]) -> None:
    """Give all processes the parameters of the first one. Other processors may have drawn them a little differently."""
    if _place.size > 1:
        for param in params:
            distributed.broadcast(param.data, 0)


def get_first(value: Any) -> Any:
    """RETURNS (Any): The value that the first process gives."""
    values = [value]
    if _place.size > 1:
        distributed.broadcast_object_list(values)
    return values[0]


def is_same(value: Any) -> bool:
    """RETURNS (bool): Whether all processes give the same value, as far as its `repr` tells."""
    if _place.size == 1:
        return True
    checksum = crc32(repr(value).encode("utf8", "surrogatepass"))
    # The greatest one, and the least one with its sign changed.
    ends = torch.tensor([checksum, -checksum])
    distributed.all_reduce(ends, distributed.ReduceOp.MAX)
    return not ends.sum()


def draw_apart() -> None:
    """Let torch draw other random numbers than in the first process from now on: those of dropout."""
    if _place.rank:
        torch.manual_seed(torch.initial_seed() + _place.rank)
