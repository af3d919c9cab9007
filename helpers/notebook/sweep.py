"""A clip over a grid of parameters, and one page that compares the results."""

from __future__ import annotations

import difflib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from .. import params, run
from ..errors import LipSyncError, ParameterError, RunError
from ..measure.measures import HIGHER, LIKE_SOURCE, NEAR_ZERO
from ..measure.table import SOURCE
from ..params import Params
from ..plan.geometry import face_rectangle
from ..plan.plan import load_plan
from ..pool import Pool, in_turn
from . import plots, report
from .glance import spread
from .report.pictures import png
from .report.texts import REDRAWN
from .verdicts import DISTANCE, GOOD

PAGE = "sweep.html"
TABLE = "sweep.json"
MARKS = {PAGE: report.GENERATOR, TABLE: '"sweep": true'}  # what a sweep's own file holds
COLUMNS = 4  # frames of each result on the contact sheet
NAME_LENGTH = 80  # characters of a run folder's name
SORT = DISTANCE
SECONDS = "seconds"
RESULT = "result"  # the name of the video that was measured
FIXED = ("video", "audio", "run_dir")  # the same for the whole sweep
LEFT_OUT = ("video", "frames_redrawn", "frames_passed_through")

Row = dict[str, Any]


def grid(texts: list[str]) -> list[Row]:
    """``["output_size=480,720", "smooth=true,false"]`` -> all combinations, checked, each once.

    Values that hold commas have semicolons between them: ``box=0,0,90,90;10,10,80,80``. Raises
    ParameterError.
    """
    axes = [_axis(text) for text in texts]
    names = [name for name, _ in axes]
    combinations: dict[Params, Row] = {}
    for values in itertools.product(*(values for _, values in axes)):
        combination = dict(zip(names, values, strict=True))
        p = params.build(**combination)
        if p in combinations:
            print(f"the same twice in --grid, run once: {combination}", file=sys.stderr)
        combinations.setdefault(p, combination)
    return list(combinations.values())


