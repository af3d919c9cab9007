"""The notebooks over a grid of parameters, and one page that compares the results."""

from __future__ import annotations

import html
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .. import params, run
from ..errors import LipSyncError, ParameterError, RunError
from ..plan.geometry import face_rectangle
from ..plan.plan import load_plan
from . import plots, report, runner

PAGE, TABLE = "sweep.html", "sweep.json"
MARKS = {PAGE: report.GENERATOR, TABLE: '"sweep": true'}  # what a sweep's own file holds
COLUMNS = 6  # frames of each result on the contact sheet
SORT = "sync_confidence"
LOWER_IS_BETTER = (
    "flicker",
    "seam",
    "niqe",
    "identity",
    "lse_d",
    "seconds",
    "length",
)  # beginnings of measures' names


def grid(texts: list[str]) -> list[dict[str, Any]]:
    """``["output_size=480,720", "smooth=true,false"]`` -> all combinations, checked. Raises ParameterError."""
    axes = []
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise ParameterError(f"--grid {text}: expected name=value,value")
        if name in ("video", "audio", "run_dir"):
            raise ParameterError(f"--grid {text}: {name} is the same for the whole sweep")
        axes.append([(name, value) for value in values.split(",")])
    combinations = [dict(pairs) for pairs in itertools.product(*axes)]
    for combination in combinations:
        params.build(**combination)
    return combinations


def sweep(
    video: str,
    audio: str,
    out: str | os.PathLike,
    combinations: list[dict[str, Any]],
    sort: str = SORT,
) -> dict[str, Any]:
    """Run every combination into a folder of its own below ``out``; write ``sweep.html`` and ``sweep.json`` there.

    Rows hold the combination's values, its measures (of the restored video) and seconds; one that failed holds its
    error, and the others go on. Sorted by a measure, the best first. Raises the error if all failed, ParameterError if
    no result has the measure, RunError, before any run, if one of the two files is there and no sweep made it.
    """
    out = Path(out)
    _check(out)
    rows, failure = [], None
    for number, values in enumerate(combinations):
        name = "_".join(
            [f"{number:03d}", *(f"{k}-{v}".replace("/", "-") for k, v in values.items())]
        )[:80]
        try:
            runner.run_all(video, audio, str(out / name), values)
        except LipSyncError as error:
            print(f"{name}: {error}", file=sys.stderr)
            failure = error
            rows.append(dict(run=name, **values, error=str(error)))
            continue
        measured = json.loads((out / name / run.TABLE).read_text())
        last = measured["quality"][-1]
        seconds = round(sum(step["all"] for step in measured["seconds"].values()), 1)
        facts = {
            k: v
            for k, v in last.items()
            if k not in ("video", "frames_redrawn", "frames_passed_through")
        }
        rows.append(dict(run=name, **values, seconds=seconds) | facts)
    done = [row for row in rows if "error" not in row]
    if not done:
        raise failure
    if not any(sort in row for row in done):
        known = ", ".join(k for k in done[0] if isinstance(done[0][k], int | float))
        raise ParameterError(f"--sort {sort}: no result has this measure; there are {known}")
    sign = 1 if sort.startswith(LOWER_IS_BETTER) else -1
    rows.sort(key=lambda row: sign * row[sort] if row.get(sort) is not None else np.inf)
    first = ("run", *dict.fromkeys(name for values in combinations for name in values), sort)
    rows = [
        {k: row[k] for k in (*(n for n in first if n in row), *(k for k in row if k not in first))}
        for row in rows
    ]
    table = json.dumps(dict(sweep=True, sort=sort, rows=rows), indent=1)
    for name, text in {TABLE: table, PAGE: _page(out, rows, sort)}.items():
        with run.unfinished(out, name) as part:
            part.write_text(text, encoding="utf-8")
            os.replace(part, out / name)
    return dict(page=str((out / PAGE).resolve()), best=rows[0])


def _check(out: Path) -> None:
    for name, mark in MARKS.items():
        path = out / name
        if not os.path.lexists(path):
            continue

        plain = path.is_file() and not path.is_symlink()
        if not plain or mark not in path.read_text(encoding="utf-8", errors="replace"):
            raise RunError(f"{path} was not made by a sweep; move it away or choose another --out")


def _page(out: Path, rows: list[dict[str, Any]], sort: str) -> str:
    done = [row for row in rows if "error" not in row]
    links = "".join(
        f'<li><a href="{html.escape(row["run"])}/report.html">{html.escape(row["run"])}</a></li>'
        for row in done
    )
    header = f"""<h1>Parameter sweep: {len(rows)} runs, best {html.escape(sort.replace("_", " "))} first</h1>
<p class="quiet">Measures of the restored videos. {report.REDRAWN}</p>"""
    sections = f"""<section><h2>Table</h2><div class="wide">{plots.table(rows).data}</div></section>
<section><h2>The same moments of each result</h2>
<div class="wide"><img src="{_contact_sheet(out, done)}" alt="contact sheet"></div></section>
<section><h2>Reports</h2><ul>{links}</ul></section>"""
    return report.document("Parameter sweep", header, sections)


def _contact_sheet(out: Path, rows: list[dict[str, Any]]) -> str:
    """Faces at the same moments, a row a run, as a data URI."""
    pictures, titles = [], []
    for row in rows:
        folder = out / row["run"]
        plan = load_plan(folder / "plan.npz").layers[0]
        drawn = np.flatnonzero(plan.redrawn)
        if len(drawn) == 0:
            drawn = np.arange(plan.frames)
        chosen = [int(n) for n in drawn[np.linspace(0, len(drawn) - 1, COLUMNS).astype(int)]]
        for n, frame in zip(
            chosen, run.frames_of(folder / run.OUTPUTS["restored"], plan, chosen), strict=True
        ):
            x1, y1, x2, y2 = face_rectangle(plan, n) if plan.redrawn[n] else (0, 0, *plan.size)
            pictures.append(frame[y1:y2, x1:x2])
            titles.append(f"run {row['run'][:3]}, {n / float(plan.fps):.1f} s")
    return report.png(plots.strip(pictures, titles, rows=len(rows)))
