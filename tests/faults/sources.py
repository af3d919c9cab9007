"""Inputs that change under a run, and an ffmpeg that dies on the way."""

from __future__ import annotations

import os
import random
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

from helpers.media import ffmpeg

from .child import Work, run
from .kills import Wholes, after, goes_on
from .works import stage

SAID = ("belongs to another", "was changed or removed", "no such file")
CALLS = {  # words of the ffmpeg commands that die
    "a first look": "showinfo",
    "the sound": "f32le",
    "the pictures": "pipe:1",
    "the encoder": "libx264",
    "the joining": "concat",
}
PASSED = (0, 3000, 60000)  # bytes through its pipes, before it dies
DYING = """#!/bin/sh
case " $* " in
*{word}*) head -c {size} | {real} "$@" | head -c {size}; kill -9 $$;;
*) exec {real} "$@";;
esac
"""


def change_all(wholes: Wholes, rng: random.Random, count: int) -> tuple[list[str], str]:
    """Video or sound changed or deleted, before notebook 03 or while frames are rendered."""
    faults = []
    for number in range(count):
        path = Path((wholes.inputs.video, wholes.inputs.audio)[number % 2])
        kind = wholes.kinds[("run", "restore")[number // 2 % 2]]
        change = (swap, os.remove)[number // 4 % 2]
        before = kind.name == "restore" and rng.random() < 0.5
        events, whole = wholes.of(kind)
        segments = [n for n, event in enumerate(events, 1) if stage(event) == "segment"]

        kept = shutil.copy2(path, wholes.folder / "kept")
        kind.begin(wholes.out)
        if before:
            change(path)

        at = 0 if before else rng.choice(segments)
        ended = run(kind.work, wholes.folder, at, lambda c=change, p=path: c(p))
        shutil.copy2(kept, path)

        place = f"{kind.name}, {change.__name__} {path.name} at event {at}"
        if ended.status != 2 or not ended.is_one_line or not any(x in ended.text for x in SAID):
            faults.append(f"{place}: status {ended.status}, {ended.text[-300:]!r}")
        found = after(ended, wholes, whole) + goes_on(kind, wholes, whole)
        faults += [f"{place}: {fault}" for fault in found]

    return faults, "changed or deleted, before notebook 03 or between plan and result"


def swap(path: Path) -> None:
    """Put a file that can be read, but is another, in the place of a file."""
    other = path.with_name(f"other-{path.name}")
    data = path.read_bytes()
    middle = len(data) // 2
    other.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    os.replace(other, path)


def fell_all(wholes: Wholes, rng: random.Random, count: int) -> tuple[list[str], str]:
    """ffmpeg killed on its way in each of its calls in turn; what went wrong."""
    faults = []
    for number in range(count):
        name, word = list(CALLS.items())[number % len(CALLS)]
        kind = wholes.kinds[("run", "batch")[number // len(CALLS) % 2]]
        _, whole = wholes.of(kind)
        kind.begin(wholes.out)
        size = rng.choice(PASSED)
        program = wholes.folder / "ffmpeg"
        program.write_text(
            DYING.format(word=shlex.quote(word), size=size, real=ffmpeg.ffmpeg_exe())
        )
        program.chmod(0o755)
        ended = run(_by(program, kind.work), wholes.folder)

        place = f"{kind.name}, {name} dies after {size} bytes"
        in_batch = kind.name == "batch" and ended.status == 3 and "failed: " in ended.text
        if not in_batch and (ended.status not in (1, 2) or not ended.is_one_line):
            faults.append(f"{place}: status {ended.status}, {ended.text[-300:]!r}")
        found = after(ended, wholes, whole) + goes_on(kind, wholes, whole)
        faults += [f"{place}: {fault}" for fault in found]

    return faults, ", ".join(CALLS)


def _by(program: Path, work: Work) -> Work:
    """The work with another ffmpeg."""
    put: Callable[[], str] = program.as_posix

    def do() -> int:
        ffmpeg._trusted_demuxers()  # by the real one
        ffmpeg.ffmpeg_exe = put
        return work()

    return do
