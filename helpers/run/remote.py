"""A segment rendered by another process, perhaps on another machine; its bytes come back.

The plan travels with the task. The source clip is read where it lies: the workers see it under the
same path, or it has an address that each of them copies from.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from .. import checkpoints, media, pool
from ..engines.base import Engine
from ..engines.load import load_engine
from ..errors import RunError
from ..params import Params
from ..plan.plan import Plan
from ..restore.base import Restorer, make_restorer
from .keys import code_fingerprint
from .render import render_frames


@dataclass(frozen=True)
class Order:
    """What all segments of a result have in common. ``video`` is a path or an address.

    The hashes are those of whoever gives the order: another clip, other weights or other sources
    would make other pixels.
    """

    p: Params
    plan: Plan
    codec: media.Codec | None
    video: str
    video_sha256: str
    weights_sha256: str
    code: str


def segments_of(
    order: Order, ranges: Sequence[tuple[int, int]], workers: pool.Pool
) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each range ``(first frame, frame after the last)``, as they come."""
    outcome: Future
    for number, outcome in workers(render_segment, ranges, order):
        try:
            yield number, outcome.result()
        except Exception as error:
            if not pool.worker_lost(error):
                raise
            first, stop = ranges[number]
            raise RunError(
                f"frames {first} to {stop - 1} ended {pool.LOST_WORKERS + 1} workers, for want of"
                " memory perhaps; run again with fewer workers or a smaller batch_size"
            ) from None


def render_segment(first: int, stop: int, order: Order) -> bytes:
    """The encoded frames ``first`` to ``stop``. Raises RunError where the worker differs."""
    plan = order.plan
    video = _checked_video(order.video, order.video_sha256)
    engine, restorer = _drawn_by(order.p, order.weights_sha256, order.code)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "segment.mp4")
        frames = render_frames(plan, video, engine, order.p, first, stop, restorer=restorer)
        media.write_video(path, frames, plan.fps, order.p.crf, codec=order.codec)
        return path.read_bytes()


@functools.lru_cache(maxsize=4)
def _checked_video(video: str, digest: str) -> str:
    try:
        path = media.local_path(video)
        same = checkpoints.sha256(path) == digest
    except OSError:
        raise RunError(
            f"{pool.here()} does not see {video}; put it where all workers see it"
        ) from None

    if not same:
        raise RunError(f"{video} is another file for {pool.here()} than for the plan")
    return path


@functools.lru_cache(maxsize=1)
def _drawn_by(p: Params, weights: str, code: str) -> tuple[Engine, Restorer | None]:
    found = checkpoints.locate(p.checkpoint)
    if checkpoints.sha256(found.path) != weights:
        raise RunError(f"{pool.here()} has other weights ({found.path}) than the run")

    if code_fingerprint() != code:
        raise RunError(f"{pool.here()} has another version of helpers than the run")

    restorer = None if p.restorer == "none" else make_restorer(p)
    return load_engine(found, p), restorer
