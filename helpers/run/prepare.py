"""What a step of a run starts from: its record, its plan, its engine."""

from __future__ import annotations

import itertools
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .. import checkpoints
from ..checkpoints import Found
from ..engines.base import Engine
from ..engines.load import load_engine
from ..errors import RunError
from ..params import FIELDS, Params, build
from ..plan.make import make_plan
from ..plan.plan import Plan, load_plan, save_plan
from ..timing import Progress, silent
from .files import writing
from .folder import open_folder
from .keys import RESTORE_ONLY, plan_key, render_key
from .lock import locked
from .record import PLAN, Record, change, read


def prepare(
    p: Params, save: bool = True, progress: Progress = silent
) -> tuple[Record, Plan, Engine]:
    """Open the run folder, load the engine, make the plan or take the one that is there.

    Without ``save`` nothing is written: the run stays as it is. Raises LipSyncError.
    """
    found = checkpoints.locate(p.checkpoint)
    with locked(p.run_dir) if save else nullcontext():
        record = open_folder(p, save)
        engine = load_engine(found, p)
        record["weights"] = _describe_weights(found)
        key = plan_key(p, record)
        plan = _plan_at_hand(p, record, key) or _new_plan(p, record, engine, save, progress)

        record["plan"] = _describe_plan(plan, p, engine) | dict(key=key)
        record["render_key"] = render_key(p, key)
        record["parameters"] = asdict(p)

        if save:
            names = ("weights", "plan", "render_key", "parameters", "seconds")
            change(p.run_dir, **{name: record[name] for name in names})
            record = read(p.run_dir)
        else:
            record["results"] = {}  # those there are belong to the run as it is

    return record, plan, engine


def _describe_weights(found: Found) -> dict[str, Any]:
    return dict(
        name=found.name,
        path=str(found.path),
        sha256=checkpoints.sha256(found.path),
        licence=found.licence,
    )


def _plan_at_hand(p: Params, record: Record, key: str) -> Plan | None:
    path = Path(p.run_dir, PLAN)
    if record.get("plan", {}).get("key") != key or not path.exists():
        return None
    return load_plan(path)


def _new_plan(p: Params, record: Record, engine: Engine, save: bool, progress: Progress) -> Plan:
    started = time.perf_counter()
    video = record["inputs"]["video"]["path"]
    sound = record["inputs"]["audio"]["path"]
    plan, times = make_plan(p, video, sound, engine, progress)

    if save:
        with writing(p.run_dir, PLAN) as part:
            save_plan(plan, part)

    record["seconds"]["plan"] = times.rounded(time.perf_counter() - started)
    return plan


def _describe_plan(plan: Plan, p: Params, engine: Engine) -> dict[str, Any]:
    redrawn = int(plan.redrawn.sum())
    return dict(
        frames=plan.frames,
        fps=str(plan.fps),
        size=list(plan.size),
        frames_redrawn=redrawn,
        frames_passed_through=plan.frames - redrawn,
        mel_alignment=engine.alignment if p.mel_alignment == "auto" else p.mel_alignment,
        states=states(plan),
    )


def states(plan: Plan) -> list[list]:
    """What happens to each frame, as runs [state, first frame, frames]: "redrawn" or "passed"."""
    runs: list[list] = []
    first = 0
    for state, group in itertools.groupby(plan.redrawn.tolist()):
        count = len(list(group))
        runs.append(["redrawn" if state else "passed", first, count])
        first += count

    return runs


def with_run(p: Params) -> Params:
    """Parameters of 03 with those of the run folder's 02 for all the rest."""
    record = read(p.run_dir)
    if "parameters" not in record:
        raise RunError(
            f"{p.run_dir} has been set up but not lip-synced yet;"
            " run notebook 02 with this run_dir first"
        )

    values = record["parameters"].items()
    earlier = build(**{name: value for name, value in values if name in FIELDS})
    inputs = {name: facts["path"] for name, facts in record["inputs"].items()}
    restoring = {name: getattr(p, name) for name in RESTORE_ONLY}

    return replace(earlier, run_dir=p.run_dir, **inputs, **restoring)
