"""One figure to order results by: how far a video's figures are from those of a true clip.

No figure alone orders results as people do. Sync confidence is highest where a mouth flaps, and a
true clip has less of it; sharpness is highest where teeth are torn. So nothing is rewarded beyond
what the true clip has: each measure counts as far as it is away from there, in steps that can be
seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]  # of the quality table
Away = Callable[[float, float | None], float]  # (a figure, the source's or None) -> steps

TRUE_CONFIDENCE = 0.2  # sync confidence of true clips under the compact expert, where none is given
MOST = 4.0  # steps, of one measure: worse is as bad


def ratio(step: float) -> Away:
    """Steps of a factor away from the source's figure, in both directions."""

    def away(value: float, source: float | None) -> float:
        if not source or value <= 0:
            return 0.0
        return abs(math.log(value / source)) / math.log(step)

    return away


def shortfall(step: float, usual: float | None = None) -> Away:
    """Steps below the source's figure, or below the usual one."""

    def away(value: float, source: float | None) -> float:
        aim = usual if source is None else source
        return 0.0 if aim is None else max(0.0, aim - value) / step

    return away


def beyond(limit: float, step: float) -> Away:
    """Steps by which a figure is further from 0 than a limit."""
    return lambda value, source: max(0.0, abs(value) - limit) / step


AWAY: dict[str, Away] = {
    "length_error_ms": beyond(40, 40),
    "psnr_outside": lambda value, source: max(0.0, 38 - value) / 6,
    "seam": beyond(0.5, 1.0),
    "sharpness_mouth": ratio(1.25),
    "sharpness_face": ratio(1.25),
    "identity_drift": beyond(0.02, 0.05),
    "flicker_mouth": ratio(1.5),
    "flicker_face": ratio(1.5),
    "sync_confidence": shortfall(0.1, TRUE_CONFIDENCE),
    "sync_offset": beyond(1, 1),
}


def distance(row: Row, source: Row) -> float | None:
    """Root mean square of the steps over the measures that a row has; None if it has none of them.

    0: like a true clip; 1: something can be seen in most measures, or much in one.
    """
    steps = [
        min(MOST, away(row[name], source.get(name)))
        for name, away in AWAY.items()
        if row.get(name) is not None
    ]
    if not steps:
        return None
    return round(math.sqrt(sum(step**2 for step in steps) / len(steps)), 3)
