"""Google Colab: files in and out, and the first cells that fetch this repository there.

Elsewhere everything here does nothing. The address of the repository stands in one place, ``REPOSITORY``.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

from ..params import Params

REPOSITORY = "OWNER/NAME"  # on GitHub; written by `make colab REPO=owner/name`
DRIVE = "/content/drive"


def here() -> bool:
    """Does this run on Colab?"""
    return (
        "COLAB_RELEASE_TAG" in os.environ and importlib.util.find_spec("google.colab") is not None
    )


def bring(p: Params) -> Params:
    """Parameters with the inputs at hand: on Colab, ``upload`` opens a file dialogue, and a path below
    ``/content/drive`` connects Google Drive first."""
    if not here():
        return p
    from google.colab import drive, files

    for name in ("video", "audio"):
        value = getattr(p, name)
        if value == "upload":
            print(f"{name}:")
            folder = Path(p.run_dir, "uploads")
            folder.mkdir(parents=True, exist_ok=True)
            p = replace(p, **{name: str(next(iter(files.upload(str(folder))), ""))})
        elif value.startswith(DRIVE):
            drive.mount(DRIVE)
    return p


def offer(path: str | os.PathLike) -> None:
    """On Colab, download a result to the user's computer."""
    if here():
        from google.colab import files

        files.download(os.fspath(path))


def badge(notebook: str) -> str:
    """Markdown of the button that opens a notebook on Colab."""
    address = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks/{notebook}.ipynb"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"
    )


def first_cell() -> str:
    """Source of the notebooks' first code cell: find the helpers, or fetch them, and install what is missing."""
    return f'''import subprocess
import sys
from pathlib import Path

REPOSITORY = "{REPOSITORY}"
places = (Path.cwd(), *Path.cwd().parents, Path.cwd() / "lipsync")
here = next((str(folder) for folder in places if (folder / "helpers").is_dir()), None)
if here is None:  # on Colab, opened from its badge
    here = str(places[-1])
    subprocess.run(["git", "clone", "--depth=1", f"https://github.com/{{REPOSITORY}}", here], check=True)
sys.path.insert(0, here)
from helpers import install

print("installed just now:", install.ensure() or "nothing, all packages were there")'''
