"""Weights verified and downloaded by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import WeightsError
from .download import Progress, alone, download, sha256
from .loading import read_safetensors
from .registry import Found, entry_of, path_of, way_to_get


def fault(name: str, folder: Path | None = None) -> str:
    """What is wrong with a file of the registry: "" if nothing, "not here" if it is missing.

    A bundled file has no SHA-256 in the registry and is read instead.
    """
    entry = entry_of(name)
    path = path_of(name, folder)
    if not path.is_file():
        return "not here"

    if "sha256" not in entry:
        try:
            read_safetensors(path)
        except WeightsError as error:
            return str(error)
        return ""

    if path.stat().st_size != entry["bytes"]:
        return f"{path.stat().st_size} bytes instead of {entry['bytes']}"

    return "" if sha256(path) == entry["sha256"] else "wrong SHA-256"


def fetch(
    name: str, accept: bool, folder: Path | None = None, progress: Progress | None = None
) -> Path:
    """Download a file of the registry, unless it is there and right; returns its path.

    ``accept`` says that the file's licence has been read and accepted. A damaged file of that name
    is replaced. Raises WeightsError: unknown name, licence not accepted, every mirror failed, or
    the file cannot be written.
    """
    entry = entry_of(name)
    path = path_of(name, folder)
    if not fault(name, folder):
        return path

    if "urls" not in entry:
        raise WeightsError(f"{path} comes with the repository; get it again by: {way_to_get(name)}")

    if not accept:
        raise WeightsError(
            f"{name} has the licence '{entry['licence']}'; "
            "accept it by --yes on the command line or accept_licences=true in notebook 01"
        )

    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.parent):
        if fault(name, folder):
            download(entry["urls"], path, entry["bytes"], entry["sha256"], progress)

    return path


def fetch_all(
    names: str, accept: bool, bar: Callable[[str], Progress] | None = None
) -> list[Found]:
    """``fetch`` for names with commas between them; ``bar`` makes a file's progress callback."""
    found = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        progress = bar(name) if bar and accept and fault(name) else None
        found.append(Found(name, fetch(name, accept, progress=progress), entry_of(name)["licence"]))

    return found
