"""Plan -> segments -> finish. A killed run goes on with the segments that are missing."""

from __future__ import annotations

import datetime
import itertools
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import media
from ..engines.base import Engine
from ..errors import MediaError, RunError, Stopped, disk_full_told
from ..params import Params
from ..plan.plan import Plan
from ..pool import Pool
from ..restore.base import describe_restorer, make_restorer
from ..storage import is_address
from ..timing import Progress, StageTimes, silent
from .files import is_of_run, writing
from .folder import check_unchanged
from .keys import code_fingerprint
from .lock import locked
from .marking import check_signer, comment, mark, write_beside
from .prepare import prepare, with_run
from .record import OUTPUTS, UNFINISHED, Record, change, digest, read, stored
from .remote import Order, segments_of
from .render import render_frames

SEGMENT_FRAMES = 128  # about; a whole number of batches

Segment = tuple[int, int]  # first frame, frame after the last


def lipsync(p: Params, progress: Progress = silent, workers: Pool | None = None) -> Record:
    """Re-draw the mouth: plan, segments, ``lipsync.mp4``. Returns the record of the run.

    With ``workers`` they render the segments, else this process does.
    """
    with locked(p.run_dir), disk_full_told(p.run_dir):
        return _produce(p, "lipsync", progress, workers)


def restore(p: Params, progress: Progress = silent, workers: Pool | None = None) -> Record:
    """Render again from source frames with a restorer in the chain: ``restored.mp4``.

    Needs ``lipsync`` done; its parameters are kept. Returns the record of the run.
    """
    p = with_run(p)
    with locked(p.run_dir), disk_full_told(p.run_dir):
        return _produce(p, "restored", progress, workers)


def lipsync_and_restore(
    p: Params, progress: Progress = silent, workers: Pool | None = None
) -> Record:
    """Both results, ``restorer=none`` leaves the second out. Returns the record of the run."""
    with locked(p.run_dir):
        record = lipsync(p, progress, workers)
        return record if p.restorer == "none" else restore(p, progress, workers)


@dataclass(frozen=True)
class Step:
    """One result in the making: what it is made from, and where its segments lie."""

    p: Params
    record: Record
    plan: Plan
    engine: Engine
    codec: media.Codec | None
    key: str
    progress: Progress
    workers: Pool | None
    times: StageTimes

    @property
    def folder(self) -> Path:
        return Path(self.p.run_dir, UNFINISHED, self.key)


def _produce(p: Params, name: str, progress: Progress, workers: Pool | None) -> Record:
    """One result, if it is not there already."""
    check_signer(p)
    record, plan, engine = prepare(p, progress=progress)
    if name == "lipsync":
        p = replace(p, restorer="none")

    started = time.perf_counter()
    restorer = describe_restorer(p)
    codec = media.choose_codec(p.encoder, p.crf)
    key = digest([record["render_key"], restorer, codec])
    step = Step(p, record, plan, engine, codec, key, progress, workers, StageTimes())
    output = Path(p.run_dir, OUTPUTS[name])

    there = record["results"].get(name, {})
    if there.get("key") == key and is_of_run(p.run_dir, output.name):
        print(f"{output} is there already, of these inputs and parameters", file=sys.stderr)
        step.progress("finish", 1, 1)
        return record

    step.folder.mkdir(parents=True, exist_ok=True)
    _render_segments(step)
    step.progress("finish", 0, 1)
    with step.times.stage("finish"):
        facts = _finish(step, output)
        shutil.rmtree(step.folder)
    step.progress("finish", 1, 1)

    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    hardware = dict(codec=codec.args) if codec else {}
    facts |= restorer | hardware | dict(render_key=record["render_key"], key=key, made=now)
    seconds = step.times.rounded(time.perf_counter() - started)
    before = stored(p.run_dir)
    change(
        p.run_dir,
        results=before["results"] | {name: facts},
        seconds=before["seconds"] | {name: seconds},
    )

    return read(p.run_dir)


def _check_inputs(step: Step, at_a_glance: bool = False) -> None:
    """Raises RunError if the inputs changed meanwhile; segments are not kept then."""
    try:
        check_unchanged(step.record, at_a_glance=at_a_glance)
    except RunError:
        shutil.rmtree(step.folder)
        raise


def _render_segments(step: Step) -> None:
    """Render what is missing of the segments in the step's folder. Raises Stopped."""
    missing = _missing(step)
    try:
        if step.workers:
            _render_by_workers(step, missing, step.workers)
        else:
            _render_here(step, missing)
    except KeyboardInterrupt:
        total = step.plan.frames
        done = total - _count(_missing(step))
        raise Stopped(f"stopped at {done} of {total} frames; run again to go on") from None


def _missing(step: Step) -> list[Segment]:
    return [
        (start, stop)
        for start, stop in _segments(step.plan.frames, step.p.batch_size)
        if not _segment_path(step.folder, start).exists()
    ]


