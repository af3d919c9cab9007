"""The command line. Commands stand in ``commands/``; slow imports wait for a command's work."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import __version__
from .commands import batch, runs, train, verify, weights
from .errors import LipSyncError, disk_full_told

STOPPED = 130  # exit status after Ctrl+C, as shells have it
STOPPED_LINE = "stopped; the same command goes on from what is finished"
TERMINATED = 143  # after SIGTERM


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status. A user's error is one line on stderr."""
    args = make_parser().parse_args(argv)

    came: list[int] = []
    try:
        with _stopped_by_sigterm(came), disk_full_told(_written(args)):
            return args.work(args) or 0
    except LipSyncError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt as error:
        print(str(error) or STOPPED_LINE, file=sys.stderr)
        return TERMINATED if came else STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _written(args: argparse.Namespace) -> str:
    """The folder that a command writes to."""
    values = vars(args)
    return values.get("out") or values.get("run_dir") or "."


@contextmanager
def _stopped_by_sigterm(came: list[int]) -> Iterator[None]:
    """SIGTERM does meanwhile what Ctrl+C does, and is noted, so that all is tidied up."""

    def stop(number: int, frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; what it returns has ``work``, the command's function."""
    as_module = Path(sys.argv[0]).name == "__main__.py"
    parser = argparse.ArgumentParser(
        prog="python -m helpers" if as_module else "lipsync",
        description="Lip-sync a video to a speech recording.",
    )
    parser.add_argument("--version", action="version", version=__version__)

    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    runs.add_run(commands)
    batch.add_batch(commands)
    runs.add_sweep(commands)
    runs.add_evaluate(commands)
    runs.add_judge(commands)
    runs.add_report(commands)
    verify.add_verify(commands)
    runs.add_bench(commands)
    runs.add_params(commands)
    weights.add_weights(commands)
    train.add_train(commands)
    return parser
