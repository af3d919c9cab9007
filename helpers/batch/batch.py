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

from .. import checkpoints, media, params, run
from ..errors import LipSyncError, RunError
from ..pool import LOST_WORKERS, Pool, in_turn, worker_lost
from ..run.keys import NO_INFLUENCE
from ..run.record import digest
from ..storage import is_address
from .jobs import INPUTS, Values, check_job, is_users_fault, read_jobs
from .page import write_page

TABLE = "batch.json"
TO_DO = "to do"
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
    pool: Pool = in_turn,
) -> list[Row]:
    """Run all jobs into folders below ``out``; write ``batch.json`` and ``index.html`` there.

    ``values`` are parameters of all jobs, a job's own come first. ``work`` runs one job, by default
    the library without notebooks, in the ``pool``. A row has its number, folder, state ("done",
    "same", "failed"), seconds, and the run's summary or the error. Raises InputError, RunError,
    before any run.
    """
    out = Path(out)
    given = [dict(values or {}) | job for job in read_jobs(jobs)]
    with run.locked(out):
        finished = _finished(out, resume)
        rows: list[Row] = []
        for number, job in enumerate(given, 1):
            rows.append(_look_at(number, job, rows, finished, out))

        for row in rows:
            if row["state"] in ("done", "failed"):
                print(describe(row, len(rows)), file=sys.stderr)

        _run_jobs(rows, finished, out, work or run_library, pool)
        _settle_same(rows)
        _save(out, rows)
        write_page(out, rows)

    return rows


def _run_jobs(rows: list[Row], finished: dict[str, Row], out: Path, work: Work, pool: Pool) -> None:
    """Run the rows that are still to do, and write down each when it ends."""
    todo = [row for row in rows if row["state"] == TO_DO]
    tasks = [(row["values"] | dict(run_dir=str(out / row["folder"])), work) for row in todo]
    for number, outcome in pool(_attempt, tasks):
        row = todo[number]
        try:
            row |= outcome.result()
        except Exception as error:
            row |= dict(state="failed", error=one_line(error))

        print(describe(row, len(rows)), file=sys.stderr)
        ended = [row for row in rows if row["state"] not in (TO_DO, "same")]
        names = {row.get("folder") for row in ended}
        _save(out, ended + [finished[name] for name in finished if name not in names])


def _settle_same(rows: list[Row]) -> None:
    """A job that equals another is as that one came out."""
    for row in rows:
        if row["state"] != "same":
            continue

        if rows[row["of"] - 1]["state"] == "failed":
            error = f"the same as job {row.pop('of')}, which failed"
            row |= dict(state="failed", error=error)

        print(describe(row, len(rows)), file=sys.stderr)


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


def _look_at(
    number: int, job: Values, before: list[Row], finished: dict[str, Row], out: Path
) -> Row:
    """A job's row before it is run; its state says whether it has to be."""
    row: Row = dict(row=number, values=job)
    try:
        check_job(job)
        row["folder"] = folder_name(job)
    except Exception as error:
        return row | dict(state="failed", error=one_line(error))

    folder = row["folder"]
    same = next((other for other in before if other.get("folder") == folder), None)
    if same:
        return row | dict(state="same", of=same["row"])

    if folder in finished and _is_whole(out / folder, job):
        return finished[folder] | row | dict(there=True)

    return row | dict(state=TO_DO)


def _is_whole(folder: Path, job: Values) -> bool:
    """Has a run folder its result, of the inputs as they are?"""
    try:
        record = run.read(folder)
        return bool(record["results"]) and all(
            record["inputs"][name]["sha256"] == checkpoints.sha256(media.local_path(job[name]))
            for name in INPUTS
        )
    except (LipSyncError, OSError, KeyError):
        return False


def _attempt(values: Values, work: Work) -> Row:
    """Run a job, twice if the first fault was not the user's."""
    started = time.perf_counter()
    try:
        try:
            result = work(values)
        except Exception as error:
            if is_users_fault(error):
                raise
            result = work(values)

        ended = dict(state="done", result=result)
    except Exception as error:
        ended = dict(state="failed", error=one_line(error))

    return ended | dict(seconds=round(time.perf_counter() - started, 2))


def folder_name(job: Values) -> str:
    """A name that tells the inputs and differs where anything that decides pixels does."""
    checked = asdict(params.build(**job))
    inputs = [checked[name] for name in INPUTS]
    paths = [path if is_address(path) else os.path.realpath(path) for path in inputs]
    deciding = {name: checked[name] for name in checked if name not in NO_INFLUENCE}
    key = digest([paths, deciding, checked["checkpoint"]])
    names = [Path(path).stem[:NAME_LENGTH] for path in paths]

    return "-".join([*names, key[:8]])


def one_line(error: Exception) -> str:
    """What went wrong, with the kind of error in front where it is not one for the user."""
    if worker_lost(error):
        return f"its worker ended {LOST_WORKERS + 1} times, for want of memory perhaps"

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
