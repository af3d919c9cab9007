"""The works that are disturbed: what they do, and what they must have come to."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file
from support import FACE_BOX, made_clip, spoken_clip, tone, write_wave

from helpers import checkpoints, media
from helpers.plan.plan import load_plan
from helpers.run import produce
from helpers.run.record import digest
from helpers.training.trainer import load_checkpoint

from .child import Work, command, run

SECONDS = 0.8
COMMON = ("-p", "batch_size=8", "-p", "precision=fp32", "-p", f"box={FACE_BOX}")
PIXELS = (".mp4", ".npz", ".safetensors")  # what must be as in an undisturbed work
STAGES = {  # of an event, by what it names; the first that fits
    "plan": r"plan\.npz|f32le|volumedetect",
    "segment": r"/\d{6}\.(part\.)?mp4|rawvideo",
    "join": r"concat|list\.txt|silent",
    "finish": r"(lipsync|restored)\.(part\.)?mp4|rmtree",
    "record": r"run\.json|holder|batch\.json|index\.html",
    "training": r"\.raw|index\.(json|part)|expert|\.part",
}


@dataclass(frozen=True)
class Inputs:
    """Files that all works start from."""

    video: str
    audio: str
    clips: Path


def make_inputs(folder: Path) -> Inputs:
    """A moving test card, a tone, and two spoken clips to train on."""
    clips = folder / "clips"
    clips.mkdir()
    for number, start in enumerate((0.0, 0.7)):
        spoken_clip(clips / f"{number}.mp4", start, 1.2)

    lines = ["file,speaker,split", "0.mp4,her,train", "1.mp4,her,train"]
    (clips / "training.csv").write_text("\n".join(lines) + "\n")
    return Inputs(
        made_clip(folder / "clip.mkv", "25", SECONDS),
        write_wave(folder / "speech.wav", tone(SECONDS)),
        clips,
    )


@dataclass(frozen=True)
class Kind:
    """A work by name: how it goes on in a folder, and where the folder starts from."""

    name: str
    work: Work
    start: Callable[[], Path] | None = None

    def begin(self, out: Path) -> None:
        """Make the folder that the work goes on in."""
        shutil.rmtree(out, ignore_errors=True)
        if self.start:
            shutil.copytree(self.start(), out)


def small_segments(work: Work) -> Work:
    """The work with segments of eight frames, so that a short clip has some."""

    def do() -> int:
        produce.SEGMENT_FRAMES = 8
        return work()

    return do


def kinds(inputs: Inputs, folder: Path, out: Path) -> dict[str, Kind]:
    """run, restore, batch and train, with its preparation and without, all into ``out``."""
    given = ("run", inputs.video, inputs.audio, "--out")
    plain = ("--no-notebooks", *COMMON, "-p", "restorer=none")
    train = ("train", "expert", "--data", inputs.clips, "--steps", 4, "--every", 2, "--out")

    def base() -> Path:
        """A finished run."""
        made = folder / "base"
        if not made.exists():
            run(small_segments(command(*given, made, *plain)), folder)
        return made

    def prepared() -> Path:
        """Where a training has got its data ready."""
        made = folder / "prepared"
        if not made.exists():
            run(command(*train, folder / "trained"), folder)
            shutil.copytree(folder / "trained" / "prepared", made / "prepared")
        return made

    table = folder / "jobs.csv"
    rows = [f"{inputs.video},{inputs.audio},{crf}" for crf in (20, 30)]
    table.write_text("\n".join(["video,audio,crf", *rows]) + "\n")

    restoring = ("--no-notebooks", *COMMON, "-p", "restorer=sharpen")
    batch = ("batch", table, "--out", out, "--resume", *COMMON, "-p", "restorer=none")
    works = [
        Kind("run", command(*given, out, *plain)),
        Kind("restore", command(*given, out, *restoring), base),
        Kind("batch", command(*batch)),
        Kind("train", command(*train, out), prepared),
        Kind("prepare", command(*train, out)),
        Kind("report", command("report", out), base),
    ]
    return {kind.name: Kind(kind.name, small_segments(kind.work), kind.start) for kind in works}


def stage(event: str) -> str:
    """In which stage of a work an event lies."""
    return next((name for name, words in STAGES.items() if re.search(words, event)), "other")


def state(out: Path) -> dict[str, Any]:
    """All that has a final name in a folder, by path: hashes, or what JSON and arrays hold.

    Raises whatever their readers do if one of them is half-written.
    """
    found: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        unfinished = ".lipsync" in path.parts or ".part" in path.name
        if path.is_file() and not unfinished:
            found[name] = _content(path)
    return found


def _content(path: Path) -> Any:
    if path.suffix == ".npz":
        plan = load_plan(path)
        return checkpoints.sha256(path) if plan.frames else None

    if path.suffix == ".safetensors":  # whose header has no fixed order
        tensors = sorted(load_file(path).items())
        return digest([[name, value.tolist()] for name, value in tensors])

    if path.suffix == ".pt":
        return load_checkpoint(path)["step"]

    if path.suffix == ".json":
        json.loads(path.read_text())
        return "json"

    if path.suffix == ".jsonl":
        return [json.loads(line)["step"] for line in path.read_text().splitlines()]

    return _packets(path) if path.suffix == ".mp4" else path.suffix


def _packets(path: Path) -> str:
    """Hash of a video's encoded frames and sound: its signature tells the time."""
    copy = ("-map", "0", "-c", "copy", "-f", "streamhash", "-hash", "sha256", "-")
    command = [media.ffmpeg_exe(), "-v", "error", "-i", path, *copy]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def differences(found: dict[str, Any], whole: dict[str, Any]) -> list[str]:
    """What is there and is not as in the undisturbed work."""
    return [
        name
        for name, value in found.items()
        if name not in whole or (value != whole[name] and name.endswith(PIXELS))
    ]
