"""Files at addresses (``s3://``, ``memory://`` ...), through fsspec and a local cache."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError, RunError

ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://?", re.I)  # two letters at least: C:/ is a drive
WEB = ("http", "https", "ftp")  # what a browser downloads
CACHE = "LIPSYNC_CACHE"  # environment variable: folder of the copies


def is_address(text: str | os.PathLike) -> bool:
    return bool(ADDRESS.match(os.fspath(text)))


def cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE) or Path(home, "lipsync-notebooks"))


def fetched(address: str) -> str:
    """The path of a copy of the file at an address, brought here once while it does not change.

    Raises InputError if it cannot be had.
    """
    files = _file_system(address, InputError)
    try:
        version = files.ukey(address)
        name = hashlib.sha256(f"{address} {version}".encode()).hexdigest()[:16]
        copy = cache_folder() / name / Path(address).name
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            part = copy.with_name(f"{copy.name}.{os.getpid()}.part")
            files.get_file(address, str(part))
            os.replace(part, copy)
    except Exception as error:  # each kind of storage has errors of its own
        raise InputError(f"{address} cannot be read ({_line(error)})") from None

    return str(copy)


@contextmanager
def mirrored(folder: str) -> Iterator[str]:
    """A folder itself, or for an address a local copy whose changes go back in the end.

    They go back after an error, too, so that a run can go on; files that did not change are left
    alone. Raises RunError if the storage cannot be read or written.
    """
    if not is_address(folder):
        yield folder
        return

    files = _file_system(folder, RunError)
    with tempfile.TemporaryDirectory() as local:
        try:
            if files.exists(folder):
                files.get(folder.rstrip("/") + "/", local + "/", recursive=True)
            before = _snapshot(local)
        except Exception as error:
            raise RunError(f"{folder} cannot be read ({_line(error)})") from None

        try:
            yield local
        finally:
            _bring_back(files, local, folder, before)


def _bring_back(files: Any, local: str, folder: str, before: dict[str, Any]) -> None:
    after = _snapshot(local)
    try:
        for name in sorted(after):
            if after[name] != before.get(name):
                target = f"{folder.rstrip('/')}/{name}"
                files.makedirs(target.rpartition("/")[0], exist_ok=True)
                files.put_file(str(Path(local, name)), target)

        for name in before.keys() - after.keys():
            files.rm_file(f"{folder.rstrip('/')}/{name}")
    except Exception as error:
        raise RunError(f"{folder} cannot be written ({_line(error)})") from None


def _snapshot(folder: str) -> dict[str, Any]:
    """Size and time of each file below a folder, by relative path."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    stats = {path.relative_to(folder).as_posix(): path.stat() for path in found}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def _file_system(address: str, kind: type[Exception]) -> Any:
    """fsspec's file system of an address. Raises ``kind``, in one line."""
    scheme = ADDRESS.match(address)
    try:
        if scheme and scheme[1].lower() in WEB:
            raise ValueError("the web is not read")

        import fsspec

        return fsspec.url_to_fs(address)[0]
    except Exception as error:  # not installed, not known, not configured
        raise kind(
            f"{address} is an address, not a file ({_line(error)}); download it and give the"
            " file's path, or install what reads it: pip install 'lipsync-notebooks[scale]'"
        ) from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
