"""How the libraries of a run share the processor's cores.

Batches are drawn side by side, a thread each: what a library does in several threads of its own
waits for the slowest of them, and beside ffmpeg's one is always late.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import torch

MOST_WORKERS = 8
BYTES_AT_WORK = 1 << 30  # of pictures that are drawn at once


def workers_for(bytes_a_batch: int) -> int:
    """How many batches are drawn at once: one a core, while their pictures fit into memory."""
    return max(1, min(torch.get_num_threads(), MOST_WORKERS, BYTES_AT_WORK // bytes_a_batch))


@contextmanager
def shared_by(workers: int) -> Iterator[None]:
    """torch and OpenCV use the cores in as many threads of ours, and no more than there are."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    each = max(1, before[0] // workers)
    torch.set_num_threads(each)
    cv2.setNumThreads(each)

    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
