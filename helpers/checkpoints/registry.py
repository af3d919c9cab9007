"""Weights: what is known (``weights/registry.json``), what is here, how to get the rest."""

from __future__ import annotations

import difflib
import functools
import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError
from ..params import ROOT

FOLDER = ROOT / "weights"
AUTO = ("wav2lip_gan", "wav2lip", "compact")  # first one that is here


@dataclass(frozen=True)
class Found:
    """Weights that are on this machine."""

    name: str
    path: Path
    licence: str


@functools.cache
def entries() -> dict[str, dict]:
    return json.loads((FOLDER / "registry.json").read_text())


def entry_of(name: str) -> dict:
    """A file's entry in the registry. Raises WeightsError for an unknown name."""
    if name not in entries():
        near = difflib.get_close_matches(name, entries(), 1, 0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(entries())}"
        raise WeightsError(f"no weights are known as {name}: {hint}")

    return entries()[name]


def path_of(name: str, folder: Path | None = None) -> Path:
    """Where a file of the registry lies, or would lie: in ``folder``, by default weights/."""
    return (folder or FOLDER) / entry_of(name)["file"]


def here(name: str) -> bool:
    """Is a file of the registry on this machine, whole (by size)?"""
    path = path_of(name)
    if not path.exists():
        return False

    size = path.stat().st_size
    return size == entry_of(name).get("bytes", size)


def locate(checkpoint: str) -> Found:
    """``auto``, a name of the registry, or a path -> the file. Raises WeightsError."""
    if checkpoint == "auto":
        checkpoint = next((name for name in AUTO if here(name)), AUTO[-1])
    entry = entries().get(checkpoint)
    if entry is None:
        return _of_user(checkpoint)

    path = path_of(checkpoint)
    if not path.exists():
        instead = ""
        if entry["job"] == "lip-sync" and "urls" in entry:
            instead = ", or use checkpoint=compact"
        raise WeightsError(f"{path} is not here; get it by: {way_to_get(checkpoint)}{instead}")

    if not here(checkpoint):
        raise WeightsError(
            f"{path} has {path.stat().st_size} bytes instead of {entry['bytes']};"
            f" get it again by: {way_to_get(checkpoint)}"
        )
    return Found(checkpoint, path, entry["licence"])


def _of_user(checkpoint: str) -> Found:
    path = Path(checkpoint).expanduser()
    if not path.is_file():
        names = ", ".join(n for n, entry in entries().items() if entry["job"] == "lip-sync")
        raise WeightsError(f"checkpoint={checkpoint} is neither a file nor one of auto, {names}")
    return Found(path.stem, path, "unknown: see where it came from")


def way_to_get(name: str) -> str:
    """The command that brings a file of the registry here."""
    entry = entry_of(name)
    if "urls" in entry:
        return f"python -m helpers weights fetch {name}"
    return f"git checkout -- weights/{entry['file']}"
