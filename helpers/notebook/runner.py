"""The three notebooks, headless, by papermill."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import papermill
from papermill.exceptions import PapermillExecutionError

from .. import errors, params, run
from ..errors import LipSyncError, disk_full_told
from ..params import NOTEBOOKS, ROOT, Params
from .cells import refresh
from .start import NOTEBOOKS_FOLDER as FOLDER, PLACE

__all__ = ["FOLDER", "PapermillExecutionError", "execute", "refresh", "run_all"]

COLOURS = r"\x1b\[[0-9;]*m"  # of a terminal
QUIET = ["--IPKernelApp.log_level=50"]  # what fails in a cell comes back from it


def run_all(
    video: str, audio: str, run_dir: str, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Execute 01, 02 and 03 in order; notebooks, videos and run.json land in ``run_dir``.

    Returns the run's summary. Raises LipSyncError (bad input, in one line) as the helpers do in a
    notebook.
    """
    given = dict(values or {})
    given["video"] = os.path.abspath(video)
    given["audio"] = os.path.abspath(audio)
    given["run_dir"] = os.path.abspath(run_dir)
    checked = params.build(**given)

    with run.locked(run_dir), disk_full_told(run_dir):
        run.open_folder(checked)
        for notebook in NOTEBOOKS:
            execute(notebook, Path(run_dir), _values(notebook, checked, given))
    return run.summary(run.read(run_dir))


def _values(notebook: str, checked: Params, given: dict[str, Any]) -> dict[str, Any]:
    """Those of the given parameters that a notebook shows."""
    return {name: getattr(checked, name) for name in params.shown_in(notebook) if name in given}


def execute(notebook: str, run_dir: Path, values: dict[str, Any]) -> Path:
    """Execute a notebook with parameters into ``run_dir/NOTEBOOK.ipynb``, also if it fails.

    Returns its path. An error that the helpers raised inside it is raised here again under its own
    type. Raises RunError, with nothing executed, if that file is there and was not made by a run of
    this folder.
    """
    out = run_dir / f"{notebook}.ipynb"
    failure = None
    with run.writing(run_dir, out.name) as part, _environment(run_dir):
        print(f"{notebook} -> {out}", file=sys.stderr)
        try:
            papermill.execute_notebook(
                FOLDER / f"{notebook}.ipynb",
                part,
                values,
                kernel_name="python3",
                progress_bar=False,
                extra_arguments=QUIET,
            )
        except PapermillExecutionError as error:
            failure = error

    if failure is None:
        return out

    kind = getattr(errors, failure.ename.rpartition(".")[2], None)
    if isinstance(kind, type) and issubclass(kind, LipSyncError):
        raise kind(re.sub(COLOURS, "", failure.evalue)) from None
    raise failure


@contextmanager
def _environment(run_dir: Path) -> Iterator[None]:
    """Kernels that start meanwhile import these helpers, and link from the run folder.

    They stand where the caller stands, so relative paths are the caller's.
    """
    before = dict(os.environ)
    paths = [str(ROOT), before.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ[PLACE] = os.path.abspath(run_dir)

    try:
        yield
    finally:
        for name in ("PYTHONPATH", PLACE):
            os.environ.pop(name)
            if name in before:
                os.environ[name] = before[name]
