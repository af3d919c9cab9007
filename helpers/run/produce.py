"""Plan -> segments -> finish. A killed run goes on with the segments that are missing."""

from __future__ import annotations

import datetime
import itertools
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from .. import __version__, checkpoints, media
from ..errors import MediaError, RunError, WeightsError, disk_full_told
from ..networks.compact import CompactWav2Lip
from ..networks.devices import choose_device
from ..networks.wav2lip import Wav2Lip
from ..params import Params
from ..plan.geometry import box_pads
from ..plan.make import make_plan
from ..plan.mouths import plan_mouths, plan_speech
from ..plan.plan import Plan, load_plan, save_plan
from ..plan.selection import LOOK_AHEAD
from ..restore.base import describe_restorer, make_restorer
from .folder import (
    NO_INFLUENCE,
    OUTPUTS,
    PLAN,
    SAMPLE_FILES,
    UNFINISHED,
    _write,
    digest,
    open_folder,
    read,
    writing,
)
from .render import render_frames

SEGMENT_FRAMES = 128  # about; a whole number of batches
RESTORE_ONLY = (
    "restorer",
    "restorer_checkpoint",
    "region",
    "steady",
    "restore_unsynced",
    "strength",
)
Progress = Callable[[int, int], None]  # (frames done, frames in all)


def alignment(p: Params, net: nn.Module) -> str:
    """The mel alignment that ``auto`` stands for."""
    return (
        p.mel_alignment
        if p.mel_alignment != "auto"
        else "inference"
        if isinstance(net, Wav2Lip)
        else "centred"
    )


def prepare(p: Params) -> tuple[dict[str, Any], Plan, nn.Module]:
    """Open the run folder, load the network, make the plan or take the one that is there: (record, plan, network)."""
    found = checkpoints.locate(p.checkpoint)
    box_pads(p)
    record = open_folder(p)
    net = checkpoints.load(found.path)
    if not isinstance(net, Wav2Lip | CompactWav2Lip):
        raise WeightsError(
            f"checkpoint={p.checkpoint}: {found.path} holds a {type(net).__name__}, no lip-sync network"
        )
    net = net.to(choose_device(p.device))
    record["weights"] = dict(
        name=found.name,
        path=str(found.path),
        sha256=checkpoints.sha256(found.path),
        licence=found.licence,
    )
    facts = {
        f.name: getattr(p, f.name)
        for f in fields(p)
        if f.name not in (*NO_INFLUENCE, *RESTORE_ONLY)
    }
    hashes = {name: record["inputs"][name]["sha256"] for name in SAMPLE_FILES}
    key = digest([facts, hashes, record["weights"]["sha256"], __version__])
    path = Path(p.run_dir, PLAN)
    if record.get("key") == key and path.exists():
        plan = load_plan(path)
    else:
        started = time.perf_counter()
        video, sound = (record["inputs"][name]["path"] for name in SAMPLE_FILES)
        ahead = LOOK_AHEAD if p.own_mouths and isinstance(net, CompactWav2Lip) else 0
        plan, times = make_plan(p, video, sound, alignment(p, net), ahead)
        clock = time.perf_counter()
        plan = plan_mouths(plan_speech(plan, net), video, net, p.own_mouths)
        times["mouths"] = time.perf_counter() - clock
        with writing(p.run_dir, PLAN) as part:
            save_plan(plan, part)
        record["seconds"]["plan"] = {k: round(v, 3) for k, v in times.items()}
        record["seconds"]["plan"]["all"] = round(time.perf_counter() - started, 3)
    record.update(key=key, parameters=asdict(p))
    record["plan"] = dict(
        frames=plan.frames, fps=str(plan.fps), size=list(plan.size), frames_redrawn=int(plan.redrawn.sum()),
        frames_passed_through=int((~plan.redrawn).sum()), mel_alignment=alignment(p, net), states=states(plan),
    )  # fmt: skip
    _write(p.run_dir, record)
    return record, plan, net


def states(plan: Plan) -> list[list]:
    """What happens to each frame, as runs [state, first frame, frames]: "redrawn" or "passed"."""
    runs, first = [], 0
    for state, group in itertools.groupby(plan.redrawn.tolist()):
        count = len(list(group))
        runs.append(["redrawn" if state else "passed", first, count])
        first += count
    return runs


def lipsync(p: Params, progress: Progress | None = None) -> dict[str, Any]:
    """Re-draw the mouth: plan, segments, ``lipsync.mp4``. Returns the record of the run (run.json)."""
    with disk_full_told(p.run_dir):
        record, plan, net = prepare(p)
        return _produce(replace(p, restorer="none"), record, plan, net, "lipsync", progress)


def restore(p: Params, progress: Progress | None = None) -> dict[str, Any]:
    """Render again from source frames with a restorer in the chain: ``restored.mp4``. Needs ``lipsync`` done."""
    p = with_run(p)
    with disk_full_told(p.run_dir):
        record, plan, net = prepare(p)
        return _produce(p, record, plan, net, "restored", progress)


