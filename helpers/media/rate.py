"""The frame rate of a video, exact, from the times of its pictures."""

from __future__ import annotations

import statistics
from fractions import Fraction

from .info import VARIABLE_RATE_FPS

COMMON_RATES = [
    *(Fraction(n) for n in (10, 12, 15, 24, 25, 30, 48, 50, 60, 90, 100, 120)),
    *(Fraction(n * 1000, 1001) for n in (15, 24, 30, 48, 60, 120)),
]
MOST_DROPPED = 0.1  # of the pictures of a constant rate, by a recorder that was busy
OFF_PLACE = Fraction(1, 4)  # of a frame, that a picture of a constant rate may be off its place


def find_rate(times: list[int], tick: Fraction, stated: str | None) -> tuple[Fraction, bool]:
    """Exact rate from the sorted times of pictures in ticks (seconds): (rate, is it variable).

    ``stated`` is what the file says, used if there is one picture only. A rate from which single
    pictures were dropped is constant.
    """
    if len(times) < 2 or times[-1] == times[0]:
        return _stated_rate(stated), False

    slots = _slots(times)
    span = (times[-1] - times[0]) * tick
    rate = _nearest_rate(slots[-1] / span, 2 * tick / span)
    off = max(abs((t - times[0]) * tick * rate - n) for t, n in zip(times, slots, strict=True))
    return rate, off > OFF_PLACE


def _stated_rate(stated: str | None) -> Fraction:
    rate = Fraction(stated).limit_denominator(1001) if stated else Fraction(0)
    if rate <= 0:
        return VARIABLE_RATE_FPS

    return min(COMMON_RATES, key=lambda common: abs(common - rate))


def _slots(times: list[int]) -> list[int]:
    """The place of each picture in its raster; few may be empty, else pictures are just counted."""
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    usual = statistics.median_low(steps) or 1

    slots = [0]
    for step in steps:
        slots.append(slots[-1] + round(step / usual))

    if slots[-1] > len(steps) * (1 + MOST_DROPPED):
        return list(range(len(times)))

    return slots


def _nearest_rate(mean: Fraction, uncertainty: Fraction) -> Fraction:
    """A common rate where the mean is one, as far as end times in ticks can tell."""
    slack = max(mean * uncertainty, mean / 100000)
    near = [rate for rate in COMMON_RATES if abs(rate - mean) <= slack]
    if near:
        return min(near, key=lambda rate: abs(rate - mean))

    return mean.limit_denominator(1001)
