"""Progress in words: which stage, how far, how long still."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..timing import Progress

STAGES = {
    "sound": "listening to the speech",
    "faces": "finding faces",
    "donors": "choosing mouths",
    "draw": "drawing",
    "finish": "putting the video together",
}
MINUTE = 60  # s; from two of them on the time left is told in minutes

Show = Callable[[str, float], None]  # told a line, and the stage's share in [0, 1] that is done


def in_words(show: Show, before: str = "") -> Progress:
    """A progress callback that tells each stage by ``show``, with ``before`` in front of it."""
    stage_now = ""
    started = 0.0
    first = 0

    def update(stage: str, done: int, total: int) -> None:
        nonlocal stage_now, started, first
        now = time.monotonic()
        if stage != stage_now:
            stage_now, started, first = stage, now, done

        words = before + STAGES.get(stage, stage)
        if total > 1:
            words += f": {done} of {total}"
        if first < done < total:
            seconds = (now - started) / (done - first) * (total - done)
            words += f", {time_left(seconds)} left"
        show(words, done / max(1, total))

    return update


def time_left(seconds: float) -> str:
    """ "about 40 s", "about 3 min"."""
    if seconds < 2 * MINUTE:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / MINUTE)} min"
