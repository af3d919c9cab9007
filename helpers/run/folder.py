"""A run folder, opened: its inputs checked, its run.json begun.

plan.npz            the plan (see ``plan``)
lipsync.mp4         result of 02;  restored.mp4: result of 03
.lipsync/           all that is unfinished, and who is at work
.lipsync/KEY/       finished segments of the video in work; KEY names what they are made from
run.json            see ``record``

Paths in it are relative: the folder can be moved and copied.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2

from .. import __version__, checkpoints, media
from ..errors import RunError
from ..limits import check_file
from ..params import SAMPLE, Params
from .files import check, check_input
from .lock import locked
from .record import FILES, Record, change, stored

SAMPLE_FILES = {"video": SAMPLE / "talking.mp4", "audio": SAMPLE / "speech.flac"}
PACKAGES = ("torch", "numpy", "librosa", "onnxruntime", "imageio-ffmpeg")


def inputs(p: Params) -> dict[str, str]:
    """Paths of video and audio: given, else of the run folder, else of the bundled sample."""
    in_folder = stored(p.run_dir)["inputs"]
    paths = {}
    path: str | Path
    for name, sample in SAMPLE_FILES.items():
        given = getattr(p, name)
        if given:
            path = media.local_path(given)
        elif name in in_folder:
            path = Path(p.run_dir, in_folder[name]["path"])
        else:
            path = sample

        paths[name] = os.path.abspath(path)

    return paths


def open_folder(p: Params, save: bool = True) -> Record:
    """Check the inputs, begin the run folder; returns the record, with absolute paths.

    Without ``save`` nothing is written. Raises RunError, with nothing written, if the folder cannot
    be written, is in use, belongs to other inputs or holds files of the user under names that the
    run needs, or if an input is such a file itself.
    """
    described = {name: _describe(path, p) for name, path in inputs(p).items()}
    if not save:
        return _checked(p, described)

    with locked(p.run_dir):
        record = _checked(p, described)
        here = {name: _relative(p.run_dir, facts) for name, facts in described.items()}
        change(p.run_dir, inputs=here, versions=record["versions"])
        return record


def check_unchanged(
    record: Record, names: Sequence[str] = tuple(SAMPLE_FILES), at_a_glance: bool = False
) -> None:
    """Raises RunError if an input is no longer what the record says: its SHA-256 is compared.

    ``at_a_glance``: only if its size or time of change is another.
    """
    for name in names:
        facts = record["inputs"][name]
        path = facts["path"]
        if os.path.isfile(path):
            stat = os.stat(path)
            same = (stat.st_size, stat.st_mtime_ns) == (facts["bytes"], facts.get("mtime_ns"))
            if (at_a_glance and same) or checkpoints.sha256(path) == facts["sha256"]:
                continue

        raise RunError(
            f"{name}={path} was changed or removed since the run began;"
            " put it back, or choose a new run_dir for the new one"
        )


def _describe(path: str, p: Params) -> dict[str, Any]:
    info = media.probe(path)
    check_file(info, p.max_pixels, p.max_duration)
    values = asdict(info).items()
    facts = {name: str(v) if isinstance(v, Fraction) else v for name, v in values}
    stat = os.stat(path)
    return facts | dict(
        bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, sha256=checkpoints.sha256(path)
    )


def _checked(p: Params, described: dict[str, dict]) -> Record:
    """The record with these inputs. Raises RunError where they do not fit the folder."""
    record = stored(p.run_dir)
    for name, facts in record["inputs"].items():
        if facts["sha256"] != described[name]["sha256"]:
            raise RunError(
                f"run_dir={p.run_dir} belongs to another {name} ({facts['path']});"
                " choose a new one or delete it"
            )

    for name, facts in described.items():
        check_input(p.run_dir, name, facts["path"])

    check(p.run_dir, *FILES)
    return record | dict(inputs=described, versions=_versions())


def _relative(run_dir: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of an input whose path is relative if it lies in the folder."""
    path = Path(facts["path"])
    folder = Path(os.path.abspath(run_dir))
    return facts | dict(path=str(path.relative_to(folder))) if folder in path.parents else facts


def _versions() -> dict[str, str]:
    return dict(
        {name: metadata.version(name) for name in PACKAGES},
        opencv=cv2.__version__,
        helpers=__version__,
        python=platform.python_version(),
        ffmpeg=media.ffmpeg_exe(),
    )
