"""A run: its folder, its frames, its results."""

from .files import check, writing
from .folder import SAMPLE_FILES, check_unchanged, inputs, open_folder
from .keys import NO_INFLUENCE
from .lock import locked
from .prepare import prepare, with_run
from .produce import (
    frames_of,
    lipsync,
    lipsync_and_restore,
    restore,
    summary,
)
from .record import (
    COMPARISON,
    FILES,
    OUTPUTS,
    PAGE,
    PLAN,
    RECORD,
    TABLE,
    UNFINISHED,
    read,
    unfinished,
)
from .render import continuous_runs, preview, render_frames

__all__ = [
    "COMPARISON",
    "FILES",
    "NO_INFLUENCE",
    "OUTPUTS",
    "PAGE",
    "PLAN",
    "RECORD",
    "SAMPLE_FILES",
    "TABLE",
    "UNFINISHED",
    "check",
    "check_unchanged",
    "continuous_runs",
    "frames_of",
    "inputs",
    "lipsync",
    "lipsync_and_restore",
    "locked",
    "open_folder",
    "prepare",
    "preview",
    "read",
    "render_frames",
    "restore",
    "summary",
    "unfinished",
    "with_run",
    "writing",
]
