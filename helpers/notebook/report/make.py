"""Write ``report.html`` and ``quality.json`` into a run folder; the run stays as it is."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from ... import checkpoints, params, run
from ...checkpoints import Found
from ...engines.load import load_engine
from ...errors import RunError
from ...measure.table import measure_run, read_fresh, read_plan
from ...params import Params
from ..verdicts import quality_rows
from .page import render
from .pictures import draw_pictures, show_videos
from .texts import SECTIONS, caution, facts, origin

Record = dict[str, Any]
Rows = list[dict[str, Any]]

COMPARED = ("parameters", "results", "seconds", "versions")  # of run.json, for machines


def write(run_dir: str | os.PathLike, rows: Rows | None = None) -> Path:
    """Write ``report.html`` and ``quality.json`` into a run folder; the page's path.

    ``rows`` is what ``measure_run`` returned for this folder (measured here if None). Raises
    RunError if the folder has no finished video that is up to date, if the weights are no longer
    those of the run, or if a file of the user has one of the two names; InputError if the source
    clip is gone.
    """
    folder = Path(run_dir)
    record = read_fresh(folder)
    run.check(folder, run.PAGE, run.TABLE)
    found = _weights(record, folder)

    p = _parameters(record)
    plan = read_plan(folder)
    if rows is None:
        rows = measure_run(folder)

    pictures = draw_pictures(folder, record, plan, load_engine(found, p))

    video, audio = (os.path.basename(record["inputs"][kind]["path"]) for kind in ("video", "audio"))
    page = render(
        "page.html",
        title=f"Lip-sync report: {video}, {audio}",
        video=video,
        audio=audio,
        made=max(result["made"] for result in record["results"].values()),
        caution=caution(plan),
        sections=SECTIONS,
        pictures=pictures,
        videos=show_videos(folder, record, pictures),
        facts=facts(record, plan, p),
        quality=quality_rows(rows),
        origin=origin(record),
    )

    table = json.dumps(_for_machines(record, rows), indent=2, allow_nan=False)
    for name, text in {run.TABLE: table, run.PAGE: page}.items():
        with run.writing(folder, name) as part:
            part.write_text(text, encoding="utf-8")
    return folder / run.PAGE


def _weights(record: Record, folder: Path) -> Found:
    """The run's weights. Raises RunError if the file is another one by now."""
    used = record["weights"]
    found = checkpoints.locate(used["path"])
    if checkpoints.sha256(found.path) != used["sha256"]:
        raise RunError(
            f"{found.path} has changed since {folder} was made;"
            " run notebook 02 with this run_dir again"
        )
    return found


def _parameters(record: Record) -> Params:
    values = record["parameters"].items()
    return params.build(**{name: value for name, value in values if name in params.FIELDS})


def _for_machines(record: Record, rows: Rows) -> Record:
    """quality.json: the rows with all that is needed to compare them with those of other runs.

    JSON knows no infinity (PSNR of equal pictures): it becomes null.
    """
    inputs = {
        name: dict(
            file=os.path.basename(described["path"]),
            bytes=described["bytes"],
            sha256=described["sha256"],
        )
        for name, described in record["inputs"].items()
    }

    plan = {name: value for name, value in record["plan"].items() if name != "states"}
    weights = {name: record["weights"][name] for name in ("name", "sha256", "licence")}
    return dict(
        quality=[{name: _finite(value) for name, value in row.items()} for row in rows],
        inputs=inputs,
        plan=plan,
        weights=weights,
        **{name: record[name] for name in COMPARED},
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
