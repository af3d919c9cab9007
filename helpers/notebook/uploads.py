"""Files that come through the browser, by ipywidgets 7 (Colab's) and 8."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ipywidgets

from .. import media
from ..errors import RunError

OFFERED = {  # parameter -> what the browser offers
    "video": "video/*,image/*",
    "audio": "audio/*,video/*",
}
LIMIT_NOTE = (
    "If nothing happens after you chose a file, it was over 10 MB: Jupyter drops those without a"
    " word. Copy it to this machine and give its path."
)
STEM_LENGTH = 60  # characters of a file's name that are kept
SUFFIX_LENGTH = 12


def upload_button(name: str) -> ipywidgets.FileUpload:
    """The button that uploads a file for a parameter of ``OFFERED``."""
    return ipywidgets.FileUpload(accept=OFFERED[name], layout={"width": "auto"})


def uploaded_files(value: Any) -> list[dict[str, Any]]:
    """The value of an upload button as files with their ``name`` and ``content``.

    A tuple of files in ipywidgets 8, a dictionary by name in 7.
    """
    if isinstance(value, Mapping):
        return [dict(name=name, content=file["content"]) for name, file in value.items()]
    return [dict(name=file["name"], content=file["content"]) for file in value]


def let_go(button: ipywidgets.FileUpload) -> None:
    """Empty an upload button: the bytes are in a file by now."""
    if isinstance(button.value, Mapping):
        button.set_trait("value", {})
        button.set_trait("_counter", 0)
    else:
        button.value = ()


def save_upload(file: Mapping[str, Any], folder: Path) -> Path:
    """Store an uploaded file in a folder under its own name, made harmless; its path.

    A file that is there is never replaced: one of the same content serves again, beside another
    one the new file gets a number. Raises RunError if the folder cannot be written.
    """
    content = bytes(file["content"])

    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in _names(folder, file["name"]):
            if not os.path.lexists(path):
                _write(path, content)
                return path
            if path.is_file() and path.read_bytes() == content:
                return path
    except OSError as error:
        raise RunError(
            f"{path} could not be saved ({error.strerror}); choose another run_dir"
        ) from None
    raise AssertionError


def _names(folder: Path, name: str) -> Iterator[Path]:
    """``clip.mp4``, ``clip-2.mp4``, ``clip-3.mp4``, ..."""
    last = re.split(r"[/\\]", name)[-1]
    harmless = re.sub(r"[^\w.() -]", "_", last).lstrip(". ") or "upload"
    stem, suffix = os.path.splitext(harmless)
    stem = stem[:STEM_LENGTH]
    suffix = suffix[:SUFFIX_LENGTH]
    yield folder / f"{stem}{suffix}"
    for number in itertools.count(2):
        yield folder / f"{stem}-{number}{suffix}"


def _write(path: Path, content: bytes) -> None:
    part = media.partial_path(path)
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def describe_file(path: str | os.PathLike) -> str:
    """What a file is, in words. Raises InputError if it is neither a video nor sound."""
    info = media.probe(path)
    words = [os.path.basename(path), f"{os.path.getsize(path) / 1e6:.1f} MB"]
    if info.width:
        words.append(f"{info.width}x{info.height}")
    if info.duration:
        words.append(f"{float(info.duration):.2f} s")
    return ", ".join(words)