def _count(segments: list[Segment]) -> int:
    return sum(stop - start for start, stop in segments)


def _render_by_workers(step: Step, missing: list[Segment], workers: Pool) -> None:
    video = step.record["inputs"]["video"]
    order = Order(
        p=step.p,
        plan=step.plan,
        codec=step.codec,
        video=step.p.video if is_address(step.p.video) else video["path"],
        video_sha256=video["sha256"],
        weights_sha256=step.record["weights"]["sha256"],
        code=code_fingerprint(),
    )

    done = step.plan.frames - _count(missing)
    for number, rendered in segments_of(order, missing, workers):
        start, stop = missing[number]
        path = _segment_path(step.folder, start)
        part = media.partial_path(path)
        part.write_bytes(rendered)
        os.replace(part, path)
        _check_inputs(step, at_a_glance=True)
        done += stop - start
        step.progress("draw", done, step.plan.frames)


def _render_here(step: Step, missing: list[Segment]) -> None:
    plan = step.plan
    video = step.record["inputs"]["video"]["path"]
    restorer = None if step.p.restorer == "none" else make_restorer(step.p)
    rendered = itertools.count(plan.frames - _count(missing) + 1)

    for start, stop, segments in _contiguous(missing):
        frames = render_frames(
            plan, video, step.engine, step.p, start, stop, restorer=restorer, times=step.times
        )
        with closing(frames):
            shown = _with_progress(frames, rendered, step)
            for first, end in segments:
                with step.times.stage("encode"):
                    part = itertools.islice(shown, end - first)
                    path = _segment_path(step.folder, first)
                    media.write_video(path, part, plan.fps, step.p.crf, codec=step.codec)
                _check_inputs(step, at_a_glance=True)


def _with_progress(
    frames: Iterator[np.ndarray], rendered: Iterator[int], step: Step
) -> Iterator[np.ndarray]:
    """The frames; the step's progress is told once a batch."""
    for frame, done in zip(frames, rendered, strict=False):
        if done % step.p.batch_size == 0 or done == step.plan.frames:
            step.progress("draw", done, step.plan.frames)
        yield frame


def _segments(frames: int, batch_size: int) -> list[Segment]:
    length = max(1, round(SEGMENT_FRAMES / batch_size)) * batch_size
    return [(start, min(start + length, frames)) for start in range(0, frames, length)]


def _segment_path(folder: Path, start: int) -> Path:
    return folder / f"{start:06d}.mp4"


def _contiguous(segments: list[Segment]) -> Iterator[tuple[int, int, list[Segment]]]:
    """Neighbouring segments together, so that the source is read in one stream."""
    while segments:
        count = 1
        while count < len(segments) and segments[count][0] == segments[count - 1][1]:
            count += 1
        yield segments[0][0], segments[count - 1][1], segments[:count]
        segments = segments[count:]


def _finish(step: Step, output: Path) -> dict[str, Any]:
    """Join the segments, add the sound, look at what came out; facts of the finished file.

    Raises MediaError if frames, rate or sound are not what was planned.
    """
    plan = step.plan
    sound = step.record["inputs"]["audio"]["path"]
    segments = _segments(plan.frames, step.p.batch_size)
    parts = [_segment_path(step.folder, start) for start, _ in segments]

    with writing(output.parent, output.name) as part:
        media.mux(parts, sound, part, plan.duration, comment(step.p, step.key))
        _check_inputs(step)
        info = media.probe(part)
        size = tuple(side + side % 2 for side in plan.size)
        wanted = (plan.frames, plan.fps, size, True)
        found = (info.frames, info.fps, (info.width, info.height), info.has_audio)

        if found != wanted:
            raise MediaError(
                f"{output} came out as {found} instead of {wanted} (frames, rate, size, sound)"
            )

        told = mark(step.p, step.record, plan, step.key, part)

    write_beside(output, told)
    return dict(
        frames=info.frames,
        duration_s=round(info.duration, 6),
        bytes=output.stat().st_size,
        sha256=stored(output.parent)["files"][output.name],
    )


def summary(record: Record) -> dict[str, Any]:
    """The facts that a notebook's last cell and the command line print as one JSON line."""
    results = record["results"]
    plan = record.get("plan", {})
    first: Record = next(iter(results.values()), {})

    return dict(
        frames=plan.get("frames"),
        duration_s=first.get("duration_s"),
        frames_redrawn=plan.get("frames_redrawn"),
        frames_passed_through=plan.get("frames_passed_through"),
        checkpoint=record.get("weights", {}).get("name"),
        lipsync=results.get("lipsync", {}).get("path"),
        restored=results.get("restored", {}).get("path"),
    )


def frames_of(path: str | os.PathLike, plan: Plan, numbers: list[int]) -> list[np.ndarray]:
    """Some frames of a finished video, ``uint8 (H, W, 3)`` each."""
    return list(media.read_indexed(path, plan.fps, numbers))