def _axis(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise ParameterError(f"--grid {text}: expected name=value,value")
    if name in FIXED:
        raise ParameterError(f"--grid {text}: {name} is the same for the whole sweep")
    if name in params.FIELDS and _is_list(name) and ";" not in values:
        return name, [values]
    return name, values.split(";" if ";" in values else ",")


def _is_list(name: str) -> bool:
    """Does a value of this parameter hold commas?"""
    return params.FIELDS[name].metadata["read"] is params.parsing.comma_list


def sweep(
    video: str,
    audio: str,
    out: str | os.PathLike,
    combinations: list[Row],
    sort: str = SORT,
    workers: Pool | None = None,
) -> Row:
    """Run every combination into a folder of its own; write ``sweep.html`` and ``sweep.json``.

    Rows hold the combination's values, the last video's measures and the seconds that it took; one
    that failed holds its error, and the others go on. Sorted by a measure, the best first, or by a
    parameter. Raises the error if all failed; before any run ParameterError if ``sort`` is neither,
    RunError if one of the two files is there and no sweep made it.
    """
    out = Path(out)
    swept = list(dict.fromkeys(name for values in combinations for name in values))
    _check_sort(sort, swept)
    _check_files(out)

    rows = [
        dict(run=_folder_name(number, values), **values)
        for number, values in enumerate(combinations)
    ]
    tasks = [
        (video, audio, str(out / row["run"]), values)
        for row, values in zip(rows, combinations, strict=True)
    ]
    failure = None
    for number, outcome in (workers or in_turn)(_run, tasks):
        row = rows[number]
        try:
            row |= outcome.result()
        except LipSyncError as error:
            print(f"{row['run']}: {error}", file=sys.stderr)
            row["error"] = str(error)
            failure = error

    if all("error" in row for row in rows):
        raise failure or ParameterError("the grid has no combination")
    if not any(row.get(sort) is not None for row in rows):
        print(f"no result has {sort}: the rows are not sorted", file=sys.stderr)

    rows = sorted(rows, key=_order(sort, rows))
    shown = [_arranged(row, ["run", *swept, sort]) for row in rows]
    _write(out, shown, sort)
    return dict(page=str((out / PAGE).resolve()), best=shown[0])


def _check_sort(sort: str, swept: list[str]) -> None:
    names = [*GOOD, SECONDS, *swept]
    if sort in names:
        return

    near = difflib.get_close_matches(sort, names, 1, params.SIMILAR)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    raise ParameterError(f"--sort {sort} is no measure and no parameter of the grid; {hint}")


def _check_files(out: Path) -> None:
    for name, mark in MARKS.items():
        path = out / name
        if not os.path.lexists(path):
            continue

        plain = path.is_file() and not path.is_symlink()
        if not plain or mark not in path.read_text(encoding="utf-8", errors="replace"):
            raise RunError(f"{path} was not made by a sweep; move it away or choose another --out")


def _folder_name(number: int, values: Row) -> str:
    parts = [f"{name}-{value}".replace("/", "-") for name, value in values.items()]
    return "_".join([f"{number:03d}", *parts])[:NAME_LENGTH]


def _run(video: str, audio: str, folder: str, values: Row) -> Row:
    """One combination: its measures, the source's own as "source", and seconds."""
    started = time.perf_counter()
    p = params.build(**values, video=video, audio=audio, run_dir=folder)
    run.lipsync_and_restore(p)
    seconds = round(time.perf_counter() - started, 1)

    report.write(folder)
    quality = json.loads(Path(folder, run.TABLE).read_text(encoding="utf-8"))["quality"]
    figures = {name: value for name, value in quality[-1].items() if name not in LEFT_OUT}
    source = quality[0] if quality[0]["video"] == SOURCE else {}
    return {SECONDS: seconds, RESULT: quality[-1]["video"]} | figures | {SOURCE: source}


def _order(sort: str, rows: list[Row]) -> Callable[[Row], tuple]:
    """A key of rows: the best first, those without the measure last."""
    values = [row[sort] for row in rows if row.get(sort) is not None]
    numeric = all(_number(value) is not None for value in values)

    def key(row: Row) -> tuple:
        value = row.get(sort)
        if value is None or "error" in row:
            return 1, 0
        if not numeric:
            return 0, str(value)
        return 0, _badness(sort, float(value), row)

    return key


def _badness(sort: str, value: float, row: Row) -> float:
    """A number that is less for a better row; of a parameter the value itself."""
    good = GOOD.get(sort)
    if good == HIGHER:
        return -value
    if good == NEAR_ZERO:
        return abs(value)
    if good == LIKE_SOURCE:
        return abs(value - row[SOURCE].get(sort, value))
    return value


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _arranged(row: Row, first: list[str]) -> Row:
    names = dict.fromkeys([*first, *row])
    names.pop(SOURCE, None)
    return {name: row[name] for name in names if name in row}


def _write(out: Path, rows: list[Row], sort: str) -> None:
    table = json.dumps(dict(sweep=True, sort=sort, rows=rows), indent=1)
    page = report.render(
        "sweep.html",
        title="Parameter sweep",
        rows=rows,
        sort=sort,
        caution=REDRAWN,
        table=Markup(plots.table([_for_people(row) for row in rows]).data),
        sheet=_contact_sheet(out, [row for row in rows if "error" not in row]),
    )

    for name, text in {TABLE: table, PAGE: page}.items():
        with run.unfinished(out, name) as part:
            part.write_text(text, encoding="utf-8")
            os.replace(part, out / name)


def _for_people(row: Row) -> Row:
    return {name.replace("_", " "): value for name, value in row.items() if name != "error"}


def _contact_sheet(out: Path, rows: list[Row]) -> str:
    """Faces at the same moments, a row a run, as a data URI."""
    pictures = []
    titles = []
    for row in rows:
        folder = out / row["run"]
        plan = load_plan(folder / run.PLAN).layers[0]
        drawn = np.flatnonzero(plan.redrawn)
        if not len(drawn):
            drawn = np.arange(plan.frames)

        chosen = spread(drawn, COLUMNS)

        frames = run.frames_of(folder / run.OUTPUTS[row[RESULT]], plan, chosen)
        for n, frame in zip(chosen, frames, strict=True):
            whole = (0, 0, *plan.size)
            x1, y1, x2, y2 = face_rectangle(plan, n) if plan.redrawn[n] else whole
            pictures.append(frame[y1:y2, x1:x2])
            titles.append(f"run {row['run'][:3]}, {n / float(plan.fps):.1f} s")
    return png(plots.strip(pictures, titles, rows=len(rows)))
