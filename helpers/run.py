"""A run folder: plan -> segments -> finish. A killed run goes on with the segments that are missing.

run.json            inputs and weights with SHA-256, parameters, versions, frames, stage times, results, and
                    "files": the SHA-256 of each file that the run made, null while it takes its name
plan.npz            the plan (see ``plan``)
lipsync.mp4         result of 02;  restored.mp4: result of 03
.lipsync/           all that is unfinished
.lipsync/KEY/       finished segments of the video in work; KEY names the plan, weights and parameters
                    they depend on

A file that is not in "files", or is no longer what its hash says, is the user's: it is never replaced.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib
import itertools
import json
import os
import platform
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from . import __version__, media, own_mouths, plan as plans, render, restore as restoring, weights
from .errors import MediaError, RunError, WeightsError, disk_full_told
from .params import NOTEBOOKS, SAMPLE, TRAINING_NOTEBOOK, Params
from .plan import Plan
from .wav2lip import CompactWav2Lip, Wav2Lip, choose_device

SEGMENT_FRAMES = 128  # about; a whole number of batches
SAMPLE_FILES = {"video": SAMPLE / "astronaut.mp4", "audio": SAMPLE / "speech.flac"}
OUTPUTS = {"lipsync": "lipsync.mp4", "restored": "restored.mp4"}
RECORD, PLAN, COMPARISON, PAGE, TABLE = (
    "run.json", "plan.npz", "comparison.mp4", "report.html", "quality.json",
)  # fmt: skip
EXECUTED = tuple(f"{notebook}.ipynb" for notebook in (*NOTEBOOKS, TRAINING_NOTEBOOK))
FILES = (PLAN, *OUTPUTS.values(), COMPARISON, PAGE, TABLE, *EXECUTED)  # beside run.json
UNFINISHED = ".lipsync"  # the run's own folder
RESTORE_ONLY = ("restorer", "restorer_checkpoint", "region", "steady", "restore_unsynced", "strength")
# on the pixels, beyond what the hashes of inputs and weights say
NO_INFLUENCE = ("run_dir", "video", "audio", "device", "fetch", "accept_licences", "clips", "steps")
MODULES = ("torch", "numpy", "cv2", "librosa", "onnxruntime", "imageio_ffmpeg")

Progress = Callable[[int, int], None]  # (frames done, frames in all)


def read(run_dir: str | os.PathLike) -> dict[str, Any]:
    """run.json of a folder. Raises RunError if there is none, or one of something else."""
    path = Path(run_dir, RECORD)
    if not os.path.lexists(path):
        raise RunError(
            f"{run_dir} is no run folder (no run.json in it);"
            " run notebook 02 with this run_dir first"
        )

    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = None

    if not isinstance(record, dict) or "inputs" not in record:
        raise RunError(f"{path} is not a run folder's; move it away or choose another run_dir")
    return record


def _record(run_dir: str | os.PathLike) -> dict[str, Any]:
    """run.json of a folder to write into, a new one if there is none. Raises RunError."""
    if not os.path.lexists(Path(run_dir, RECORD)):
        return dict(inputs={}, results={}, seconds={}, files={})

    record = read(run_dir)
    if "files" not in record:
        raise RunError(f"{run_dir} was made by an earlier version; choose another run_dir")
    return record


def _write(run_dir: str | os.PathLike, record: dict[str, Any]) -> None:
    """Write run.json, with its "files" as the folder has them: another writer may have added some."""
    record["files"] = _record(run_dir)["files"]
    _save(run_dir, record)


def _note_file(run_dir: str | os.PathLike, name: str, digest: str | None) -> None:
    record = _record(run_dir)
    record["files"][name] = digest
    _save(run_dir, record)


def _save(run_dir: str | os.PathLike, record: dict[str, Any]) -> None:
    with unfinished(run_dir, RECORD) as part:
        part.write_text(json.dumps(record, indent=2), encoding="utf-8")
        os.replace(part, Path(run_dir, RECORD))


@contextmanager
def unfinished(folder: str | os.PathLike, name: str) -> Iterator[Path]:
    """A path for a file in the making; what is still there in the end is removed."""
    part = Path(folder, UNFINISHED, name)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        with suppress(OSError):  # others are in work
            part.parent.rmdir()


@contextmanager
def writing(run_dir: str | os.PathLike, name: str) -> Iterator[Path]:
    """A path for one of ``FILES`` in the making; it takes its name in the run folder when complete.

    Raises RunError, at the start or in the end, if that would replace a file that the run did not make.
    """
    check(run_dir, name)
    with unfinished(run_dir, name) as part:
        yield part
        digest = weights.sha256(part)
        check(run_dir, name)
        _note_file(run_dir, name, None)
        os.replace(part, Path(run_dir, name))
        _note_file(run_dir, name, digest)


def check(run_dir: str | os.PathLike, *names: str) -> None:
    """Raises RunError if a file of one of these names is there that the run did not make."""
    files = _record(run_dir)["files"]
    for name in names:
        path = Path(run_dir, name)
        if not os.path.lexists(path):
            continue

        plain = path.is_file() and not path.is_symlink()
        if plain and name in files and files[name] in (None, weights.sha256(path)):
            continue

        how = ", as by Jupyter when it is open there" if name in EXECUTED else ""
        raise RunError(
            f"{path} was not made by this run (or was changed since{how});"
            " move it away or choose another run_dir"
        )


def _check_input(run_dir: str | os.PathLike, kind: str, path: str) -> None:
    """Raises RunError if an input is a file that the run would write, by whatever name or link."""
    taken = [file for file in (Path(run_dir, name) for name in (RECORD, *FILES)) if file.exists()]
    same = [file for file in taken if os.path.samefile(path, file)]
    own = Path(run_dir, UNFINISHED).resolve()
    if own in Path(path).resolve().parents:
        same.append(own)

    if same:
        raise RunError(
            f"{kind}={path} is {same[0]}, which the run writes; move it away or choose another run_dir"
        )


def inputs(p: Params) -> dict[str, str]:
    """Paths of video and audio: the parameters', else the run folder's, else the bundled sample's."""
    known = _record(p.run_dir)["inputs"]
    paths = {}
    for name, sample in SAMPLE_FILES.items():
        given = getattr(p, name)
        paths[name] = (
            os.path.abspath(os.path.expanduser(given)) if given else known.get(name, {}).get("path", str(sample))
        )
    return paths


