"""Speech activity: where a recording has speech and where it pauses."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy.ndimage import binary_closing, binary_dilation, uniform_filter1d

# Speech activity. The mouth opens before the voice is heard and closes after it.
SPEECH_SHARE = 0.5  # of the detector's certainty, above which a piece counts as speech
SPEECH_BEFORE = 0.5  # s, added to speech: in 99 GRID sentences mouths open so early, to a third
SPEECH_AFTER = 0.16  # s
SHORT_PAUSE = 0.3  # s: a shorter pause is none
SETTLE = 0.16  # s, over which the mouth settles shut or opens
QUIET = -4.0  # mel level that a pause's windows sink to: digital silence


def activity_at(certain: np.ndarray, step: float, frames: int, fps: Fraction) -> np.ndarray:
    """Speech activity at each video frame, ``float32 (frames,)``: 1 speech, 0 pause, smooth.

    ``certain`` ``(n,)``: a detector's certainty of speech, 0 to 1, every ``step`` seconds. A sound
    in which it hears no speech at all counts as speech throughout.
    """
    talk = certain > SPEECH_SHARE
    if not talk.any():
        return np.ones(frames, np.float32)

    talk = binary_dilation(talk, origin=0, structure=_reach(SPEECH_BEFORE, SPEECH_AFTER, step))
    talk = binary_closing(np.pad(talk, 99, mode="edge"), np.ones(1 + round(SHORT_PAUSE / step)))[
        99:-99
    ]
    smooth = uniform_filter1d(talk.astype(np.float32), max(1, round(SETTLE / step)), mode="nearest")
    times = (np.arange(frames) + 0.5) / float(fps)

    return np.interp(times, (np.arange(len(smooth)) + 0.5) * step, smooth).astype(np.float32)


def _reach(before: float, after: float, step: float) -> np.ndarray:
    """Structure for ``binary_dilation``: from ``before`` seconds back to ``after`` on."""
    back, on = round(before / step), round(after / step)
    reach = max(back, on)
    return np.array([-back <= k <= on for k in range(-reach, reach + 1)])


def quieten_pauses(windows: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Mel windows ``(B, 80, 16)`` sunk towards silence where ``speech`` ``(B,)`` is under 1."""
    return (windows - (1 - speech)[:, None, None] * np.maximum(windows - QUIET, 0)).astype(
        np.float32
    )
