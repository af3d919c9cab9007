"""run.json: all that is known of a run, and the names of the files beside it.

inputs      path, SHA-256 and facts of video and audio; a path inside the folder is relative to it
parameters  of the plan that is there
weights     name, licence and SHA-256
plan        frames, rate, size, what happens to each frame; ``key``: what the plan was made from
render_key  what a result is made from, its restorer aside
results     by name: facts of the finished videos, with the keys of what they were made from
seconds     by step and stage
files       SHA-256 of each file that the run made, null while it takes its name

A result whose ``render_key`` is not the record's was made from another plan or with other
parameters: it is stale, and nothing is measured on it or shown from it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..params import NOTEBOOKS, TRAINING_NOTEBOOK

Record = dict[str, Any]

RECORD = "run.json"
PLAN = "plan.npz"
OUTPUTS = {"lipsync": "lipsync.mp4", "restored": "restored.mp4"}
MARKS = {file: f"{file}.json" for file in OUTPUTS.values()}  # what is told beside each
COMPARISON = "comparison.mp4"
PAGE = "report.html"
TABLE = "quality.json"
EXECUTED = tuple(f"{notebook}.ipynb" for notebook in (*NOTEBOOKS, TRAINING_NOTEBOOK))
FILES = (  # beside run.json
    PLAN,
    *OUTPUTS.values(),
    *MARKS.values(),
    COMPARISON,
    PAGE,
    TABLE,
    *EXECUTED,
)
UNFINISHED = ".lipsync"  # the run's own folder
PARTS = ("inputs", "results", "seconds", "files")


def read(run_dir: str | os.PathLike) -> Record:
    """run.json of a folder, with absolute paths.

    "results" holds those that belong to the plan that is there, each with its "path"; "stale" names
    the others. Raises RunError if there is no run.json, or one of something else.
    """
    path = Path(run_dir, RECORD)
    if not os.path.lexists(path):
        raise RunError(
            f"{run_dir} is no run folder (no run.json in it);"
            " run notebook 02 with this run_dir first"
        )

    record = stored(run_dir)

    for facts in record["inputs"].values():
        facts["path"] = os.path.abspath(Path(run_dir, facts["path"]))

    results = {
        name: facts | dict(path=os.path.abspath(Path(run_dir, OUTPUTS[name])))
        for name, facts in record["results"].items()
        if Path(run_dir, OUTPUTS[name]).exists()
    }
    fresh = {
        name: facts
        for name, facts in results.items()
        if facts["render_key"] == record["render_key"]
    }

    record["results"] = fresh
    record["stale"] = sorted(results.keys() - fresh.keys())
    return record


def stored(run_dir: str | os.PathLike) -> Record:
    """run.json as it stands in the file, an empty one if there is none. Raises RunError."""
    path = Path(run_dir, RECORD)
    if not os.path.lexists(path):
        return dict(inputs={}, results={}, seconds={}, files={}, render_key=None)

    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = None

    if not isinstance(record, dict) or "inputs" not in record:
        raise RunError(f"{path} is not a run folder's; move it away or choose another run_dir")

    if "render_key" not in record:
        raise RunError(f"{run_dir} was made by an earlier version; choose another run_dir")

    if not _is_whole(record):
        raise RunError(f"{path} is damaged; move it away or choose another run_dir")

    return record


def _is_whole(record: Record) -> bool:
    """Does a record have the parts that are read from it, in their shape?"""
    if not all(isinstance(record.get(name), dict) for name in PARTS):
        return False

    inputs = all(_has(facts, "path", "sha256") for facts in record["inputs"].values())
    results = all(
        name in OUTPUTS and _has(facts, "render_key") for name, facts in record["results"].items()
    )
    return inputs and results


def _has(facts: Any, *names: str) -> bool:
    return isinstance(facts, dict) and all(isinstance(facts.get(name), str) for name in names)


def change(run_dir: str | os.PathLike, **values: Any) -> None:
    """Set entries of run.json; the others stay as they are in the file."""
    record = stored(run_dir) | values
    with unfinished(run_dir, RECORD) as part:
        part.write_text(json.dumps(record, indent=2), encoding="utf-8")
        os.replace(part, Path(run_dir, RECORD))


def refuse_links(folder: str | os.PathLike) -> None:
    """Raises RunError if a link in the run's own folder would lead its writing elsewhere."""
    own = Path(folder, UNFINISHED)
    links = [path for path in (own, *own.rglob("*")) if path.is_symlink()]
    if links:
        raise RunError(f"{links[0]} is a link, which no run makes; remove it")


@contextmanager
def unfinished(folder: str | os.PathLike, name: str) -> Iterator[Path]:
    """A path for a file in the making; what is still there in the end is removed.

    Raises RunError if it would lie elsewhere.
    """
    refuse_links(folder)
    part = Path(folder, UNFINISHED, name)
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        with suppress(OSError):  # others are in work
            part.parent.rmdir()


def digest(facts: Any) -> str:
    """A short name for facts that JSON can hold."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
