"""Google Colab: files in and out. Elsewhere everything here does nothing."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

from ..params import Params

REPOSITORY = "OWNER/NAME"  # on GitHub; written by `make colab REPO=owner/name`
DRIVE = "/content/drive"
UPLOAD = "upload"  # value of video or audio that asks for a file


def here() -> bool:
    """Does this run on Colab?"""
    if "COLAB_RELEASE_TAG" not in os.environ:
        return False
    return importlib.util.find_spec("google.colab") is not None


def bring(p: Params) -> Params:
    """Parameters with the inputs at hand.

    On Colab, ``upload`` opens a file dialogue, and a path below ``/content/drive`` connects Google
    Drive first.
    """
    if not here():
        return p

    from google.colab import drive, files

    for name in ("video", "audio"):
        value = getattr(p, name)
        if value == UPLOAD:
            print(f"{name}:")
            folder = Path(p.run_dir, "uploads")
            folder.mkdir(parents=True, exist_ok=True)
            uploaded = list(files.upload(str(folder)))
            p = replace(p, **{name: str(uploaded[0]) if uploaded else ""})
        elif value.startswith(DRIVE):
            drive.mount(DRIVE)
    return p


def offer(path: str | os.PathLike) -> None:
    """On Colab, download a result to the user's computer."""
    if here():
        from google.colab import files

        files.download(os.fspath(path))
