"""Errors that a user can act on: one line that says what is wrong with what, and what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class LipSyncError(Exception):
    """Base of all errors that are shown as one line; ``exit_status`` is the command line's."""

    exit_status = 2


class InputError(LipSyncError):
    """A file that is missing, unreadable or of the wrong kind."""


class ParameterError(LipSyncError):
    """An unknown parameter, or a value outside its range."""


class NoFaceError(LipSyncError):
    """No usable face in the whole clip."""


class WeightsError(LipSyncError):
    """Weights that are missing, corrupt or of another architecture."""


class RunError(LipSyncError):
    """A run folder that cannot be used: not writable, of another input, or incomplete."""


class MediaError(LipSyncError):
    """ffmpeg failed on a file that looked usable: our own failure, not the input's."""

    exit_status = 1


class Stopped(KeyboardInterrupt):
    """The user stopped a run; one line that says how far it is."""


@contextmanager
def disk_full_told(folder: str | os.PathLike) -> Iterator[None]:
    """A full disk comes out as a RunError that names the folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise RunError(
            f"the disk is full: {folder} could not be written. Free some space and run again"
        ) from None
