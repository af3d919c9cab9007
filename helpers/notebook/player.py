"""Video and progress shown inside a notebook."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import Video
from tqdm.auto import tqdm

from .. import run
from ..plan.geometry import source_pictures
from ..plan.plan import Plan

INLINE_BYTES = 8 << 20  # a larger file is linked, not embedded, so that notebooks stay small


def show_video(path: str | os.PathLike, width: int = 480) -> Video:
    """An inline player; small files travel inside the notebook."""
    return Video(os.fspath(path), embed=os.path.getsize(path) <= INLINE_BYTES, width=width)


def side_by_side(
    run_dir: str | os.PathLike, plan: Plan, record: dict[str, Any], height: int = 360
) -> Path:
    """``comparison.mp4`` in the run folder: source, lip-synced and restored next to each other, with the speech."""
    from moviepy import VideoClip, VideoFileClip, clips_array

    source = source_pictures(plan, record["inputs"]["video"]["path"], 0, plan.frames)
    shown: list[Any] = [-1, None]

    def picture(t: float) -> np.ndarray:  # moviepy asks for frames in order, for some of them twice
        n = min(plan.frames - 1, round(t * float(plan.fps)))
        while shown[0] < n:
            shown[:] = shown[0] + 1, next(source)
        return shown[1]

    results = [VideoFileClip(made["path"]) for made in record["results"].values()]
    clips = [VideoClip(picture, duration=float(plan.duration)), *results]
    sheet = clips_array([[clip.resized(height=height) for clip in clips]]).with_duration(
        float(plan.duration)
    )
    with run.writing(run_dir, run.COMPARISON) as part:
        sheet.with_audio(results[0].audio).write_videofile(
            str(part), fps=float(plan.fps), codec="libx264", audio_codec="aac", preset="veryfast", logger=None,
            temp_audiofile_path=str(part.parent), pixel_format="yuv420p",
            ffmpeg_params=["-crf", "20", "-movflags", "+faststart"],
        )  # fmt: skip
    for clip in results:
        clip.close()
    return Path(run_dir, run.COMPARISON)


def progress_bar(label: str, unit: str = "frame") -> Callable[[int, int], None]:
    """A progress callback (done, total) for ``run.lipsync``, ``run.restore`` and, in bytes ("B"), ``weights.fetch``."""
    bar = tqdm(desc=label, unit=unit, unit_scale=unit == "B")

    def update(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return update