def open_folder(p: Params) -> dict[str, Any]:
    """Check the inputs, make the run folder and its run.json; returns the record.

    Raises RunError, with nothing written, if the folder cannot be written, belongs to other inputs or
    holds files of the user under names that the run needs, or if an input is such a file itself.
    """
    described = {}
    for name, path in inputs(p).items():
        info = media.probe(path)
        facts = {k: str(v) if isinstance(v, Fraction) else v for k, v in asdict(info).items()}
        described[name] = dict(facts, bytes=os.path.getsize(path), sha256=weights.sha256(path))
    folder = Path(p.run_dir)
    record = _record(folder)
    for name, facts in record["inputs"].items():
        if facts["sha256"] != described[name]["sha256"]:
            raise RunError(
                f"run_dir={p.run_dir} belongs to another {name} ({facts['path']});"
                " choose a new one or delete it"
            )

    for name, facts in described.items():
        _check_input(folder, name, facts["path"])
    check(folder, *FILES)

    try:
        with unfinished(folder, ".writable") as probe:
            probe.touch()
    except OSError as error:
        raise RunError(
            f"run_dir={p.run_dir} cannot be written ({error.strerror}); choose another folder"
        ) from None

    record["inputs"] = described
    record["versions"] = dict(
        {name: importlib.import_module(name).__version__ for name in MODULES},
        helpers=__version__,
        python=platform.python_version(),
        ffmpeg=media.ffmpeg_exe(),
    )
    _write(folder, record)
    return record


