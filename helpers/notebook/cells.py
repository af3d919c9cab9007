"""Cells that all notebooks have, made here: Colab's badge, the first code cell, the parameters."""

from __future__ import annotations

import dataclasses
import json
import re
import textwrap
from pathlib import Path

import nbformat

from .. import params
from ..params import APP_NOTEBOOK, NOTEBOOKS, ROOT, TRAINING_NOTEBOOK
from . import colab
from .controls import SLIDER_RANGE, SLIDER_STEPS
from .start import NOTEBOOKS_FOLDER

COLAB = "https://colab.research.google.com"
WIDTH = 98  # columns of the parameters' comments
HELP = "# @markdown "
COLAB_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}
UNSET = "OWNER/NAME"  # colab.REPOSITORY before `make colab`

FIRST_CELL = """\
import subprocess
import sys
from pathlib import Path

REPOSITORY = "{repository}"  # on GitHub
try:
    from helpers import install
except ImportError:  # not installed: in a folder above, else fetched, as on Colab
    here = Path.cwd()
    copy = here / "lipsync"
    places = [p for p in (here, *here.parents, copy) if (p / "helpers/install.py").exists()]
    if not places:
        address = f"https://github.com/{{REPOSITORY}}"
        fetch = ["git", "clone", "--quiet", "--depth=1", address, copy]
        if REPOSITORY == "{unset}" or subprocess.run(fetch).returncode:
            sys.exit(f"no helpers here, none from {{address}}: set REPOSITORY above to owner/name")
    sys.path.insert(0, str([*places, copy][0]))
    sys.modules.pop("helpers", None)  # another package of this name
    from helpers import install
from helpers import notebook

notebook.begin()
if installed := install.ensure():
    print("installed just now:", *installed)"""


def first_cell() -> str:
    """Source of the first code cell: find the helpers, or fetch them; install what is missing."""
    return FIRST_CELL.format(repository=colab.REPOSITORY, unset=UNSET)


def badge(notebook: str) -> str:
    """Markdown of the button that opens a notebook on Colab."""
    picture = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]"
    address = f"{COLAB}/github/{colab.REPOSITORY}/blob/main/notebooks/{notebook}.ipynb"
    return f"{picture}({address})"


def parameter_cell(notebook: str) -> str:
    """Source of the cell tagged ``parameters`` of a notebook: plain literals only.

    Its comments are those of which Colab makes a form.
    """
    lines: list[str] = []
    for name, field in params.shown_in(notebook).items():
        default = field.default
        literal = json.dumps(default) if isinstance(default, str) else repr(default)
        help_lines = textwrap.wrap(field.metadata["help"], WIDTH - len(HELP))
        lines += [HELP + line for line in help_lines]
        lines.append(f"{name} = {literal}  # @param {_colab_control(field)}")
    return "\n".join(lines)


def _colab_control(field: dataclasses.Field) -> str:
    facts = field.metadata
    if facts["choices"]:
        return json.dumps(facts["choices"])

    kind = type(field.default)
    low, high = facts["low"], facts["high"]
    if kind in (int, float) and low is not None and high - low <= SLIDER_RANGE:
        step = 1 if kind is int else (high - low) / SLIDER_STEPS
        return f'{{type:"slider", min:{low:g}, max:{high:g}, step:{step:g}}}'
    return f'{{type:"{COLAB_TYPES[kind]}"}}'


def refresh() -> None:
    """Write the made cells into the notebooks, by their tags, and the badges into README."""
    for notebook in (APP_NOTEBOOK, *NOTEBOOKS, TRAINING_NOTEBOOK):
        refresh_notebook(NOTEBOOKS_FOLDER / f"{notebook}.ipynb")

    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    new = f"{COLAB}/github/{colab.REPOSITORY}/blob"
    old = rf"{re.escape(COLAB)}/github/.+?/blob"
    readme.write_text(re.sub(old, new, text), encoding="utf-8")


def refresh_notebook(path: Path) -> None:
    """Write the made cells into one notebook."""
    sources = dict(
        badge=badge(path.stem),
        setup=first_cell(),
        parameters=parameter_cell(path.stem),
    )

    document = nbformat.read(path, as_version=4)
    for cell in document.cells:
        for tag in cell.metadata.get("tags", []):
            cell.source = sources.get(tag, cell.source)
    nbformat.write(document, path)
