"""The quality table turned on its side, with a verdict in words for each measure."""

from __future__ import annotations

from typing import Any

from ..measure.measures import HIGHER, LIKE_SOURCE, MEASURES
from ..measure.table import SOURCE

COUNTS = {  # columns of the quality table that are no measures
    "frames": "pictures in the video; for the source, those used here",
    "frames_redrawn": "frames with a face, whose mouth was drawn anew",
    "frames_passed_through": "frames without a usable face, shown as they are in the source",
}
MEANINGS = COUNTS | {measure.name: measure.meaning for measure in MEASURES}
GOOD = {measure.name: measure.good for measure in MEASURES}

SAME = 0.1  # share of the source's value within which a figure is like it
LIKE = 0.25  # the same where the source's value is the aim
LIMITS = {  # up to these a figure is right whatever the source's is
    "length_error_ms": 40.0,
    "seam": 1.0,
    "sync_offset": 1.0,
    "lse_offset": 1.0,
    "identity_drift": 0.02,
}
LEAST_PSNR = 40.0  # dB, from here on a loss is hard to see


def quality_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``measure_run``'s rows, a measure each: name, figures by video, verdict, state, meaning.

    The verdict is on the last video; its state is "right", "look" (look closer) or "".
    """
    names = dict.fromkeys([*MEANINGS, *(name for row in rows for name in row)])
    names.pop("video", None)
    source = next((row for row in rows if row["video"] == SOURCE), {})
    lines = []
    for name in names:
        if all(row.get(name) is None for row in rows):
            continue
        state, words = verdict(name, rows[-1].get(name), source.get(name))
        lines.append(
            dict(
                name=name.replace("_", " "),
                figures={row["video"]: text_of(row.get(name)) for row in rows},
                verdict=words,
                state=state,
                meaning=MEANINGS.get(name, ""),
            )
        )
    return lines


def verdict(name: str, value: float | None, source: float | None) -> tuple[str, str]:
    """State and words for a figure of a result beside the source's."""
    if value is None or name not in GOOD:
        return "", ""
    if name in LIMITS:
        right = abs(value) <= LIMITS[name]
        return _judged(right, "right" if right else f"over {LIMITS[name]:g}: look closer")
    if name == "psnr_outside":
        right = value >= LEAST_PSNR
        return _judged(right, "hard to see" if right else "may be seen: try a lower crf")
    if not source:
        return "", f"{GOOD[name]} is better"
    return _beside_source(GOOD[name], value / source - 1)


def _beside_source(good: str, more: float) -> tuple[str, str]:
    """``more``: by which share the figure is above the source's."""
    if good == LIKE_SOURCE:
        right = abs(more) <= LIKE
        return _judged(right, "like the source" if right else f"{more:+.0%} to the source")
    if abs(more) <= SAME:
        return "right", "as good as the source"

    better = (more > 0) == (good == HIGHER)
    return _judged(better, "better than the source" if better else "worse than the source")


def _judged(right: bool, words: str) -> tuple[str, str]:
    return ("right" if right else "look"), words


def text_of(value: Any) -> str:
    """A cell of a table; a missing value is empty."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
