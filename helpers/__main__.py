"""The command line: ``python -m helpers run | sweep | evaluate | report | bench | weights | train | params``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import LipSyncError, ParameterError, WeightsError
from .params import TRAINING_PARTS


def _pairs(texts: list[str]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise ParameterError(f"-p {text}: expected name=value")
    return dict(text.split("=", 1) for text in texts)


def _run(args: argparse.Namespace) -> None:
    from .notebook import runner

    result = runner.run_all(args.video, args.audio, args.out, _pairs(args.p))
    print(json.dumps(result))


def _evaluate(args: argparse.Namespace) -> None:
    if bool(args.run_dir) == bool(args.model) or bool(args.model) != bool(args.clips):
        raise ParameterError("give either a RUN_DIR, or --model NAME and --clips FOLDER")
    if args.model:
        from .measure.table import measure_run
        from .training import evaluation

        result = evaluation.evaluate(args.model, args.clips, args.passes)
        rows = evaluation.table(result)
    else:
        result = rows = measure_run(args.run_dir)
    if args.json:
        print(json.dumps(result))
    else:
        _print_table(rows, str.rjust)


def _print_table(rows: list[dict[str, Any]], align: Callable[[str, int], str]) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns] + [[str(row.get(c, "")) for c in columns] for row in rows]
    widths = [max(len(r[i]) for r in cells) for i in range(len(columns))]
    for row in cells:
        print(
            "  ".join(align(text, width) for text, width in zip(row, widths, strict=True)).rstrip()
        )


def _report(args: argparse.Namespace) -> None:
    from .notebook import report

    print(json.dumps(dict(report=str(report.write(args.run_dir).resolve()))))


def _train(args: argparse.Namespace) -> None:
    from .training import checkpoint, data, generator, restorer, sync_expert

    if not 0.1 <= args.width <= 4:
        raise ParameterError(
            f"--width {args.width:g} is outside 0.1 to 4; 1 is the bundled generator's"
        )
    if not 0 < args.new_weights <= 1:
        raise ParameterError(
            f"--new-weights {args.new_weights:g} is outside 0 to 1; 1 leaves nothing of --start"
        )
    if not args.start and (args.new_weights < 1 or "encoders" in args.without):
        raise ParameterError(
            "--new-weights and --without encoders keep something of other weights; give these as --start"
        )
    out = Path(args.out)
    prepared = out / "prepared"
    start = Path(args.start) if args.start else None
    expert = Path(args.expert) if args.expert else None
    checkpoint.weights_path(out, args.what, start, expert)
    if args.what == "restorer":
        restorer.collect(Path(args.data), out / "faces")
        path = restorer.train(out / "faces", out, args.steps, args.minutes, args.every, start)
        print(json.dumps(dict(weights=str(path))))
        return
    data.prepare(args.data, prepared)
    if args.what == "expert":
        path = sync_expert.train(prepared, out, args.steps, args.minutes, args.every, start)
    else:
        expert = expert or out / checkpoint.WEIGHTS["expert"]
        how = dict(width=args.width, without=args.without, new_weights=args.new_weights)
        path = generator.train(
            prepared, expert, out, args.steps, args.minutes, args.every, start, **how
        )
    print(json.dumps(dict(weights=str(path))))


def _list_weights(args: argparse.Namespace) -> None:
    from . import checkpoints

    rows = []
    for name, entry in checkpoints.entries().items():
        path, fault = checkpoints.path_of(name), checkpoints.fault(name)
        size = entry.get("bytes") or (path.stat().st_size if path.is_file() else 0)
        state = {"": "yes", "not here": "no"}.get(fault, "damaged")
        rows.append(
            dict(name=name, job=entry["job"], file=entry["file"], MB=round(size / 1e6, 1), here=state,
                 licence=entry["licence"])
        )  # fmt: skip
    _print_table(rows, str.ljust)


def _fetch_weights(args: argparse.Namespace) -> None:
    from tqdm import tqdm

    from . import checkpoints

    for name in args.name:
        accept, entry = args.yes, checkpoints.entry_of(name)
        if (accept or sys.stdin.isatty()) and "urls" in entry and checkpoints.fault(name):
            print(f"{name}: licence: {entry['licence']}", file=sys.stderr)
            if not accept:
                print("Do you accept it? [y/N] ", end="", file=sys.stderr, flush=True)
                accept = sys.stdin.readline().strip().lower() in ("y", "yes")
        with tqdm(desc=name, unit="B", unit_scale=True, delay=0.1, disable=None) as bar:

            def show(done: int, total: int, bar: tqdm = bar) -> None:
                bar.total = total
                bar.update(done - bar.n)

            path = checkpoints.fetch(name, accept, progress=show)
        print(path)


def _verify_weights(args: argparse.Namespace) -> None:
    from . import checkpoints

    faults = {
        name: checkpoints.fault(name)
        for name in ([args.name] if args.name else checkpoints.entries())
    }
    if not args.name:
        faults = {name: fault for name, fault in faults.items() if fault != "not here"}
    for name, fault in faults.items():
        print(f"{name}: {checkpoints.path_of(name)}: {fault or 'right'}")
    wrong = [name for name, fault in faults.items() if fault]
    if wrong:
        ways = ", ".join(checkpoints.way_to_get(name) for name in wrong)
        raise WeightsError(
            f"{len(wrong)} of {len(faults)} files missing or damaged; get them by: {ways}"
        )


def _sweep(args: argparse.Namespace) -> None:
    from .notebook import sweep

    print(
        json.dumps(sweep.sweep(args.video, args.audio, args.out, sweep.grid(args.grid), args.sort))
    )


def _bench(args: argparse.Namespace) -> None:
    from .measure.bench import bench

    print(json.dumps(bench(args.video, args.audio, tuple(args.seconds), args.restorers), indent=1))


def _params(args: argparse.Namespace) -> None:
    from .params import markdown_table

    print(markdown_table())


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m helpers", description="Lip-sync a video to a speech recording."
    )
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="execute the three notebooks on a clip and a recording")
    run.add_argument("video", help="video or picture of a talking person")
    run.add_argument("audio", help="sound or video with the speech")
    run.add_argument(
        "--out", required=True, metavar="RUN_DIR", help="folder that receives everything"
    )
    run.add_argument(
        "-p", action="append", default=[], metavar="name=value", help="a parameter (see 'params')"
    )
    run.set_defaults(work=_run)
    sweep = commands.add_parser(
        "sweep", help="execute the notebooks over a grid of parameters, and compare"
    )
    sweep.add_argument("video")
    sweep.add_argument("audio")
    sweep.add_argument(
        "--grid", nargs="+", required=True, metavar="name=value,value", help="axes of the grid"
    )
    sweep.add_argument(
        "--out", required=True, metavar="DIR", help="folder of the run folders and the page"
    )
    sweep.add_argument(
        "--sort", default="sync_confidence", metavar="MEASURE", help="column that decides the order"
    )
    sweep.set_defaults(work=_sweep)
    evaluate = commands.add_parser(
        "evaluate", help="quality table of a run folder, or of a compact network on clips"
    )
    evaluate.add_argument("run_dir", nargs="?")
    evaluate.add_argument("--model", help="compact network to measure: compact, or a path")
    evaluate.add_argument(
        "--clips", help="folder of clips of one talking person each, with their own sound"
    )
    evaluate.add_argument(
        "--passes", type=int, default=3, help="times the network goes over a face"
    )
    evaluate.add_argument("--json", action="store_true", help="print JSON in place of a table")
    evaluate.set_defaults(work=_evaluate)
    report = commands.add_parser(
        "report", help="write report.html and quality.json into a run folder"
    )
    report.add_argument("run_dir")
    report.set_defaults(work=_report)
    train = commands.add_parser(
        "train",
        help="train the sync expert, the lip-sync generator or the restorer on a folder of clips",
    )
    train.add_argument("what", choices=("expert", "generator", "restorer"))
    train.add_argument(
        "--data",
        required=True,
        help="folder of clips, with a training.csv (file,speaker,split) or without",
    )
    train.add_argument(
        "--out", required=True, help="folder for prepared data, checkpoints, logs and weights"
    )
    train.add_argument("--steps", type=int, default=20000)
    train.add_argument(
        "--minutes",
        type=float,
        help="end by the clock, with the learning rate's schedule fitted to it",
    )
    train.add_argument(
        "--every", type=int, default=500, help="steps between validations and checkpoints"
    )
    train.add_argument(
        "--expert", help="weights of a trained expert (generator only; default: that in --out)"
    )
    train.add_argument(
        "--start", help="weights to go on from (a generator with a fifth of the learning rate)"
    )
    train.add_argument(
        "--width", type=float, default=1.0, help="of a new generator (1: the bundled one's)"
    )
    train.add_argument(
        "--without",
        nargs="+",
        default=(),
        choices=TRAINING_PARTS,
        help="train the generator without some of its parts",
    )
    train.add_argument(
        "--new-weights",
        type=float,
        default=1.0,
        help="their share in the generator, the rest being those of --start",
    )
    train.set_defaults(work=_train)
    known = commands.add_parser(
        "weights", help="what weights are known and here; download them; check them"
    )
    actions = known.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="table of all known weights").set_defaults(work=_list_weights)
    fetching = actions.add_parser("fetch", help="download weights into weights/")
    fetching.add_argument("name", nargs="+", help="a name from 'weights list'")
    fetching.add_argument(
        "--yes", action="store_true", help="accept the licence without being asked"
    )
    fetching.set_defaults(work=_fetch_weights)
    verify = actions.add_parser("verify", help="size and SHA-256 of what is here")
    verify.add_argument("name", nargs="?", help="one of them only")
    verify.set_defaults(work=_verify_weights)
    speed = commands.add_parser(
        "bench", help="times of all stages, frames a second, peak memory, as JSON"
    )
    speed.add_argument(
        "--video", default="", help="clip to measure on (default: the sample at 720p)"
    )
    speed.add_argument(
        "--audio", default="", help="speech, repeated as needed (default: the sample's)"
    )
    speed.add_argument(
        "--seconds", type=float, nargs="+", default=[10.0, 60.0], help="lengths of the whole runs"
    )
    speed.add_argument(
        "--restorers",
        action="store_true",
        help="also the restorers, GFPGAN with random weights (slow)",
    )
    speed.set_defaults(work=_bench)
    listing = commands.add_parser("params", help="table of all parameters")
    listing.set_defaults(work=_params)
    return top


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        args.work(args)
        return 0
    except LipSyncError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
