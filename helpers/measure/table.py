"""Figures of a finished run, with the source clip as the anchor row.

A figure of a generated clip means little alone: read it beside the source's.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoints, media, run
from ..errors import RunError
from ..networks.devices import choose_device
from ..plan.geometry import source_pictures
from ..plan.plan import Plan, load_plan
from ..sound.mel import melspectrogram
from .distance import distance
from .measures import FEWEST_FRAMES, MEASURES, FrameMeasure
from .pictures import mouth_part, pixel_jumps
from .samples import (
    FLICKER_FRAMES,
    MEASURED_SIZE,
    Clip,
    Judges,
    Sound,
    Still,
    face_crop,
    longest_track,
)

STILL_FRAMES = 60  # frames, evenly spread, on which single pictures are measured
SOURCE = "source"
NOTEBOOKS = {"lipsync": "02", "restored": "03"}  # that make the results


def measure_run(run_dir: str | Path) -> list[dict[str, Any]]:
    """Rows of the quality table: the source, and each result that is up to date.

    As ``rows_of`` the clips of ``sampled_clips``. Raises RunError if none is left to measure.
    """
    return rows_of(sampled_clips(run_dir))


def sampled_clips(run_dir: str | Path) -> list[Clip]:
    """The source and each result that is up to date, with all that the measures need.

    With several faces the first one is measured. The source is scored with its own sound, the
    results with the speech that they were given. Results that are out of date are named in a line
    on stderr. Raises RunError if none is left to measure.
    """
    record = read_fresh(run_dir)
    if record["stale"]:
        print(out_of_date(run_dir, record["stale"]), file=sys.stderr)

    plan = read_plan(run_dir)
    device = choose_device(record["parameters"]["device"])
    judges = Judges(checkpoints.sync_expert(), checkpoints.upstream_syncnet(device))

    clips = [source_clip(record, plan, judges)]
    for name, result in record["results"].items():
        clips.append(result_clip(name, result, plan, judges))
    sample(clips, videos(record, plan), plan)
    return clips


def rows_of(clips: list[Clip]) -> list[dict[str, Any]]:
    """Rows of the quality table; the first clip is the source.

    The columns are ``MEASURES``, after the numbers of frames, and of a result its ``distance`` from
    a true clip; a figure that cannot be had is left out.
    """
    rows = [row(clip) for clip in clips]
    for result in rows[1:]:
        if clips[0].plan.redrawn.any():
            result["distance"] = distance(result, rows[0])
    return rows


def read_fresh(run_dir: str | Path) -> dict[str, Any]:
    """The record of a run.

    Raises RunError if it has no result that is up to date, or if the clip is another by now.
    """
    record = run.read(run_dir)
    if not record["results"] and record["stale"]:
        raise RunError(out_of_date(run_dir, record["stale"]))

    if not record["results"]:
        raise RunError(
            f"{run_dir} has no finished video yet; run notebook 02 with this run_dir first"
        )

    run.check_unchanged(record, ["video"])
    return record


def out_of_date(run_dir: str | Path, stale: list[str]) -> str:
    """What to do about results of other parameters than the run's."""
    ways = [f"{name} (run notebook {NOTEBOOKS[name]} again)" for name in stale]
    return f"{run_dir}: out of date and not measured: {', '.join(ways)}"


def read_plan(run_dir: str | Path) -> Plan:
    """The plan of a run. Raises RunError if it is not there."""
    path = Path(run_dir, run.PLAN)
    if not path.exists():
        raise RunError(f"{path} is gone; run notebook 02 with this run_dir again")
    return load_plan(path)


def source_clip(record: dict[str, Any], plan: Plan, judges: Judges) -> Clip:
    """The source, measured where it has sound of its own: not on frames that are shown again."""
    facts = record["inputs"]["video"]
    sound = None
    if facts["audio_codec"]:
        wave = media.read_audio(facts["path"])
        sound = Sound(melspectrogram(wave), wave)

    frames_with_sound = min(plan.frames, int(plan.source.max()) + 1)
    counts = dict(frames=plan.frames)
    return Clip(SOURCE, plan.layers[0], counts, sound, judges, frames_with_sound=frames_with_sound)


