"""A look at a clip: some of its frames, and the faces in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import media, parsing
from ..face.detect import box_detection, detect_faces
from ..networks.devices import choose_device
from ..params import Params
from ..plan.scene import source_view

FRAMES = 10  # looked at, evenly spread over the clip


def spread(numbers: Sequence[int], count: int) -> list[int]:
    """``count`` of some numbers, evenly spread from the first to the last; none of none."""
    if not len(numbers):
        return []
    places = np.linspace(0, len(numbers) - 1, count).round().astype(int)
    return [int(numbers[k]) for k in places]


def some_frames(p: Params, video: str) -> tuple[list[int], list[np.ndarray]]:
    """Numbers and frames ``uint8 (H, W, 3)`` from all over a clip, turned and cropped."""
    info = media.probe(video)
    fps = media.default_fps(info)
    numbers = spread(range(media.frame_count(info, fps)), FRAMES)
    return numbers, list(media.read_indexed(video, fps, numbers, view=source_view(p)))


def faces_in(p: Params, frames: list[np.ndarray]) -> list[np.ndarray]:
    """Detections ``float32 (faces, 15)`` of each frame, as the run will have them.

    The parameter's own box if there is one, else what the detector finds, on the run's device.
    Raises ParameterError.
    """
    box = parsing.rectangle("box", p.box)
    if box is None:
        return list(detect_faces(frames, p.detector, str(choose_device(p.device))))

    height, width = frames[0].shape[:2]
    return [box_detection(box, width, height) for _ in frames]
