"""A disk that fills up at a chosen event: one line, and the work goes on when there is room."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .child import Ended, run
from .kills import Wholes, after, goes_on
from .works import stage

SIZE = "256m"
FILLER = "filler"
CASES = [  # a work, and the stage in which the disk is full
    ("run", "segment"), ("run", "plan"), ("run", "join"), ("run", "finish"), ("run", "record"),
    ("restore", "segment"), ("batch", "record"), ("train", "training"), ("report", "other"),
]  # fmt: skip
STATUSES = (0, 2, 3)  # nothing more was to be written, or it is told


def fill_all(wholes: Wholes, rng: random.Random, count: int) -> tuple[list[str], str]:
    """``count`` full disks over ``CASES`` in turn; what went wrong."""
    if os.geteuid() or not os.path.ismount("/proc"):
        return [], "SKIPPED: a small disk can only be mounted by root"

    faults = []
    told = 0
    with small_disk() as disk:
        there = Wholes(wholes.folder, wholes.inputs, disk / "out")
        for number in range(count):
            name, chosen = CASES[number % len(CASES)]
            kind = there.kinds[name]
            events, whole = there.of(kind)
            places = [n for n, event in enumerate(events, 1) if stage(event) == chosen]
            at = rng.choice(places)

            kind.begin(there.out)
            ended = run(kind.work, there.folder, at, lambda: fill(disk))
            (disk / FILLER).unlink(missing_ok=True)
            told += ended.status != 0
            place = f"{name}, disk full at event {at} ({events[at - 1][:80]})"
            found = _told(ended) + after(ended, there, whole) + goes_on(kind, there, whole)
            faults += [f"{place}: {fault}" for fault in found]

    return faults, f"{told} told in a line, the rest had nothing more to write"


def _told(ended: Ended) -> list[str]:
    """What is wrong with how a full disk was told."""
    if ended.status == 0:
        return []

    is_told = "the disk is full" in ended.text and ended.status in STATUSES
    return [] if is_told else [f"status {ended.status}, {ended.text[-300:]!r}"]


@contextmanager
def small_disk() -> Iterator[Path]:
    """A folder that is a disk of ``SIZE``."""
    with tempfile.TemporaryDirectory(prefix="disk-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def fill(disk: Path) -> None:
    """Leave no byte free."""
    with (disk / FILLER).open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
