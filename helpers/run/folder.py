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

import hashlib
import importlib
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from .. import __version__, checkpoints, media
from ..errors import RunError
from ..params import NOTEBOOKS, SAMPLE, TRAINING_NOTEBOOK, Params

RECORD, PLAN, COMPARISON, PAGE, TABLE = (
    "run.json", "plan.npz", "comparison.mp4", "report.html", "quality.json",
)  # fmt: skip
OUTPUTS = {"lipsync": "lipsync.mp4", "restored": "restored.mp4"}
EXECUTED = tuple(f"{notebook}.ipynb" for notebook in (*NOTEBOOKS, TRAINING_NOTEBOOK))
FILES = (PLAN, *OUTPUTS.values(), COMPARISON, PAGE, TABLE, *EXECUTED)  # beside run.json
UNFINISHED = ".lipsync"  # the run's own folder
SAMPLE_FILES = {"video": SAMPLE / "astronaut.mp4", "audio": SAMPLE / "speech.flac"}
MODULES = ("torch", "numpy", "cv2", "librosa", "onnxruntime", "imageio_ffmpeg")
# on the pixels, beyond what the hashes of inputs and weights say
NO_INFLUENCE = ("run_dir", "video", "audio", "device", "fetch", "accept_licences", "clips", "steps")


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
        digest = checkpoints.sha256(part)
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
        if plain and name in files and files[name] in (None, checkpoints.sha256(path)):
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
            os.path.abspath(media.local_path(given))
            if given
            else known.get(name, {}).get("path", str(sample))
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
        described[name] = dict(facts, bytes=os.path.getsize(path), sha256=checkpoints.sha256(path))
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


def digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
