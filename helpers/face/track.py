"""Detections of a clip -> the faces to re-draw: one smoothed box and five landmarks a frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.ndimage import binary_dilation

from ..networks.codes import CODE_SIZE
from .people import (
    Track,
    choose_people,
    first_frames,
    largest_moving,
    link_detections,
    people_by_shot,
)
from .smooth import moving_average

MAX_GAP_S = 0.4  # a face that is missed for up to this long is interpolated
MIN_FACE = 24  # px: a box narrower or lower than this counts as no face
COVER_FRAMES = 5  # in more than half of so many a mouth is covered, or it is not
COVER_MARGIN = 3  # frames before and after a covered mouth that are left out, too
MOUTH_MARGIN = 0.3  # of the distance eyes to mouth: from mouth corners to the frame's border
CUT_DIFFERENCE = 0.18  # mean change of a 32x32 thumbnail (0 to 1) that ends a shot


@dataclass(frozen=True)
class FaceTrack:
    """The face to re-draw in each of N frames; rows without ``present`` mean nothing.

    present ``bool (N,)``; box ``float32 (N, 4)`` x1, y1, x2, y2 and landmarks ``float32 (N, 5, 2)``
    in source pixels, smoothed; score ``float32 (N,)``, 0 where interpolated; shot and track ``int32
    (N,)`` (track -1: no face); neutral ``float32 (N, 8)``: the person's own mouth code (see
    ``encode.neutral_code``), 0 until it is planned; is_photo ``bool (N,)``: a mouth that is not
    seen to move.
    """

    present: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    score: np.ndarray
    shot: np.ndarray
    track: np.ndarray
    neutral: np.ndarray
    is_photo: np.ndarray


def shot_numbers(thumbnails: Iterable[np.ndarray]) -> Iterator[int]:
    """The shot that each frame belongs to, from 0, by its ``(32, 32)`` grey thumbnail."""
    shot = 0
    last = None
    for thumbnail in thumbnails:
        grey = thumbnail.astype(np.float32) / 255
        if last is not None and np.abs(grey - last).mean() > CUT_DIFFERENCE:
            shot += 1
        yield shot
        last = grey


def select_faces(
    detections: list[np.ndarray],
    shot: np.ndarray,
    fps: Fraction,
    *,
    face: str = "largest",
    size: tuple[int, int] | None = None,
    smooth: bool = True,
    smooth_window: int = 5,
    used: int | None = None,
) -> list[FaceTrack]:
    """The faces to re-draw: one, or with ``face`` "all" as many as are seen at once.

    Chosen anew in each shot (see ``choose_people``), never hopping in between. Gaps of up to 0.4 s
    are interpolated, boxes and landmarks smoothed by a centred moving average over
    ``smooth_window`` frames. Faces under 24 px or with a covered mouth are left out, and in frames
    of a given ``size`` (W, H) those whose mouth is not whole. Only the first ``used`` frames count
    for the choice; faces are followed to the end.
    """
    tracks = link_detections(detections, shot, int(MAX_GAP_S * fps))
    shown = first_frames(tracks, used)
    numbers = {id(track): number for number, track in enumerate(shown)}

    layers: list[list[int]] = [[]]
    for people in people_by_shot(shown, shot):
        chosen = choose_people(people, face, size[0] if size else 0)
        layers += [[] for _ in chosen[len(layers) :]]
        for layer, person in zip(layers, chosen, strict=False):
            layer += sorted(numbers[id(track)] for track in person)

    window = smooth_window if smooth else 1
    return [join_tracks(tracks, layer, shot, window, size) for layer in layers]


def join_tracks(
    tracks: list[Track],
    numbers: list[int],
    shot: np.ndarray,
    window: int,
    size: tuple[int, int] | None,
) -> FaceTrack:
    """One face from the tracks with these numbers: gaps filled, smoothed, unusable rows off."""
    count = len(shot)
    rows = np.zeros((count, 15), np.float32)
    owner = np.full(count, -1, np.int32)
    for number in numbers:
        frames = np.array(sorted(tracks[number]))
        span = np.arange(frames[0], frames[-1] + 1)
        values = np.stack([tracks[number][n] for n in frames])
        filled = np.stack([np.interp(span, frames, column) for column in values.T], axis=1)

        rows[span] = moving_average(filled, window)
        rows[span, 4] = np.where(np.isin(span, frames), filled[:, 4], 0)
        owner[span] = np.where(is_hidden(filled[:, 4]), -1, number)

    usable = is_large(rows)
    if size:
        usable &= has_whole_mouth(rows, size)
    owner[~usable] = -1

    return FaceTrack(
        present=owner >= 0,
        box=rows[:, :4],
        landmarks=rows[:, 5:].reshape(-1, 5, 2),
        score=rows[:, 4],
        shot=shot,
        track=owner,
        neutral=np.zeros((count, CODE_SIZE), np.float32),
        is_photo=np.zeros(count, bool),
    )


def is_hidden(confidence: np.ndarray) -> np.ndarray:
    """In which frames of a track the mouth is covered: ``bool (n,)``, and some on either side.

    ``confidence`` ``(n,)`` of its detections, 0 where the mouth is covered.
    """
    votes = moving_average((confidence == 0).astype(np.float32), COVER_FRAMES)
    return binary_dilation(votes > 0.5, iterations=COVER_MARGIN)


def is_large(rows: np.ndarray) -> np.ndarray:
    """Which detections ``(K, 15)`` are of faces large enough to re-draw: ``bool (K,)``."""
    return (rows[:, 2:4] - rows[:, :2] >= MIN_FACE).all(axis=1)


def has_whole_mouth(rows: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which detections ``(K, 15)`` in frames of a size (W, H) show the whole mouth: ``bool``.

    At the border detectors bend a face into the frame: with less than about 0.3 of the distance
    from eyes to mouth between mouth corners and border, or with an eye outside, landmarks cannot be
    used.
    """
    points = rows[:, 5:].reshape(-1, 5, 2)
    mouth = points[:, 3:]
    down = mouth.mean(axis=1) - points[:, :2].mean(axis=1)
    margin = MOUTH_MARGIN * np.hypot(*down.T)[:, None]

    inside = ((points >= 0) & (points <= size)).all(axis=(1, 2))
    nearest = np.minimum(mouth.min(axis=1), (size - mouth).min(axis=1))
    return inside & (nearest >= margin).all(axis=1)


def unusable_reason(detections: list[np.ndarray]) -> str | None:
    """Why none of the faces that were found can be re-drawn; None where none was found."""
    rows = np.concatenate([np.zeros((0, 15), np.float32), *detections])
    if not len(rows):
        return None

    sides = rows[:, 2:4] - rows[:, :2]
    width, height = sides[sides.min(axis=1).argmax()]
    if min(width, height) < MIN_FACE:
        return (
            f"the largest face is {width:.0f}x{height:.0f} pixels, at least {MIN_FACE}x{MIN_FACE}"
            " are needed; give a closer shot or a larger video"
        )
    if not rows[:, 4].any():
        return (
            "something covers the mouth, such as a mask or a microphone;"
            " allow_no_face=true passes the clip through"
        )
    return "every face is cut off by the border; give a shot in which a whole mouth is seen"


def yields_to_moving(
    detections: list[np.ndarray], shot: np.ndarray, fps: Fraction, used: int | None = None
) -> bool:
    """Is the largest face of any shot one that never moves, beside one that does?"""
    tracks = link_detections(detections, shot, int(MAX_GAP_S * fps))
    return any(
        largest_moving(people) is not people[0]
        for people in people_by_shot(first_frames(tracks, used), shot)
        if people
    )
