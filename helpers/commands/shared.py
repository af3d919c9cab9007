"""What the commands have in common: how they are added, types of arguments, tables."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..errors import ParameterError
from ..pool import Pool, pool
from ..timing import Progress, stage_bars, stage_lines

Commands = Any  # argparse's action that holds sub-commands; its type has no public name
Work = Callable[[argparse.Namespace], int | None]  # its exit status, None is 0


def add_command(
    commands: Commands, name: str, work: Work, help: str, example: str
) -> argparse.ArgumentParser:
    """A new sub-command; ``example`` is what may follow its name."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=f"example: %(prog)s {example}",
    )
    command.set_defaults(work=work)
    return command


def count(text: str) -> int:
    """Argument type: a whole number from 1."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def amount(text: str) -> float:
    """Argument type: a finite number over 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan

    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number over 0")
    return value


@contextmanager
def progress_bar(label: str, **bar_options: Any) -> Iterator[Callable[[int, int], None]]:
    """A callback (done, total) that draws a bar on the terminal, where there is one."""
    from tqdm import tqdm

    with tqdm(desc=label, delay=0.1, disable=None, **bar_options) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


@contextmanager
def stage_progress() -> Iterator[Progress]:
    """A callback that draws a bar a stage on the terminal, or a line now and then in a log."""
    if sys.stderr.isatty():
        with stage_bars(delay=0.1) as show:
            yield show
    else:
        yield stage_lines()


def add_workers(command: argparse.ArgumentParser) -> None:
    """Options that ``workers_of`` reads."""
    command.add_argument(
        "--workers", type=count, default=0, metavar="N", help="N processes of this machine share"
    )
    command.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="the workers of a Dask scheduler share"
    )


def workers_of(args: argparse.Namespace) -> AbstractContextManager[Pool | None]:
    return pool(args.workers, args.scheduler)


def print_json(result: Any, indent: int | None = None) -> None:
    print(json.dumps(result, indent=indent))


def print_table(rows: list[dict[str, Any]], align: Callable[[str, int], str]) -> None:
    """Rows as aligned columns; a row may lack some of them."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns] + [[str(row.get(name, "")) for name in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    for row in cells:
        print("  ".join(map(align, row, widths)).rstrip())


def read_pairs(texts: list[str]) -> dict[str, str]:
    """``["name=value", ...]`` as a dictionary. Raises ParameterError."""
    for text in texts:
        if "=" not in text:
            raise ParameterError(f"-p {text}: expected name=value")
    return dict(text.split("=", 1) for text in texts)
