"""Faces of a clip, looked for in some of its frames: between two looks heads move straight on.

A detector's landmarks tremble by 3 % of the distance from eyes to mouth when a face moves by a
pixel, more than a head's way differs from a straight line in an eighth of a second. Where two looks
do not find the same faces at about the same places, every frame between them is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice, pairwise

import numpy as np

from .boxes import iou
from .cover import mark_covered
from .detect import batch_size, detect_faces

LOOKS_PER_SECOND = 8
SAME_FACE = 0.5  # overlap of the boxes in two looks
STRAIGHT = 0.1  # of the distance eyes to mouth: what moves less, moves straight on


def detect_clip(
    frames: Iterable[tuple[np.ndarray, int]],
    fps: Fraction,
    detector: str = "retinaface",
    device: str = "cpu",
) -> Iterator[np.ndarray]:
    """Faces of consecutive frames of a clip, as ``detect_faces``; each frame comes with its shot.

    Which frames are looked at does not depend on ``device`` or on how many are there.
    """
    step = max(1, round(fps / LOOKS_PER_SECOND))
    stream = iter(frames)
    faces: dict[int, np.ndarray] = {}
    shot: dict[int, int] = {}
    while block := list(islice(stream, step * batch_size(device))):
        last = len(block) - 1
        pictures = [frame for frame, _ in block]
        shot |= {n: number for n, (_, number) in enumerate(block)}

        looks = {*range(step - 1, len(block), step), last}
        if not faces:
            looks.add(0)
        faces |= _detect_at(pictures, sorted(looks), detector, device)
        for a, b in pairwise(sorted(faces)):
            if shot[a] == shot[b]:
                faces |= straight_between(faces, a, b, pictures)

        missing = [n for n in range(len(block)) if n not in faces]
        faces |= _detect_at(pictures, missing, detector, device)
        yield from (faces[n] for n in range(len(block)))
        faces = {-1: faces[last]}
        shot = {-1: shot[last]}


def _detect_at(
    pictures: list[np.ndarray], numbers: list[int], detector: str, device: str
) -> dict[int, np.ndarray]:
    found = detect_faces((pictures[n] for n in numbers), detector, device)
    return dict(zip(numbers, found, strict=True))


def straight_between(
    faces: dict[int, np.ndarray], first: int, last: int, pictures: list[np.ndarray]
) -> dict[int, np.ndarray]:
    """Detections of the frames between two of them, by number; none where they are not alike.

    Whether a mouth is covered is seen in each frame.
    """
    before = faces[first]
    after = in_order_of(before, faces[last])
    if after is None or not moves_little(before, after):
        return {}

    between = {}
    for n in range(first + 1, last):
        share = np.float32((n - first) / (last - first))
        between[n] = mark_covered(pictures[n], (1 - share) * before + share * after)
    return between


def in_order_of(before: np.ndarray, after: np.ndarray) -> np.ndarray | None:
    """Detections ``(faces, 15)`` in the order of the same faces earlier; None: not the same."""
    if len(before) != len(after):
        return None

    order: list[int] = []
    for row in before:
        overlaps = [iou(row, other) for other in after]
        nearest = int(np.argmax(overlaps))
        if overlaps[nearest] < SAME_FACE or nearest in order:
            return None
        order.append(nearest)
    return after[order]


def moves_little(before: np.ndarray, after: np.ndarray) -> bool:
    """Do all corners and landmarks of ``(faces, 15)`` stay near where they were?"""
    landmarks = before[:, 5:].reshape(-1, 5, 2)
    down = landmarks[:, 3:].mean(axis=1) - landmarks[:, :2].mean(axis=1)
    limit = STRAIGHT * np.hypot(*down.T)[:, None]

    ways = np.delete(after - before, 4, axis=1).reshape(-1, 7, 2)
    return bool((np.hypot(ways[..., 0], ways[..., 1]) <= limit).all())