def result_clip(name: str, result: dict[str, Any], plan: Plan, judges: Judges) -> Clip:
    """A finished video, to be measured with the speech that it was given."""
    redrawn = int(plan.redrawn.sum())
    sound = Sound(plan.mel, media.read_audio(result["path"]))
    counts = dict(
        frames=result["frames"],
        frames_redrawn=redrawn,
        frames_passed_through=plan.frames - redrawn,
    )
    return Clip(name, plan.layers[0], counts, sound, judges, seconds=result["duration_s"])


def videos(
    record: dict[str, Any], plan: Plan, start: int = 0, stop: int | None = None
) -> dict[str, Iterator[np.ndarray]]:
    """Output frames start to stop of the source and of each result, by name."""
    stop = plan.frames if stop is None else stop

    source = record["inputs"]["video"]["path"]
    streams = {SOURCE: source_pictures(plan, source, start, stop)}
    for name, result in record["results"].items():
        streams[name] = media.read_frames(result["path"], plan.fps, start, stop)
    return {name: media.prefetch(frames) for name, frames in streams.items()}


def sample(clips: list[Clip], streams: dict[str, Iterator[np.ndarray]], plan: Plan) -> None:
    """Show the clips their frames, side by side and once; the source is the first."""
    redrawn = np.flatnonzero(plan.layers[0].redrawn)
    spread = np.linspace(0, len(redrawn) - 1, min(STILL_FRAMES, len(redrawn))).astype(int)
    chosen = set(redrawn[spread].tolist())

    for n, frames in enumerate(zip(*streams.values(), strict=True)):
        for clip, frame in zip(clips, frames, strict=True):
            clip.add(n, frame)
        if n in chosen:
            sample_stills(clips, frames, plan, n)


def sample_stills(clips: list[Clip], frames: tuple[np.ndarray, ...], plan: Plan, n: int) -> None:
    """Measure output frame ``n`` of each clip beside the source's, the first."""
    width, height = plan.size
    frame_measures = [measure for measure in MEASURES if isinstance(measure, FrameMeasure)]
    crops = [face_crop(frame, plan.layers[0], n, MEASURED_SIZE) for frame in frames]

    for clip, frame, crop in zip(clips, frames, crops, strict=True):
        # an encoder makes sides even
        still = Still(plan, n, frame[:height, :width], frames[0], crop, crops[0])
        clip.still_crops.append(crop)

        for measure in frame_measures:
            if clip is clips[0] and measure.against_source:
                continue
            value = measure.function(still)
            if value is not None:
                clip.still_values[measure.name].append(value)


def row(clip: Clip) -> dict[str, Any]:
    """A row of the table."""
    figures = {measure.name: measure.of(clip) for measure in MEASURES}
    known = {name: value for name, value in figures.items() if value is not None}
    return dict(video=clip.name, **clip.counts) | known


def flicker_curves(run_dir: str | Path) -> dict[str, np.ndarray]:
    """``pixel_jumps`` of the mouth in the source and each result that is up to date.

    Over the start of the longest run of one face. Returns ``float32 (plan.frames,)`` by video, NaN
    where nothing was measured. Raises RunError as ``measure_run`` does.
    """
    record = read_fresh(run_dir)
    return _curves(Path(run_dir), *(result["sha256"] for result in record["results"].values()))


@functools.lru_cache(1)  # the notebook shows them, then the report
def _curves(run_dir: Path, *made: str) -> dict[str, np.ndarray]:
    """The curves of a run whose results have these hashes."""
    record = read_fresh(run_dir)
    plan = read_plan(run_dir).layers[0]
    first, count = longest_track(plan)
    stop = first + min(count, FLICKER_FRAMES)

    curves = {}
    for name, frames in videos(record, plan, first, stop).items():
        crops = [face_crop(frame, plan, n, MEASURED_SIZE) for n, frame in enumerate(frames, first)]
        curves[name] = flicker_curve(crops, plan, first)
    return curves


def flicker_curve(crops: Sequence[np.ndarray], plan: Plan, first: int) -> np.ndarray:
    """``pixel_jumps`` of the mouths of consecutive face crops, the first of output frame ``first``.

    ``float32 (plan.frames,)``, NaN where nothing was measured.
    """
    curve = np.full(plan.frames, np.nan, np.float32)
    if len(crops) >= FEWEST_FRAMES:
        mouths = np.stack([mouth_part(crop) for crop in crops])
        curve[first + 1 : first + len(crops) - 1] = pixel_jumps(mouths)
    return curve
