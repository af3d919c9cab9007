"""Whose face: detections linked to tracks, tracks put together to people, people chosen."""

from __future__ import annotations

from itertools import chain

import numpy as np

from .boxes import MIN_IOU, iou
from .smooth import moving_average

SEEN_SHARE = 0.2  # of the frames of a shot's longest face: seen for less, a face is not counted
STILL = 0.007  # of the distance eyes to mouth: landmarks that move less are of a still picture
STILL_FRAMES = 25  # seen for less, nobody is judged to be still
NOISE_FRAMES = 9  # over which detections are averaged before their motion is measured

Track = dict[int, np.ndarray]  # frame number -> detection (15,)
Person = list[Track]  # no two of them at the same time


def link_detections(detections: list[np.ndarray], shot: np.ndarray, max_gap: int) -> list[Track]:
    """Detections ``(faces, 15)`` of all frames -> tracks.

    A track goes on with the detection that overlaps it most, across up to ``max_gap`` missed
    frames, within one shot.
    """
    tracks: list[Track] = []
    alive: list[Track] = []
    for n, found in enumerate(detections):
        if n and shot[n] != shot[n - 1]:
            alive = []
        alive = [track for track in alive if n - next(reversed(track)) <= max_gap + 1]

        pairs = []
        for i, track in enumerate(alive):
            last = track[next(reversed(track))]
            pairs += [(iou(last, row), i, j) for j, row in enumerate(found)]

        continued: set[int] = set()
        taken: set[int] = set()
        for overlap, i, j in sorted(pairs, reverse=True):
            if overlap >= MIN_IOU and i not in continued and j not in taken:
                alive[i][n] = found[j]
                continued.add(i)
                taken.add(j)

        new = [{n: row} for j, row in enumerate(found) if j not in taken]
        alive += new
        tracks += new
    return tracks


def first_frames(tracks: list[Track], count: int | None) -> list[Track]:
    """What tracks, in their order, hold of the first ``count`` frames."""
    if count is None:
        return tracks
    return [{n: row for n, row in track.items() if n < count} for track in tracks]


def people_by_shot(tracks: list[Track], shot: np.ndarray) -> list[list[Person]]:
    """The people of each shot; tracks may be empty."""
    in_shot: list[list[Track]] = [[] for _ in range(int(shot[-1]) + 1)]
    for track in tracks:
        if track:
            in_shot[shot[min(track)]].append(track)
    return [group_people(found) for found in in_shot]


def group_people(tracks: list[Track]) -> list[Person]:
    """Tracks of one shot, put together: a person's never overlap in time. The largest first."""
    people: list[Person] = []
    for track in sorted(tracks, key=summed_area, reverse=True):
        for person in people:
            if all(min(track) > max(other) or max(track) < min(other) for other in person):
                person.append(track)
                break
        else:
            people.append([track])
    return sorted(people, key=lambda person: -sum(map(summed_area, person)))


def summed_area(track: Track) -> float:
    """Of all boxes of a track, in square pixels."""
    return sum(float(np.prod(row[2:4] - row[:2])) for row in track.values())


def choose_people(people: list[Person], face: str, width: int) -> list[Person]:
    """The people of one shot (of ``group_people``) that ``face`` names: one, none, or all of them.

    "largest": who moves comes before who does not (a poster). An index counts from the left, from
    0; left, right, center and indices leave out faces that are seen shortly. ``width`` of the
    frames.
    """
    if face == "all" or not people:
        return people
    if face == "largest":
        return [largest_moving(people)]

    counts = [sum(map(len, person)) for person in people]
    lasting = [
        person
        for person, count in zip(people, counts, strict=True)
        if count >= SEEN_SHARE * max(counts)
    ]
    row = sorted(lasting, key=middle)
    if face == "center":
        return [min(row, key=lambda person: abs(middle(person) - width / 2))]

    index = {"left": 0, "right": len(row) - 1}.get(face)
    index = int(face) if index is None else index
    return row[index : index + 1]


def middle(person: Person) -> float:
    """The mean x of the middle of a person's boxes, in pixels."""
    rows = chain.from_iterable(track.values() for track in person)
    return float(np.mean([row[0] + row[2] for row in rows]) / 2)


def largest_moving(people: list[Person]) -> Person:
    """The first person, or, if that one never moves, the first of the others who is seen to move.

    The other one has to be seen for as long as it takes to be counted.
    """
    first = people[0]
    if len(people) == 1 or not is_still(first):
        return first

    least = max(STILL_FRAMES, SEEN_SHARE * sum(map(len, first)))
    for other in people[1:]:
        if sum(map(len, other)) >= least and face_motion(other) > 2 * STILL:
            return other
    return first


def is_still(person: Person) -> bool:
    """Is it a face that never moves, seen for long enough to tell?"""
    return sum(map(len, person)) >= STILL_FRAMES and face_motion(person) < STILL


def face_motion(person: Person) -> float:
    """How far the landmarks move: their standard deviation over the distance from eyes to mouth.

    Of the track that moves most, so that a person who sits still for a while is one who moves.
    """
    return max(track_motion(track) for track in person)


def track_motion(track: Track) -> float:
    points = np.stack([track[n][5:] for n in sorted(track)]).reshape(-1, 5, 2)
    eyes = points[:, :2].mean(axis=1)
    mouth = points[:, 3:].mean(axis=1)
    unit = np.hypot(*(mouth - eyes).mean(axis=0))
    return float(moving_average(points, NOISE_FRAMES).std(axis=0).mean() / max(unit, 1e-3))
