"""The clip looked at once: which source frames are shown, cuts, faces."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import tee

import cv2
import numpy as np

from .. import media, parsing
from ..face.between import detect_clip
from ..face.boxes import scale_detections
from ..face.detect import DETECT_LONG_SIDE, box_detection
from ..face.track import (
    COVER_FRAMES,
    FaceTrack,
    select_faces,
    shot_numbers,
    yields_to_moving,
)
from ..networks.devices import choose_device
from ..params import Params
from ..timing import Progress, counted, silent

THUMBNAIL = 32  # px, of the pictures that cuts are found on
READ_AHEAD = 16  # small frames


def source_frames(count: int, available: int, fill: str) -> np.ndarray:
    """The source frame of each output frame, ``int32 (count,)``, of ``available`` ones.

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


def detection_size(width: int, height: int) -> tuple[int, int]:
    """The size in which frames are decoded for detection: no larger than it needs."""
    scale = min(1.0, DETECT_LONG_SIDE / max(width, height))
    if scale == 1:
        return width, height
    return max(2, round(width * scale)), max(2, round(height * scale))


def small_frames(
    video: str, fps: Fraction, stop: int, view: media.View
) -> Iterator[tuple[np.ndarray, int]]:
    """The first ``stop`` frames of a video, in the size of ``detection_size``, and their shots."""
    full = view.size(media.probe(video))
    size = detection_size(*full)
    scaled = None if size == full else size
    frames = media.prefetch(media.read_frames(video, fps, 0, stop, scaled, view), READ_AHEAD)
    shown, looked_at = tee(frames)
    yield from zip(shown, shot_numbers(map(thumbnail, looked_at)), strict=True)


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """The grey picture ``(32, 32)`` that cuts are found on."""
    small = cv2.resize(frame, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)


def find_faces(
    p: Params, video: str, fps: Fraction, stop: int, progress: Progress = silent
) -> tuple[list[np.ndarray], np.ndarray]:
    """Detections ``(faces, 15)`` in source pixels and shot of the first ``stop`` frames."""
    info = media.probe(video)
    view = source_view(p)
    width, height = view.size(info)
    copies = stop if info.kind == "image" else 1
    shots: list[int] = []

    def noted() -> Iterator[tuple[np.ndarray, int]]:
        count = stop // copies
        frames = small_frames(video, fps, count, view)
        for frame, shot in counted(frames, progress, "faces", count):
            shots.append(shot)
            yield frame, shot

    box = parsing.rectangle("box", p.box)
    if box:
        given = box_detection(box, width, height)
        found = [given.copy() for _ in noted()]
    else:
        device = str(choose_device(p.device))
        size = detection_size(width, height)
        found = [
            scale_detections(rows, width / size[0], height / size[1])
            for rows in detect_clip(noted(), fps, p.detector, device)
        ]

    return found * copies, np.array(shots * copies, np.int32)


def choose_faces(
    p: Params,
    found: list[np.ndarray],
    shot: np.ndarray,
    fps: Fraction,
    size: tuple[int, int],
    used: int,
) -> list[FaceTrack]:
    """The faces of ``select_faces``; says so if still or covered ones are passed over."""
    covered = sum(bool((rows[:, 4] == 0).any()) for rows in found[:used])
    if covered >= COVER_FRAMES:
        print(
            f"something covers a mouth in {covered} of {used} frames, which is left as it is there",
            file=sys.stderr,
        )
    if p.face == "largest" and yields_to_moving(found, shot, fps, used):
        print(
            "the largest face never moves, so the largest one that does is taken;"
            " face=left, right, center or a number takes another",
            file=sys.stderr,
        )

    return select_faces(
        found,
        shot,
        fps,
        face=p.face,
        size=size,
        smooth=p.smooth,
        smooth_window=p.smooth_window,
        used=used,
    )