def with_run(p: Params) -> Params:
    """Parameters of 03 with those of the run folder's 02 for all the rest."""
    record = read(p.run_dir)
    if "parameters" not in record:
        raise RunError(
            f"{p.run_dir} has been set up but not lip-synced yet; run notebook 02 with this run_dir first"
        )
    names = {f.name for f in fields(p)}
    earlier = Params(**{k: v for k, v in record["parameters"].items() if k in names})
    return replace(earlier, run_dir=p.run_dir, **{name: getattr(p, name) for name in RESTORE_ONLY})


def _produce(
    p: Params, record: dict, plan: Plan, net: nn.Module, name: str, progress: Progress | None
) -> dict[str, Any]:
    started = time.perf_counter()
    video, sound = (record["inputs"][kind]["path"] for kind in SAMPLE_FILES)
    restored, restorer = describe_restorer(p), make_restorer(p)
    folder = Path(p.run_dir, UNFINISHED, digest([record["key"], restored]))
    folder.mkdir(parents=True, exist_ok=True)
    times: dict[str, float] = defaultdict(float)
    segments = list(_segments(plan.frames, p.batch_size))
    missing = [s for s in segments if not _segment_path(folder, s[0]).exists()]
    done = plan.frames - sum(b - a for a, b in missing)
    for start, stop, parts in _contiguous(missing):
        frames = render_frames(plan, video, net, p, start, stop, restorer, times)
        for a, b in parts:
            clock, before = time.perf_counter(), sum(times.values())
            media.write_video(
                _segment_path(folder, a), itertools.islice(frames, b - a), plan.fps, p.crf
            )
            times["encode"] += (time.perf_counter() - clock) - (sum(times.values()) - before)
            done += b - a
            if progress:
                progress(done, plan.frames)
    clock = time.perf_counter()
    output = Path(p.run_dir, OUTPUTS[name])
    silent = folder / "silent.mp4"
    media.join_videos([_segment_path(folder, a) for a, _ in segments], silent)
    with writing(p.run_dir, output.name) as part:
        media.mux(silent, sound, part, plan.duration)
        result = _check(part, plan)
    shutil.rmtree(folder)
    times["finish"] = time.perf_counter() - clock
    seconds = {k: round(v, 3) for k, v in times.items()} | {
        "all": round(time.perf_counter() - started, 3)
    }
    record["seconds"][name] = seconds
    record["results"][name] = result | dict(
        path=str(output.resolve()), sha256=checkpoints.sha256(output), **restored,
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    _write(p.run_dir, record)
    return record


def _segments(frames: int, batch_size: int) -> Iterator[tuple[int, int]]:
    length = max(1, round(SEGMENT_FRAMES / batch_size)) * batch_size
    return ((a, min(a + length, frames)) for a in range(0, frames, length))


def _segment_path(folder: Path, start: int) -> Path:
    return folder / f"{start:06d}.mp4"


def _contiguous(
    segments: list[tuple[int, int]],
) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
    """Neighbouring segments together, so that the source is read in one stream: (start, stop, segments)."""
    while segments:
        end = 1
        while end < len(segments) and segments[end][0] == segments[end - 1][1]:
            end += 1
        yield segments[0][0], segments[end - 1][1], segments[:end]
        segments = segments[end:]


def _check(output: Path, plan: Plan) -> dict[str, Any]:
    """Look at a finished file. Raises MediaError if frames, rate or sound are not what was planned."""
    info = media.probe(output)
    wanted = (plan.frames, plan.fps, tuple(v + v % 2 for v in plan.size), True)
    found = (info.frames, info.fps, (info.width, info.height), info.has_audio)
    if found != wanted:
        raise MediaError(
            f"{output} came out as {found} instead of {wanted} (frames, rate, size, sound)"
        )
    return dict(frames=info.frames, duration_s=round(info.duration, 6), bytes=output.stat().st_size)


def summary(record: dict[str, Any]) -> dict[str, Any]:
    """The facts that a notebook's last cell and the command line print as one JSON line."""
    made = record["results"]
    any_result = next(iter(made.values()), {})
    return dict(
        frames=record.get("plan", {}).get("frames"), duration_s=any_result.get("duration_s"),
        frames_redrawn=record.get("plan", {}).get("frames_redrawn"),
        frames_passed_through=record.get("plan", {}).get("frames_passed_through"),
        checkpoint=record.get("weights", {}).get("name"),
        lipsync=made.get("lipsync", {}).get("path"), restored=made.get("restored", {}).get("path"),
    )  # fmt: skip


def frames_of(path: str | os.PathLike, plan: Plan, numbers: list[int]) -> list[np.ndarray]:
    """Some frames of a finished video, ``uint8 (H, W, 3)`` each."""
    return list(media.read_indexed(path, plan.fps, numbers))
