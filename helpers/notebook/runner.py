"""The three notebooks, headless, by papermill."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

from .. import errors, params, run
from ..errors import LipSyncError, disk_full_told
from ..params import FIELDS, NOTEBOOKS, ROOT, TRAINING_NOTEBOOK
from . import colab

FOLDER = ROOT / "notebooks"


def run_all(
    video: str, audio: str, run_dir: str, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Execute 01, 02 and 03 in order; the executed notebooks, videos and run.json land in ``run_dir``.

    Returns the run's summary. Raises LipSyncError (bad input, in one line) as the helpers do in a notebook.
    """
    given = dict(
        values or {},
        video=os.path.abspath(video),
        audio=os.path.abspath(audio),
        run_dir=os.path.abspath(run_dir),
    )
    checked = params.build(**given)
    with run.locked(run_dir), disk_full_told(run_dir):
        run.open_folder(checked)
        for notebook in NOTEBOOKS:
            execute(
                notebook,
                Path(run_dir),
                {name: getattr(checked, name) for name in given if _shown(notebook, name)},
            )
    return run.summary(run.read(run_dir))


def _shown(notebook: str, name: str) -> bool:
    return notebook[1] in FIELDS[name].metadata["where"]


def execute(notebook: str, run_dir: Path, values: dict[str, Any]) -> Path:
    """Execute one notebook with parameters into ``run_dir/NOTEBOOK.ipynb``, also if it fails; its path.

    An error that the helpers raised inside it is raised here again under its own type. Raises RunError,
    with nothing executed, if that file is there and was not made by a run of this folder.
    """
    out = run_dir / f"{notebook}.ipynb"
    failure = None
    with run.writing(run_dir, out.name) as part:
        print(f"{notebook} -> {out}", file=sys.stderr)
        try:
            papermill.execute_notebook(
                FOLDER / f"{notebook}.ipynb",
                part,
                values,
                kernel_name="python3",
                cwd=str(FOLDER),
                progress_bar=False,
                extra_arguments=["--IPKernelApp.log_level=40"],
            )
        except PapermillExecutionError as error:
            failure = error

    if failure is None:
        return out

    kind = getattr(errors, failure.ename.rpartition(".")[2], None)
    if isinstance(kind, type) and issubclass(kind, LipSyncError):
        raise kind(re.sub(r"\x1b\[[0-9;]*m", "", failure.evalue)) from None
    raise failure


def refresh() -> None:
    """Write into the notebooks what is made elsewhere: Colab's badge, the first code cell, the parameters' cell; and
    the badges into README."""
    for notebook in (*NOTEBOOKS, TRAINING_NOTEBOOK):
        path = FOLDER / f"{notebook}.ipynb"
        document = nbformat.read(path, as_version=4)
        made = dict(
            badge=colab.badge(notebook),
            setup=colab.first_cell(),
            parameters=params.parameter_cell(notebook),
        )
        for cell in document.cells:
            for tag in cell.metadata.get("tags", []):
                cell.source = made.get(tag, cell.source)
        nbformat.write(document, path)
    readme = ROOT / "README.md"
    address = r"https://colab\.research\.google\.com/github/.+?/blob"
    new = f"https://colab.research.google.com/github/{colab.REPOSITORY}/blob"
    readme.write_text(re.sub(address, new, readme.read_text()))
