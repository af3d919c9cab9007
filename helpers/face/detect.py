"""Faces of RGB frames: the detectors that there are, and a box given by hand.

A new detector is a function of the kind ``Detector`` in a file of its own, a line in ``DETECTORS``,
and its name among the choices of the parameter ``detector``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import cv2
import numpy as np

from ..errors import ParameterError
from ..networks.devices import halving_batches
from .boxes import box_landmarks, scale_detections
from .cover import mark_covered
from .lying import correct_lying
from .retinaface import WORKERS, detect_retinaface
from .s3fd import detect_s3fd

DETECT_LONG_SIDE = 640  # px: larger frames are made this small before detection
GPU_BATCH = 16  # frames

# RGB frames ``uint8 (H, W, 3)`` of one size, device -> detections ``float32 (faces, 15)`` of each
Detector = Callable[[Sequence[np.ndarray], str], list[np.ndarray]]
DETECTORS: dict[str, Detector] = {"retinaface": detect_retinaface, "s3fd": detect_s3fd}


def detect_faces(
    frames: Iterable[np.ndarray], detector: str = "retinaface", device: str = "cpu"
) -> Iterator[np.ndarray]:
    """Faces of each RGB frame of one size, ``float32 (faces, 15)`` in its pixels; see ``boxes``.

    Faces that lie on their side are looked at again in a turned picture; where something covers the
    mouth, the confidence is 0.
    """

    def detect(batch: list[np.ndarray]) -> list[np.ndarray]:
        height, width = batch[0].shape[:2]
        small = [shrink_frame(frame) for frame in batch]
        across = width / small[0].shape[1]
        down = height / small[0].shape[0]
        faces = []
        for frame, found in zip(small, DETECTORS[detector](small, device), strict=True):
            found = mark_covered(frame, correct_lying(frame, found, detect_one))
            faces.append(scale_detections(found, across, down))
        return faces

    def detect_one(frame: np.ndarray) -> np.ndarray:
        return DETECTORS[detector]([frame], device)[0]

    return halving_batches(detect, frames, batch_size(device), "detect")


def batch_size(device: str) -> int:
    """Frames looked at together."""
    return WORKERS if device == "cpu" else GPU_BATCH


def detect_in_frame(
    frame: np.ndarray, detector: str = "retinaface", device: str = "cpu"
) -> np.ndarray:
    """Faces of one RGB frame, as ``detect_faces``."""
    return next(detect_faces([frame], detector, device))


def shrink_frame(frame: np.ndarray) -> np.ndarray:
    """A frame with a long side of 640 px at most."""
    height, width = frame.shape[:2]
    scale = min(1.0, DETECT_LONG_SIDE / max(height, width))
    if scale == 1:
        return frame
    size = (round(width * scale), round(height * scale))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA)


def box_detection(box: tuple[float, float, float, float], width: int, height: int) -> np.ndarray:
    """A detection ``float32 (1, 15)`` made from a box given by hand.

    Raises ParameterError if the box does not lie in the frame.
    """
    x1, y1, x2, y2 = box
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise ParameterError(
            f"box={x1:g},{y1:g},{x2:g},{y2:g} does not lie in the {width}x{height} frame;"
            f" give x1,y1,x2,y2 with 0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}"
        )
    row = [*box, 1.0, *box_landmarks(np.array(box)).ravel()]
    return np.array([row], np.float32)
