"""The quality table turned on its side, with a verdict in words for each measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..measure.distance import AWAY
from ..measure.measures import HIGHER, LIKE_SOURCE, LOWER, MEASURES
from ..measure.table import SOURCE

DISTANCE = "distance"
SUMMARY = {  # columns of the quality table that are no measures
    "frames": "pictures in the video; for the source, those used here",
    "frames_redrawn": "frames with a face, whose mouth was drawn anew",
    "frames_passed_through": "frames without a usable face, shown as they are in the source",
    DISTANCE: "how far all figures are from a true clip's, in steps that can be seen; 0: like one",
}
MEANINGS = SUMMARY | {measure.name: measure.meaning for measure in MEASURES}
GOOD = {DISTANCE: LOWER} | {measure.name: measure.good for measure in MEASURES}

# steps that can be seen, up to which a figure is like a true clip's, or a little off
LIKE = 0.5
LITTLE = 1.5
SAME = 0.1  # share of the source's figure within which another one is as good

UNMOVED = 0.01
BEST = 1e6  # more than any figure: the higher the better
AIMS = {  # of the figures of training.evaluate
    "mouth_l1": 0.0,
    "mouth_psnr": BEST,
    "mouth_ssim": BEST,
    "sync_cosine": BEST,
    "sync_confidence": BEST,
    "sync_offset": 0.0,
    "sharpness_ratio": 1.0,
    "flicker_ratio": 1.0,
}

Verdict = tuple[str, str]  # state: "right", "look" (look closer) or ""; words


def quality_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """``measure_run``'s rows, a measure each: name, figures by video, what is good,
    verdict, state, meaning.

    The verdict is on the last video.
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
                good=GOOD.get(name, ""),
                verdict=words,
                state=state,
                meaning=MEANINGS.get(name, ""),
            )
        )
    return lines


def verdict(name: str, value: float | None, source: float | None) -> Verdict:
    """State and words for a figure of a result beside the source's."""
    if value is None or name not in GOOD:
        return "", ""

    good = GOOD[name]
    more = value / source - 1 if source else None
    if name == DISTANCE:
        return _by_steps(value, "")
    if name in AWAY:
        shown = f" ({more:+.0%} to the source)" if more is not None and good == LIKE_SOURCE else ""
        return _by_steps(AWAY[name](value, source), shown)
    if more is None or good not in (HIGHER, LOWER):
        return "", ""

    worse = -more if good == HIGHER else more
    if worse > SAME:
        return "look", "worse than the source"
    return "right", "as good as the source" if worse > -SAME else "better than the source"


def changes(before: Mapping[str, float], after: Mapping[str, float]) -> list[dict[str, Any]]:
    """Figures of ``training.evaluate`` before and after a training, a measure each.

    Those that did not move by more than a hundredth are called the same.
    """
    rows = []
    for name, aim in AIMS.items():
        if name not in before or name not in after:
            continue

        old, new = before[name], after[name]
        away, nearer = (abs(value - aim) for value in (old, new))
        words = "better" if nearer < away else "worse"
        if abs(new - old) <= UNMOVED * max(abs(old), UNMOVED):
            words = "the same"
        good = {BEST: "higher", 0.0: "near 0", 1.0: "near 1"}[aim]
        rows.append(
            dict(measure=name.replace("_", " "), before=old, after=new, good_is=good, verdict=words)
        )
    return rows


def _by_steps(steps: float, shown: str) -> Verdict:
    if steps <= LIKE:
        return "right", "like a true clip"
    if steps <= LITTLE:
        return "", f"a little off{shown}"
    return "look", f"look closer{shown}"


def text_of(value: Any) -> str:
    """A cell of a table; a missing value is empty."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
