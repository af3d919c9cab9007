"""Where networks run, in which format, and batches that shrink when memory is full."""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch

from ..errors import ParameterError, RunError

Item = TypeVar("Item")
Result = TypeVar("Result")

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_fitting_sizes: dict[
    str, int
] = {}  # batch sizes that memory has been found to hold, by kind of work


def choose_device(name: str) -> torch.device:
    """ "auto" takes CUDA where there is one. Raises ParameterError for a GPU that is not there."""
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ParameterError("device=cuda: torch finds no GPU here; use device=auto or device=cpu")
    if name == "auto":
        name = "cuda" if has_gpu else "cpu"
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """ "auto": half on a GPU; on a CPU bfloat16 where it has instructions for it, else float32."""
    if name != "auto":
        return PRECISIONS[name]
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if _has_bfloat16() else torch.float32


def _has_bfloat16() -> bool:
    """Does the processor compute in bfloat16, and not only emulate it?"""
    if "bf16" in torch.backends.cpu.get_cpu_capability().lower():
        return True
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


def halving_batches(
    work: Callable[[list[Item]], Sequence[Result]], items: Iterable[Item], size: int, kind: str
) -> Iterator[Result]:
    """``work`` on lists of up to ``size`` items, its results one by one, in order.

    When the GPU's memory does not hold a batch, the batch size is halved, for this ``kind`` of work
    as long as the process lives, and the work goes on with the items that are not done yet. Raises
    RunError if even one item is too much.
    """
    source = iter(items)
    waiting: list[Item] = []
    while True:
        size = min(size, _fitting_sizes.get(kind, size))
        waiting += itertools.islice(source, max(0, size - len(waiting)))
        if not waiting:
            return

        try:
            results = work(waiting[:size])
        except torch.cuda.OutOfMemoryError:
            _fitting_sizes[kind] = _half(min(size, len(waiting)))
            torch.cuda.empty_cache()
            continue

        del waiting[:size]
        yield from results


def _half(size: int) -> int:
    if size == 1:
        raise RunError(
            "the GPU's memory is full even with one picture at a time; use device=cpu"
        ) from None
    return size // 2


def _keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: mapping it anew costs up to four times a network's time."""

    if sys.platform == "linux":
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except AttributeError:  # another C library
            return

        trim_threshold, top_pad, mmap_max, arena_max = -1, -2, -4, -8
        mallopt(arena_max, 1)
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 1 << 30)
        mallopt(top_pad, 64 << 20)


_keep_freed_memory()
