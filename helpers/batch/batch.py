"""A batch of runs: every job a run folder, equal jobs once, a failure costs its job alone."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import checkpoints, params, run
from ..errors import RunError
from ..run.keys import NO_INFLUENCE
from ..run.record import digest
from .jobs import INPUTS, Values, check_job, is_users_fault, read_jobs
from .page import write_page

TABLE = "batch.json"
NAME_LENGTH = 40  # characters of an input's name in a run folder's

Row = dict[str, Any]
Work = Callable[[Values], dict[str, Any]]  # values of a run's parameters -> its summary


def batch(
    jobs: str | os.PathLike,
    out: str | os.PathLike,
    values: Values | None = None,
    *,
    resume: bool = False,
    work: Work | None = None,
) -> list[Row]:
    """Run all jobs into folders below ``out``; write ``batch.json`` and ``index.html`` there.

    ``values`` are parameters of all jobs, a job's own come first. ``work`` runs one job, by default
    the library without notebooks. A row has its number, folder, state ("done", "same", "failed"),
    seconds, and the run's summary or the error. Raises InputError, RunError, before any run.
    """
    out = Path(out)
    given = [dict(values or {}) | job for job in read_jobs(jobs)]
    with run.locked(out):
        finished = _finished(out, resume)
        rows: list[Row] = []
        for number, job in enumerate(given, 1):
            row = _run_job(number, job, rows, finished, out, work or run_library)
            rows.append(row)
            print(describe(row, len(given)), file=sys.stderr)
            done = {row.get("folder") for row in rows}
            _save(out, rows + [finished[name] for name in finished if name not in done])

        _save(out, rows)

        write_page(out, rows)

    return rows


def run_library(values: Values) -> dict[str, Any]:
    """One job without notebooks; the run's summary."""
    return run.summary(run.lipsync_and_restore(params.build(**values)))


def run_notebooks(values: Values) -> dict[str, Any]:
    """One job by the three notebooks; the run's summary."""
    from ..notebook import runner

    others = {name: value for name, value in values.items() if name not in (*INPUTS, "run_dir")}
    return runner.run_all(values["video"], values["audio"], values["run_dir"], others)


def _finished(out: Path, resume: bool) -> dict[str, Row]:
    """Rows of an earlier batch in the folder that are done, by run folder. Raises RunError."""
    path = out / TABLE
    if not os.path.lexists(path):
        return {}

    if not resume:
        raise RunError(f"{out} holds a batch already; go on with it by --resume, or choose another")

    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["batch"]
        return {row["folder"]: row for row in rows if row["state"] == "done"}
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(f"{path} was not made by a batch; move it away or choose another") from None


def _run_job(
    number: int, job: Values, before: list[Row], finished: dict[str, Row], out: Path, work: Work
) -> Row:
    row: Row = dict(row=number, values=job)
    try:
        check_job(job)
        folder = folder_name(job)
    except Exception as error:
        return row | dict(state="failed", error=one_line(error))

    row["folder"] = folder
    same = next((other for other in before if other.get("folder") == folder), None)
    if same and same["state"] == "failed":
        return row | dict(state="failed", error=f"the same as job {same['row']}, which failed")

    if same:
        return row | dict(state="same", of=same["row"])

    if folder in finished and _is_whole(out / folder, job):
        return finished[folder] | row | dict(there=True)

    started = time.perf_counter()
    row |= _attempt(job | dict(run_dir=str(out / folder)), work)
    return row | dict(seconds=round(time.perf_counter() - started, 2))


def _is_whole(folder: Path, job: Values) -> bool:
    """Has a run folder its result, of the inputs as they are?"""
    try:
        record = run.read(folder)
        return bool(record["results"]) and all(
            record["inputs"][name]["sha256"] == checkpoints.sha256(job[name]) for name in INPUTS
        )
    except (RunError, OSError, KeyError):
        return False


def _attempt(values: Values, work: Work) -> Row:
    """Run a job, twice if the first fault was not the user's."""
    for last in (False, True):
        try:
            return dict(state="done", result=work(values))
        except Exception as error:
            if last or is_users_fault(error):
                return dict(state="failed", error=one_line(error))

    raise AssertionError


def folder_name(job: Values) -> str:
    """A name that tells the inputs and differs where anything that decides pixels does."""
    checked = asdict(params.build(**job))
    paths = [os.path.realpath(checked[name]) for name in INPUTS]
    deciding = {name: checked[name] for name in checked if name not in NO_INFLUENCE}
    key = digest([paths, deciding, checked["checkpoint"]])
    names = [Path(path).stem[:NAME_LENGTH] for path in paths]

    return "-".join([*names, key[:8]])


def one_line(error: Exception) -> str:
    """What went wrong, with the kind of error in front where it is not one for the user."""
    text = " ".join(str(error).split())
    return text if is_users_fault(error) else f"{type(error).__name__}: {text}"


def describe(row: Row, count: int) -> str:
    """One line about a row."""
    if row["state"] == "failed":
        outcome = f"failed: {row['error']}"
    elif row["state"] == "same":
        outcome = f"the same as job {row['of']}"
    elif row.get("there"):
        outcome = f"there already -> {row['folder']}"
    else:
        outcome = f"done in {row['seconds']:g} s -> {row['folder']}"

    return f"job {row['row']} of {count}: {outcome}"


def _save(out: Path, rows: list[Row]) -> None:
    with run.unfinished(out, TABLE) as part:
        part.write_text(json.dumps(dict(batch=rows), indent=1), encoding="utf-8")
        os.replace(part, out / TABLE)