def alignment(p: Params, net: nn.Module) -> str:
    """The mel alignment that ``auto`` stands for."""
    return p.mel_alignment if p.mel_alignment != "auto" else "inference" if isinstance(net, Wav2Lip) else "centred"


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def prepare(p: Params) -> tuple[dict[str, Any], Plan, nn.Module]:
    """Open the run folder, load the network, make the plan or take the one that is there: (record, plan, network)."""
    found = weights.locate(p.checkpoint)
    render.box_pads(p)
    record = open_folder(p)
    net = weights.load(found.path)
    if not isinstance(net, Wav2Lip | CompactWav2Lip):
        raise WeightsError(f"checkpoint={p.checkpoint}: {found.path} holds a {type(net).__name__}, no lip-sync network")
    net = net.to(choose_device(p.device))
    record["weights"] = dict(
        name=found.name, path=str(found.path), sha256=weights.sha256(found.path), licence=found.licence
    )
    facts = {f.name: getattr(p, f.name) for f in fields(p) if f.name not in (*NO_INFLUENCE, *RESTORE_ONLY)}
    hashes = {name: record["inputs"][name]["sha256"] for name in SAMPLE_FILES}
    key = _digest([facts, hashes, record["weights"]["sha256"], __version__])
    path = Path(p.run_dir, PLAN)
    if record.get("key") == key and path.exists():
        plan = plans.load(path)
    else:
        started = time.perf_counter()
        video, sound = (record["inputs"][name]["path"] for name in SAMPLE_FILES)
        ahead = own_mouths.LOOK_AHEAD if p.own_mouths and isinstance(net, CompactWav2Lip) else 0
        plan, times = plans.make(p, video, sound, alignment(p, net), ahead)
        clock = time.perf_counter()
        plan = render.look_at_mouths(render.listen(plan, net), video, net, p.own_mouths)
        times["mouths"] = time.perf_counter() - clock
        with writing(p.run_dir, PLAN) as part:
            plans.save(plan, part)
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
        raise RunError(f"{p.run_dir} has been set up but not lip-synced yet; run notebook 02 with this run_dir first")
    names = {f.name for f in fields(p)}
    earlier = Params(**{k: v for k, v in record["parameters"].items() if k in names})
    return replace(earlier, run_dir=p.run_dir, **{name: getattr(p, name) for name in RESTORE_ONLY})


def _produce(
    p: Params, record: dict, plan: Plan, net: nn.Module, name: str, progress: Progress | None
) -> dict[str, Any]:
    started = time.perf_counter()
    video, sound = (record["inputs"][kind]["path"] for kind in SAMPLE_FILES)
    restored, restorer = restoring.describe(p), restoring.make(p)
    folder = Path(p.run_dir, UNFINISHED, _digest([record["key"], restored]))
    folder.mkdir(parents=True, exist_ok=True)
    times: dict[str, float] = defaultdict(float)
    segments = list(_segments(plan.frames, p.batch_size))
    missing = [s for s in segments if not _segment_path(folder, s[0]).exists()]
    done = plan.frames - sum(b - a for a, b in missing)
    for start, stop, parts in _contiguous(missing):
        frames = render.render(plan, video, net, p, start, stop, restorer, times)
        for a, b in parts:
            clock, before = time.perf_counter(), sum(times.values())
            media.write_video(_segment_path(folder, a), itertools.islice(frames, b - a), plan.fps, p.crf)
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
    seconds = {k: round(v, 3) for k, v in times.items()} | {"all": round(time.perf_counter() - started, 3)}
    record["seconds"][name] = seconds
    record["results"][name] = result | dict(
        path=str(output.resolve()), sha256=weights.sha256(output), **restored,
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )  # fmt: skip
    _write(p.run_dir, record)
    return record


def _segments(frames: int, batch_size: int) -> Iterator[tuple[int, int]]:
    length = max(1, round(SEGMENT_FRAMES / batch_size)) * batch_size
    return ((a, min(a + length, frames)) for a in range(0, frames, length))


def _segment_path(folder: Path, start: int) -> Path:
    return folder / f"{start:06d}.mp4"


def _contiguous(segments: list[tuple[int, int]]) -> Iterator[tuple[int, int, list[tuple[int, int]]]]:
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
        raise MediaError(f"{output} came out as {found} instead of {wanted} (frames, rate, size, sound)")
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
