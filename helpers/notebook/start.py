"""What comes first in a notebook: where it stands, and how it tells errors.

Imports nothing but the standard library and IPython, for packages may still be missing.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import LipSyncError
from ..params import ROOT

NOTEBOOKS_FOLDER = ROOT / "notebooks"
PLACE = "LIPSYNC_NOTEBOOK_PLACE"  # environment variable: where an executed notebook will lie
INTERRUPTED = "stopped by you; what is finished is kept: run the cell again and it goes on"

_folders: list[Path] = []  # where the kernel started


def begin() -> None:
    """Errors in one line; relative paths are the repository's in a kernel of its notebooks.

    Jupyter starts a kernel in the folder of its notebook, the command line in the caller's: from
    ``notebooks/`` the kernel goes to the repository, so that ``runs/demo`` is one folder for both.
    Anywhere else relative paths stay those of the folder where the kernel was started.
    """
    one_line_errors()
    folder()
    if Path.cwd() == NOTEBOOKS_FOLDER:
        os.chdir(ROOT)


def folder() -> Path:
    """The folder of this notebook, from which its links are read."""
    if PLACE in os.environ:
        return Path(os.environ[PLACE])
    if not _folders:
        _folders.append(Path.cwd())
    return _folders[0]


def one_line_errors() -> None:
    """Show the helpers' own errors and an interrupt as one line, without a stack of calls.

    The cell still fails.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc((LipSyncError, KeyboardInterrupt), _show)


def _show(
    shell: Any,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    text = str(error) or INTERRUPTED
    lines = [f"{kind.__name__}: {text}"]
    shell._showtraceback(kind, error, lines)
    return lines
