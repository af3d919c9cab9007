"""Commands about runs: run, sweep, evaluate, judge, report, bench, params."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from ..errors import ParameterError
from ..params import build, parameters_page
from ..storage import mirrored
from .shared import (
    Commands,
    add_command,
    add_workers,
    amount,
    count,
    print_json,
    print_table,
    read_pairs,
    stage_progress,
    workers_of,
)

VIDEO = "video or picture of a talking person"
AUDIO = "sound or video with the speech"
RUN_DIR = "folder of a finished run"


def add_run(commands: Commands) -> None:
    command = add_command(
        commands,
        "run",
        run,
        "execute the three notebooks on a clip and a recording",
        "clip.mp4 speech.wav --out runs/mine -p output_size=720 -p restorer=none",
    )
    command.add_argument("video", help=VIDEO)
    command.add_argument("audio", help=AUDIO)
    command.add_argument(
        "--out", required=True, metavar="RUN_DIR", help="folder that receives everything"
    )
    command.add_argument(
        "-p",
        action="append",
        default=[],
        metavar="name=value",
        help="a parameter, as often as needed; 'params' lists them with their defaults",
    )
    command.add_argument(
        "--no-notebooks", action="store_true", help="only the videos: faster, without the lessons"
    )
    add_workers(command)


def run(args: argparse.Namespace) -> None:
    values = read_pairs(args.p)
    build(**values)  # a wrong one is refused before the slow imports

    with mirrored(args.out) as folder:
        summary = run_in(folder, args, values)

    print(json.dumps(summary).replace(folder, args.out))


def run_in(folder: str, args: argparse.Namespace, values: dict[str, str]) -> dict[str, Any]:
    """The run, in a folder of this machine; its summary.

    Notebooks have no workers: these make the videos first, which the notebooks then find.
    """
    given = dict(video=args.video, audio=args.audio, run_dir=folder)
    summary: dict[str, Any] = {}
    if args.no_notebooks or args.workers or args.scheduler:
        from .. import run

        with workers_of(args) as workers, stage_progress() as show:
            record = run.lipsync_and_restore(build(**(values | given)), show, workers)
            summary = run.summary(record)

    if not args.no_notebooks:
        from ..notebook import runner

        summary = runner.run_all(args.video, args.audio, folder, values)

    return summary


def add_sweep(commands: Commands) -> None:
    command = add_command(
        commands,
        "sweep",
        sweep,
        "run a clip over a grid of parameters, and compare",
        "clip.mp4 speech.wav --grid output_size=480,720 smooth=true,false --out runs/grid",
    )
    command.add_argument("video", help=VIDEO)
    command.add_argument("audio", help=AUDIO)
    command.add_argument(
        "--grid", nargs="+", required=True, metavar="name=value,value", help="axes of the grid"
    )
    command.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the run folders and the page"
    )
    command.add_argument(
        "--sort",
        default="distance",
        metavar="MEASURE",
        help="column that decides the order (default: %(default)s)",
    )
    add_workers(command)


def sweep(args: argparse.Namespace) -> None:
    from ..notebook import sweep

    combinations = sweep.grid(args.grid)
    with workers_of(args) as workers:
        result = sweep.sweep(args.video, args.audio, args.out, combinations, args.sort, workers)
    print_json(result)


def add_evaluate(commands: Commands) -> None:
    command = add_command(
        commands,
        "evaluate",
        evaluate,
        "print the quality table of a run folder, or of a compact network on clips",
        "runs/mine",
    )
    command.add_argument("run_dir", nargs="?", metavar="RUN_DIR", help=RUN_DIR)
    command.add_argument("--model", help="compact network to measure: compact, or a path")
    command.add_argument(
        "--clips", help="folder of clips of one talking person each, with their own sound"
    )
    command.add_argument(
        "--passes",
        type=count,
        default=3,
        help="times the network goes over a face (default: %(default)s)",
    )
    command.add_argument("--json", action="store_true", help="print JSON in place of a table")


def evaluate(args: argparse.Namespace) -> None:
    of_model = bool(args.model)
    if of_model == bool(args.run_dir) or of_model != bool(args.clips):
        raise ParameterError("give either a RUN_DIR, or --model NAME and --clips FOLDER")

    result: Any
    if of_model:
        from ..training.evaluate import evaluate as evaluate_model, table

        result = evaluate_model(args.model, args.clips, args.passes)
        rows = table(result)
    else:
        from ..measure.table import measure_run

        result = measure_run(args.run_dir)
        rows = result

    if args.json:
        print_json(result)
    else:
        print_table(rows, str.rjust)


def add_judge(commands: Commands) -> None:
    command = add_command(
        commands,
        "judge",
        judge,
        "compare mouth openings of run folders with the true ones, by MediaPipe (make judge)",
        "runs/one runs/two --json",
    )
    command.add_argument("run_dirs", nargs="+", metavar="RUN_DIR", help=RUN_DIR)
    command.add_argument("--json", action="store_true", help="print JSON in place of a table")


def judge(args: argparse.Namespace) -> None:
    from ..measure.openings import judge_run, with_means

    rows = with_means([row for run_dir in args.run_dirs for row in judge_run(run_dir)])
    if args.json:
        print_json(rows)
    else:
        print_table(rows, str.rjust)


def add_report(commands: Commands) -> None:
    command = add_command(
        commands,
        "report",
        report,
        "write report.html and quality.json into a run folder",
        "runs/mine",
    )
    command.add_argument("run_dir", metavar="RUN_DIR", help=RUN_DIR)


def report(args: argparse.Namespace) -> None:
    from ..notebook import report

    page = report.write(args.run_dir)
    print_json(dict(report=str(page.resolve())))


def add_bench(commands: Commands) -> None:
    command = add_command(
        commands,
        "bench",
        bench,
        "print times of all stages, frames a second and peak memory, as JSON",
        "--seconds 10 60 600 --picture bench.png",
    )
    command.add_argument(
        "--video", default="", help="clip to measure on (default: the sample at 720p)"
    )
    command.add_argument(
        "--audio", default="", help="speech, repeated as needed (default: the sample's)"
    )
    command.add_argument(
        "--seconds",
        type=amount,
        nargs="+",
        default=[10.0, 60.0],
        help="lengths of the whole runs (default: 10 60)",
    )
    command.add_argument(
        "--restorers",
        action="store_true",
        help="also the restorers, GFPGAN with random weights (slow)",
    )
    command.add_argument(
        "--picture", metavar="FILE", help="draw the figures, too: a new .png, .svg or .pdf"
    )
    command.add_argument(
        "--upstream",
        default="",
        metavar="FOLDER",
        help="a checkout of Wav2Lip, whose inference.py is run in turn with ours",
    )


def bench(args: argparse.Namespace) -> None:
    if args.picture:
        check_picture(args.picture)

    from ..measure.bench import bench

    result = bench(
        args.video,
        args.audio,
        tuple(args.seconds),
        slow=args.restorers,
        upstream=args.upstream,
    )
    print_json(result, indent=1)
    if args.picture:
        from ..notebook.plots import bench_figure

        bench_figure(result).savefig(args.picture, facecolor="white")


def check_picture(path: str) -> None:
    """Raises ParameterError for a file that is there, or of a kind that cannot be drawn."""
    if os.path.lexists(path):
        raise ParameterError(f"--picture {path} is there already; give another name")
    if not path.lower().endswith((".png", ".svg", ".pdf")):
        raise ParameterError(f"--picture {path}: the name must end in .png, .svg or .pdf")


def add_params(commands: Commands) -> None:
    add_command(commands, "params", params, "print the table of all parameters", "")


def params(args: argparse.Namespace) -> None:
    print(parameters_page(), end="")
