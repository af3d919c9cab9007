"""The measures of the quality table, in the order of its columns: to add one, add an entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..face.mask import local_mask
from ..plan.geometry import frame_landmarks
from ..plan.plan import Plan
from .pictures import (
    edge_sharpness,
    identity_drift,
    mean_flicker,
    mouth_part,
    naturalness,
    psnr,
    seam_edges,
)
from .samples import Clip, Still

# what is good
HIGHER = "higher"
LOWER = "lower"
LIKE_SOURCE = "near the source"
NEAR_ZERO = "near 0"

FEWEST_FRAMES = 3  # that show flicker


@dataclass(frozen=True)
class Measure:
    """A column of the quality table.

    ``digits``: decimals that are kept; ``meaning``: what the figure says, for people.
    """

    name: str
    unit: str
    good: str
    digits: int
    meaning: str

    def of(self, clip: Clip) -> float | None:
        """The figure of a video, None where it has none."""
        value = self.exact(clip)
        return None if value is None else round(value, self.digits)

    def exact(self, clip: Clip) -> float | None:
        raise NotImplementedError


@dataclass(frozen=True)
class ClipMeasure(Measure):
    """A figure of a video as a whole."""

    function: Callable[[Clip], float | None]

    def exact(self, clip: Clip) -> float | None:
        return self.function(clip)


@dataclass(frozen=True)
class FrameMeasure(Measure):
    """The mean over single frames; those for which ``function`` gives None do not count.

    The source itself has none where ``against_source`` says that the two are compared.
    """

    function: Callable[[Still], float | None]
    against_source: bool = False

    def exact(self, clip: Clip) -> float | None:
        values = clip.still_values[self.name]
        return float(np.mean(values)) if values else None


def length_error(clip: Clip) -> float | None:
    """Duration of the file less the planned one, in ms."""
    if clip.seconds is None:
        return None

    return 1000 * (clip.seconds - float(clip.plan.duration))


def psnr_outside(still: Still) -> float:
    return psnr(still.frame, still.source, outside_mask(still.plan, still.n))


def outside_mask(plan: Plan, n: int) -> np.ndarray:
    """``bool (H, W)``: pixels of output frame ``n`` that re-drawing leaves alone."""
    outside = np.ones(plan.size[::-1], bool)
    for layer in plan.layers:
        if not layer.redrawn[n]:
            continue

        (x1, y1, x2, y2), mask = local_mask(frame_landmarks(layer, n), *plan.size)
        if mask.size:
            outside[y1:y2, x1:x2] &= mask == 0
    return outside


def seam(still: Still) -> float | None:
    """Of the first face."""
    landmarks = frame_landmarks(still.plan.layers[0], still.n)
    return seam_edges(still.frame, still.source, landmarks)


def sharpness_mouth(still: Still) -> float:
    return edge_sharpness(mouth_part(still.crop))


def sharpness_face(still: Still) -> float:
    return edge_sharpness(still.crop)


def drift(still: Still) -> float:
    return identity_drift(still.crop, still.source_crop)


def niqe(clip: Clip) -> float | None:
    return naturalness(clip.still_crops)


def flicker_mouth(clip: Clip) -> float | None:
    return flicker([mouth_part(crop) for crop in clip.face_crops])


def flicker_face(clip: Clip) -> float | None:
    return flicker(clip.face_crops)


def flicker(crops: Sequence[np.ndarray]) -> float | None:
    """None for fewer pictures than show it."""
    return mean_flicker(np.stack(crops)) if len(crops) >= FEWEST_FRAMES else None


def sync(part: str) -> Callable[[Clip], float | None]:
    """A part of the score under the compact expert."""
    return lambda clip: clip.sync.get(part)


def lse(part: str) -> Callable[[Clip], float | None]:
    """A part of the score under upstream's SyncNet."""
    return lambda clip: clip.lse.get(part)


MEASURES: tuple[Measure, ...] = (
    ClipMeasure("length_error_ms", "ms", NEAR_ZERO, 3,
        "duration of the file less the planned one; under one frame is right",
        length_error),
    FrameMeasure("psnr_outside", "dB", HIGHER, 2,
        "likeness to the source outside the mouth's mask, in dB;"
        " the loss is the encoder's, over 40 is hard to see",
        psnr_outside, against_source=True),
    FrameMeasure("seam", "grey levels a pixel", NEAR_ZERO, 3,
        "new edges along the rim of the mouth's mask, in grey levels a pixel;"
        " 0 is best, under 1 is hard to see",
        seam, against_source=True),
    FrameMeasure("sharpness_mouth", "grey levels", LIKE_SOURCE, 2,
        "how steep the edges in the mouth are; near the source's is best, above it looks overdone",
        sharpness_mouth),
    FrameMeasure("sharpness_face", "grey levels", LIKE_SOURCE, 2,
        "the same for the whole face",
        sharpness_face),
    FrameMeasure("identity_drift", "1 - cosine", LOWER, 4,
        "change of the face's structure outside the mouth against the source; 0 is none",
        drift),
    ClipMeasure("niqe", "NIQE", LOWER, 2,
        "how natural the face looks to a model without a reference; lower is better",
        niqe),
    ClipMeasure("flicker_mouth", "grey levels", LIKE_SOURCE, 3,
        "how much the mouth's pixels jump back and forth between frames, in grey levels;"
        " a talking mouth has some",
        flicker_mouth),
    ClipMeasure("flicker_face", "grey levels", LIKE_SOURCE, 3,
        "the same for the whole face",
        flicker_face),
    ClipMeasure("sync_cosine", "cosine", HIGHER, 3,
        "how well mouth and sound agree at the best offset, 1 at most",
        sync("cosine")),
    ClipMeasure("sync_confidence", "cosine", HIGHER, 3,
        "how far they agree more at the best offset than at others; higher is better",
        sync("confidence")),
    ClipMeasure("sync_offset", "frames", NEAR_ZERO, 0,
        "the best offset in frames; 0 is in time, a positive one means that the mouth is early",
        sync("offset")),
    ClipMeasure("lse_d", "distance", LOWER, 3,
        "SyncNet's distance of mouth and sound; lower is better",
        lse("lse_d")),
    ClipMeasure("lse_c", "distance", HIGHER, 3,
        "SyncNet's confidence; higher is better",
        lse("lse_c")),
    ClipMeasure("lse_offset", "pictures of 40 ms", NEAR_ZERO, 0,
        "SyncNet's offset in pictures of 40 ms; a positive one means that the mouth is late",
        lse("lse_offset")),
)  # fmt: skip
