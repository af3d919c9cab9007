"""One run at a time in a folder."""

from __future__ import annotations

import datetime
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import RunError
from ..pool import here
from .record import UNFINISHED, refuse_links

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

HOLDER = "holder"  # file in the run's own folder that says who holds the lock
INHERITED = "LIPSYNC_LOCKED"  # environment variable: the folder whose lock a parent process holds

_held: dict[str, int] = {}  # folder: the thread that holds it


@contextmanager
def locked(run_dir: str | os.PathLike) -> Iterator[None]:
    """Make the folder and keep other runs out of it; kernels started meanwhile are let in.

    Raises RunError, in one line that names the other run, or if the folder cannot be written. A
    folder that was made and is still empty in the end is removed again.
    """
    folder = os.path.realpath(run_dir)
    if folder in _held:
        let_in = _held[folder] == threading.get_ident()
    else:
        let_in = os.environ.get(INHERITED) == folder

    if let_in:
        yield
        return

    with ExitStack() as cleaning:
        try:
            _make(Path(folder), cleaning)
            _take(folder, cleaning)
            refuse_links(folder)
            _note_holder(Path(folder, UNFINISHED, HOLDER), cleaning)
        except OSError as error:
            raise RunError(
                f"run_dir={run_dir} cannot be written ({error.strerror}); choose another folder"
            ) from None

        _announce(folder, cleaning)
        yield


def _make(folder: Path, cleaning: ExitStack) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(missing):
        cleaning.callback(_remove_if_empty, path)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _take(folder: str, cleaning: ExitStack) -> None:
    """Lock the folder; where the file system has no locks, nobody is kept out."""
    if fcntl is None:
        return

    descriptor = os.open(folder, os.O_RDONLY)
    cleaning.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(
            f"run_dir={folder} is in use by another run ({_holder(folder)});"
            " wait until it ends or choose another run_dir"
        ) from None
    except OSError:
        return


def _holder(folder: str) -> str:
    try:
        return Path(folder, UNFINISHED, HOLDER).read_text()
    except OSError:
        return "it does not say which"


def _note_holder(path: Path, cleaning: ExitStack) -> None:
    now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    path.parent.mkdir(exist_ok=True)
    cleaning.callback(_remove_if_empty, path.parent)
    path.unlink(missing_ok=True)
    path.write_text(f"{here()} since {now}")
    cleaning.callback(path.unlink, missing_ok=True)


def _announce(folder: str, cleaning: ExitStack) -> None:
    """Tell this thread's later calls and its child processes that the folder is theirs."""
    before = os.environ.get(INHERITED)
    if before is None:
        cleaning.callback(os.environ.pop, INHERITED, None)
    else:
        cleaning.callback(os.environ.__setitem__, INHERITED, before)

    os.environ[INHERITED] = folder

    cleaning.callback(_held.pop, folder)
    _held[folder] = threading.get_ident()
