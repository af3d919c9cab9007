"""Where networks run, in which number format, and batches that shrink when the GPU's memory is full."""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch

from ..errors import ParameterError, RunError


def choose_device(name: str) -> torch.device:
    """ "auto" takes CUDA where there is one. Raises ParameterError for a GPU that is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ParameterError("device=cuda: torch finds no GPU here; use device=auto or device=cpu")
    return torch.device(
        ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
    )


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """ "auto": half on a GPU; on a CPU bfloat16 where it has instructions for it, else float32."""
    if name == "auto":
        fast = device.type == "cpu" and "bf16" in torch.backends.cpu.get_cpu_capability().lower()
        fast = fast or (
            device.type == "cpu"
            and getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
        )
        name = "fp16" if device.type == "cuda" else "bf16" if fast else "fp32"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


Item, Result = TypeVar("Item"), TypeVar("Result")


def halving_batches(
    work: Callable[[list[Item]], Sequence[Result]], items: Iterable[Item], size: int
) -> Iterator[Result]:
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
                raise RunError(
                    "the GPU's memory is full even with one picture at a time; use device=cpu"
                ) from None
            size = min(size, len(waiting)) // 2
            torch.cuda.empty_cache()
            continue
        del waiting[:size]
        yield from results


def _keep_freed_memory() -> None:
    """Tell glibc to keep freed memory, not to map and clear it anew: networks on CPU gain up to four times from it."""

    if sys.platform == "linux":
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except AttributeError:  # another C library
            return
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 1 << 30)
        mallopt(top_pad, 64 << 20)


_keep_freed_memory()
