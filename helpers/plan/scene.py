"""The clip looked at once: which source frames are shown, cuts, faces."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from .. import media, parsing
from ..face.detect import DETECT_LONG_SIDE, box_detection, detect_faces, scale_detections
from ..face.track import find_shots
from ..networks.devices import choose_device
from ..params import Params

THUMBNAIL = 32  # px, of the pictures that cuts are found on


def source_frames(count: int, available: int, fill: str) -> np.ndarray:
    """Which source frame each of ``count`` output frames shows, ``int32 (count,)``, when there are ``available``.

    After the last one: ``pingpong`` goes back and forth, ``hold`` stays, ``loop`` starts again.
    """
    n = np.arange(count)
    if fill == "hold" or available == 1:
        n = np.minimum(n, available - 1)
    elif fill == "loop":
        n = n % available
    else:
        n = n % (2 * available - 2)
        n = np.minimum(n, 2 * available - 2 - n)
    return n.astype(np.int32)


def source_view(p: Params) -> media.View:
    """Which part of the source is used, and which way up. Raises ParameterError."""
    kept = parsing.rectangle("crop", p.crop)
    if kept is None:
        return media.View(int(p.rotate))

    x1, y1, x2, y2 = map(round, kept)
    return media.View(int(p.rotate), (x1, y1, x2, y2))


def small_frames(video: str, fps: Fraction, stop: int, view: media.View) -> Iterator[np.ndarray]:
    """The first ``stop`` frames of a video, decoded no larger than detection needs."""
    width, height = view.size(media.probe(video))
    scale = min(1.0, DETECT_LONG_SIDE / max(width, height))
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return media.prefetch(media.read_frames(video, fps, 0, stop, size if scale < 1 else None, view))


def find_faces(
    p: Params, video: str, fps: Fraction, stop: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Detections ``(faces, 15)`` in source pixels and shot number of each of the first ``stop`` frames."""
    info, look = media.probe(video), source_view(p)
    width, height = look.size(info)
    frames = small_frames(video, fps, 1 if info.kind == "image" else stop, look)
    thumbnails, shape = [], []

    def noted() -> Iterator[np.ndarray]:
        for frame in frames:
            shape[:] = frame.shape[:2]
            small = cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
            thumbnails.append(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
            yield frame

    box = parsing.rectangle("box", p.box)
    if box:
        given = box_detection(box, width, height)
        found = [given.copy() for _ in noted()]
    else:
        device = str(choose_device(p.device))
        found = [
            scale_detections(rows, width / shape[1], height / shape[0])
            for rows in detect_faces(noted(), p.detector, device)
        ]
    if info.kind == "image":
        found, thumbnails = found * stop, thumbnails * stop
    return found, find_shots(thumbnails)
