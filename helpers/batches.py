"""Batches that shrink when the GPU's memory is full."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch

from .errors import RunError

Item, Result = TypeVar("Item"), TypeVar("Result")


def halving(work: Callable[[list[Item]], Sequence[Result]], items: Iterable[Item], size: int) -> Iterator[Result]:
    """``work`` on lists of up to ``size`` items, its results one by one, in order.

    When the GPU's memory does not hold a batch, the batch size is halved, for good, and the work goes on with the items
    that are not done yet. Raises RunError if even one item is too much.
    """
    source = iter(items)
    waiting: list[Item] = []
    while True:
        waiting += itertools.islice(source, max(0, size - len(waiting)))
        if not waiting:
            return
        try:
            results = work(waiting[:size])
        except torch.cuda.OutOfMemoryError:
            if min(size, len(waiting)) == 1:
                raise RunError("the GPU's memory is full even with one picture at a time; use device=cpu") from None
            size = min(size, len(waiting)) // 2
            torch.cuda.empty_cache()
            continue
        del waiting[:size]
        yield from results
