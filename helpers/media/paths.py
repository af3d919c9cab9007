"""Paths as people give them."""

from __future__ import annotations

import os
from urllib.request import url2pathname

from ..errors import InputError
from ..storage import fetched, is_address

QUOTES = "'\"“”‘’"


def local_path(text: str | os.PathLike) -> str:
    """The path that a person means: without quotes around it, ``~`` and ``file://`` resolved.

    What lies at an address of a shared storage is copied here. Raises InputError if it cannot be.
    """
    text = os.fspath(text)
    if os.path.exists(text):
        return text

    path = text.strip()
    while len(path) > 1 and path[0] in QUOTES and path[-1] in QUOTES:
        path = path[1:-1].strip()

    if path.lower().startswith("file://"):
        return url2pathname(path[len("file://") :])

    if is_address(path):
        return fetched(path)

    return os.path.expanduser(path)


def require_file(path: str | os.PathLike) -> str:
    """The path of a file that is there and holds something. Raises InputError."""
    path = local_path(path)
    if not os.path.exists(path):
        raise InputError(
            f"no such file: {path}. Check the path; paths are taken from the folder you start in"
        )

    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give one video, picture or sound file")

    if os.path.getsize(path) == 0:
        raise InputError(f"{path} is empty (0 bytes); was it copied or uploaded completely?")

    return path
