"""Some seconds of a run before the run: moving, and with their sound."""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

from .. import media, run
from ..errors import RunError
from ..params import Params
from ..plan.plan import Plan
from ..restore.base import make_restorer
from ..timing import Progress, counted, silent

SECONDS = 3


def write(
    p: Params, path: str | os.PathLike, progress: Progress = silent, save: bool = True
) -> None:
    """Write the seconds of a run in which most is said by a face that is re-drawn.

    With ``save`` the plan is kept in the run folder, so that the run needs no new one; without,
    nothing is written there. Raises RunError if nothing would be re-drawn, else as the run does.
    """
    record, plan, engine = run.prepare(p, save, progress)
    if not plan.redrawn.any():
        raise RunError("no frame has a face, so every frame would pass through as it is")

    start, stop = talking_part(plan, p.batch_size)
    restorer = None if p.restorer == "none" else make_restorer(p)
    video = record["inputs"]["video"]["path"]
    frames = run.render_frames(plan, video, engine, p, start, stop, restorer=restorer)

    with tempfile.TemporaryDirectory() as folder:
        silent_film = Path(folder, "silent.mp4")
        told = counted(frames, progress, "draw", stop - start)
        media.write_video(silent_film, told, plan.fps, p.crf)

        length = Fraction(stop - start) / plan.fps
        sound = record["inputs"]["audio"]["path"]
        media.mux([silent_film], sound, path, length, start=start / plan.fps)


def talking_part(plan: Plan, batch_size: int) -> tuple[int, int]:
    """First frame and frame after the last; the first is a multiple of ``batch_size``."""
    length = min(plan.frames, round(SECONDS * plan.fps))
    worth = plan.redrawn * (plan.speech + 1)  # a face counts where nobody speaks too
    summed = np.concatenate([[0.0], np.cumsum(worth)])

    starts = np.arange(0, plan.frames - length + 1, batch_size)
    start = int(starts[np.argmax(summed[starts + length] - summed[starts])])
    return start, start + length
