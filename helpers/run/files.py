"""Which files of a run folder the run made, and how it makes them.

A file that is not in the record's "files", or is no longer what its hash says, is the user's: it is
never replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import checkpoints
from ..errors import RunError
from .record import EXECUTED, FILES, RECORD, UNFINISHED, change, stored, unfinished


@contextmanager
def writing(run_dir: str | os.PathLike, name: str) -> Iterator[Path]:
    """A path for one of ``FILES`` in the making; it takes its name in the run folder when complete.

    Raises RunError, at the start or in the end, if that would replace a file that the run did not
    make.
    """
    check(run_dir, name)
    with unfinished(run_dir, name) as part:
        yield part

        digest = checkpoints.sha256(part)
        check(run_dir, name)
        _note_file(run_dir, name, None)
        os.replace(part, Path(run_dir, name))
        _note_file(run_dir, name, digest)


def _note_file(run_dir: str | os.PathLike, name: str, digest: str | None) -> None:
    change(run_dir, files=stored(run_dir)["files"] | {name: digest})


def remove(run_dir: str | os.PathLike, name: str) -> None:
    """Remove a file if the run made it."""
    if is_of_run(run_dir, name):
        Path(run_dir, name).unlink()
        files = stored(run_dir)["files"]
        change(run_dir, files={other: files[other] for other in files if other != name})


def check(run_dir: str | os.PathLike, *names: str) -> None:
    """Raises RunError if a file of one of these names is there that the run did not make."""
    for name in names:
        if not os.path.lexists(Path(run_dir, name)) or is_of_run(run_dir, name):
            continue

        how = ", as by Jupyter when it is open there" if name in EXECUTED else ""
        raise RunError(
            f"{Path(run_dir, name)} was not made by this run (or was changed since{how});"
            " move it away or choose another run_dir"
        )


def is_of_run(run_dir: str | os.PathLike, name: str) -> bool:
    """Is there a file of this name, as the run made it?"""
    path = Path(run_dir, name)
    files = stored(run_dir)["files"]
    if name not in files or not path.is_file() or path.is_symlink():
        return False

    return files[name] in (None, checkpoints.sha256(path))


def check_input(run_dir: str | os.PathLike, kind: str, path: str) -> None:
    """Raises RunError if an input is a file that the run would write, by whatever name or link."""
    taken = [file for file in (Path(run_dir, name) for name in (RECORD, *FILES)) if file.exists()]
    same = [file for file in taken if os.path.samefile(path, file)]
    own = Path(run_dir, UNFINISHED).resolve()
    if own in Path(path).resolve().parents:
        same.append(own)

    if same:
        raise RunError(
            f"{kind}={path} is {same[0]}, which the run writes;"
            " move it away or choose another run_dir"
        )
