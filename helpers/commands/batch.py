"""The command batch."""

from __future__ import annotations

import argparse
import sys

from ..params import build
from ..pool import in_turn
from .shared import Commands, add_command, add_workers, print_json, read_pairs, workers_of

SOME_FAILED = 3  # exit status


def add_batch(commands: Commands) -> None:
    command = add_command(
        commands,
        "batch",
        run_batch,
        "run many clips: a table whose columns are parameters, or a folder of pairs",
        "jobs.csv --out runs/night --resume",
    )
    command.add_argument(
        "jobs", help="CSV, JSON lines, or a folder of videos beside sounds of the same name"
    )
    command.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the run folders and the page"
    )
    command.add_argument("--resume", action="store_true", help="skip what is finished in DIR")
    command.add_argument(
        "--notebooks", action="store_true", help="execute the three notebooks for each job"
    )
    command.add_argument(
        "-p", action="append", default=[], metavar="name=value", help="a parameter of all jobs"
    )
    add_workers(command)


def run_batch(args: argparse.Namespace) -> int:
    values = read_pairs(args.p)
    build(**values)

    from ..batch.batch import batch, run_library, run_notebooks
    from ..batch.page import PAGE

    work = run_notebooks if args.notebooks else run_library
    with workers_of(args) as workers:
        pool = workers or in_turn
        rows = batch(args.jobs, args.out, values, resume=args.resume, work=work, pool=pool)

    states = [row["state"] for row in rows]
    counts = {state: states.count(state) for state in ("done", "same", "failed")}
    print_json(counts | dict(page=f"{args.out}/{PAGE}"))
    if not counts["failed"]:
        return 0

    print(f"{counts['failed']} of {len(rows)} jobs failed", file=sys.stderr)
    return SOME_FAILED
