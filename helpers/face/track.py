"""Detections -> per-shot tracks -> the faces to re-draw, one smoothed box and five landmarks a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..networks.codes import CODE_SIZE
from .detect import MIN_IOU, iou

MAX_GAP_S = 0.4  # a face that is missed for up to this long is interpolated
MIN_FACE = 24  # px: a box narrower or lower than this counts as no face
SEEN_SHARE = 0.2  # of the frames of a shot's longest face: a face seen for less has no place in the row of faces
CUT_DIFFERENCE = 0.18  # mean change of a 32x32 thumbnail (0 to 1) that ends a shot


@dataclass(frozen=True)
class FaceTrack:
    """The face to re-draw in each of N frames. Where ``present`` is false the other rows mean nothing.

    present ``bool (N,)``; box ``float32 (N, 4)`` x1, y1, x2, y2 and landmarks ``float32 (N, 5, 2)`` in source pixels,
    smoothed; score ``float32 (N,)``, 0 where interpolated; shot and track ``int32 (N,)`` (track -1: no face); neutral
    ``float32 (N, 8)``: the person's own mouth code (see ``encode.neutral_code``), 0 until it is planned; is_photo
    ``bool (N,)``: a mouth that is not seen to move.
    """

    present: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    score: np.ndarray
    shot: np.ndarray
    track: np.ndarray
    neutral: np.ndarray
    is_photo: np.ndarray


def find_shots(thumbnails: Iterable[np.ndarray]) -> np.ndarray:
    """Number of the shot that each frame belongs to, ``int32 (N,)``, from ``(32, 32)`` grey thumbnails."""
    numbers, shot, last = [], 0, None
    for small in thumbnails:
        small = small.astype(np.float32) / 255
        if last is not None and np.abs(small - last).mean() > CUT_DIFFERENCE:
            shot += 1
        numbers.append(shot)
        last = small
    return np.array(numbers, np.int32)


def link_detections(
    detections: list[np.ndarray], shot: np.ndarray, max_gap: int
) -> list[dict[int, np.ndarray]]:
    """Detections of all frames -> tracks, each a dict from frame number to a detection ``(15,)``.

    A track goes on with the detection that overlaps it most, across up to ``max_gap`` missed frames, within one shot.
    """
    tracks: list[dict[int, np.ndarray]] = []
    alive: list[dict[int, np.ndarray]] = []
    for n, found in enumerate(detections):
        if n and shot[n] != shot[n - 1]:
            alive = []
        alive = [t for t in alive if n - max(t) <= max_gap + 1]
        pairs = [
            (iou(t[max(t)], f), i, j) for i, t in enumerate(alive) for j, f in enumerate(found)
        ]
        taken_tracks, taken_faces = set(), set()
        for overlap, i, j in sorted(pairs, reverse=True):
            if overlap >= MIN_IOU and i not in taken_tracks and j not in taken_faces:
                alive[i][n] = found[j]
                taken_tracks.add(i)
                taken_faces.add(j)
        for j in range(len(found)):
            if j not in taken_faces:
                alive.append({n: found[j]})
                tracks.append(alive[-1])
    return tracks


def group_people(tracks: list[dict[int, np.ndarray]]) -> list[list[dict[int, np.ndarray]]]:
    """Tracks of one shot, put together: tracks of one person never overlap in time. The largest summed area first."""
    area = lambda track: sum(float(np.prod(d[2:4] - d[:2])) for d in track.values())  # noqa: E731
    found: list[list[dict[int, np.ndarray]]] = []
    for track in sorted(tracks, key=area, reverse=True):
        for person in found:
            if all(min(track) > max(other) or max(track) < min(other) for other in person):
                person.append(track)
                break
        else:
            found.append([track])
    return sorted(found, key=lambda person: -sum(map(area, person)))


def choose_people(
    found: list[list[dict[int, np.ndarray]]], face: str, width: int
) -> list[list[dict[int, np.ndarray]]]:
    """The people of one shot (see ``people``) that ``face`` names: one, none, or with "all" each of them.

    An index counts from the left, from 0. Left, right, center and indices leave out faces that are seen shortly.
    """
    if face == "all" or not found:
        return found
    if face == "largest":
        return found[:1]
    seen = [sum(map(len, person)) for person in found]
    steady = [p for p, frames in zip(found, seen, strict=True) if frames >= SEEN_SHARE * max(seen)]
    middle = lambda person: float(
        np.mean([d[0] + d[2] for track in person for d in track.values()]) / 2
    )  # noqa: E731
    row = sorted(steady, key=middle)
    if face == "center":
        return [min(row, key=lambda person: abs(middle(person) - width / 2))]
    index = {"left": 0, "right": len(row) - 1}.get(face)
    index = int(face) if index is None else index
    return row[index : index + 1]


def select_faces(
    detections: list[np.ndarray], shot: np.ndarray, fps: Fraction, face: str = "largest", width: int = 0,
    smooth: bool = True, smooth_window: int = 5, used: int | None = None,
) -> list[FaceTrack]:  # fmt: skip
    """The faces to re-draw: one FaceTrack, or with ``face`` "all" as many as are seen at once (one at least).

    Chosen anew in each shot (see ``choose``; ``width`` of the frames in pixels), never hopping in between. Gaps of up
    to 0.4 s are interpolated, boxes smoothed by a centred moving average over ``smooth_window`` frames of one track,
    faces under 24 px dropped. Only the first ``used`` frames count for the choice; the faces are followed to the end.
    """
    tracks = link_detections(detections, shot, int(MAX_GAP_S * fps))
    seen = [
        {n: found for n, found in track.items() if used is None or n < used} for track in tracks
    ]
    layers: list[list[int]] = [[]]
    for number in range(int(shot[-1]) + 1):
        own = [i for i, track in enumerate(seen) if track and shot[min(track)] == number]
        chosen = choose_people(group_people([seen[i] for i in own]), face, width)
        for layer, person in enumerate(chosen):
            if layer == len(layers):
                layers.append([])
            layers[layer] += [i for i in own if any(seen[i] is track for track in person)]
    return [_face_track(tracks, layer, shot, smooth_window if smooth else 1) for layer in layers]


def _face_track(
    tracks: list[dict[int, np.ndarray]], mine: list[int], shot: np.ndarray, window: int
) -> FaceTrack:
    rows = np.zeros((len(shot), 15), np.float32)
    owner = np.full(len(shot), -1, np.int32)
    for number in mine:
        frames = np.array(sorted(tracks[number]))
        span = np.arange(frames[0], frames[-1] + 1)
        values = np.stack([tracks[number][f] for f in frames])
        filled = np.stack([np.interp(span, frames, values[:, c]) for c in range(15)], axis=1)
        rows[span] = moving_average(filled, window)
        rows[span, 4] = np.where(np.isin(span, frames), filled[:, 4], 0)
        owner[span] = number
    owner[(rows[:, 2] - rows[:, 0] < MIN_FACE) | (rows[:, 3] - rows[:, 1] < MIN_FACE)] = -1
    mouth = np.zeros((len(shot), CODE_SIZE), np.float32)
    points, still = rows[:, 5:].reshape(-1, 5, 2), np.zeros(len(shot), bool)
    return FaceTrack(owner >= 0, rows[:, :4], points, rows[:, 4], shot, owner, mouth, still)


def moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Centred moving average along the first axis; at the ends the window shrinks evenly, so straight motion stays."""
    n = len(values)
    half = np.minimum(np.minimum(np.arange(n), np.arange(n)[::-1]), window // 2)
    total = np.concatenate(
        [np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)]
    )
    first, last = np.arange(n) - half, np.arange(n) + half + 1
    return (
        (total[last] - total[first]) / (2 * half + 1).reshape(-1, *[1] * (values.ndim - 1))
    ).astype(values.dtype)
