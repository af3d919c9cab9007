"""S3FD, the detector of face-alignment and of Wav2Lip, which finds boxes and no landmarks."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from torch import nn

from .. import checkpoints
from ..errors import WeightsError
from .boxes import MIN_IOU, MIN_SCORE, box_landmarks, iou
from .retinaface import detect_frame

SAME_FACE = 0.3  # overlap from which on two of the network's boxes are one face


@functools.cache
def load_network(device: str) -> nn.Module:
    """The network from its weights. Raises WeightsError."""
    from face_alignment.detection.sfd.net_s3fd import s3fd

    found = checkpoints.locate("s3fd")
    net = s3fd()
    try:
        net.load_state_dict(checkpoints.read_pickle(found.path))
    except RuntimeError:
        raise WeightsError(
            f"{found.path} holds weights of another architecture, not of S3FD"
        ) from None
    return net.to(device).eval()


def detect_s3fd(frames: Sequence[np.ndarray], device: str) -> list[np.ndarray]:
    """Detections of each frame. Raises WeightsError.

    Landmarks are those of the RetinaFace detection that overlaps a box most; where there is none,
    the places that landmarks usually have in a box.
    """
    import torch
    from face_alignment.detection.sfd import detect as sfd

    pictures = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    rows = sfd.batch_detect(load_network(device), pictures, device)
    return [
        with_landmarks(frame, clean_boxes(boxes, *frame.shape[1::-1]))
        for frame, boxes in zip(frames, rows, strict=True)
    ]


def clean_boxes(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
    """One box a face, within the frame: rows x1, y1, x2, y2, confidence."""
    from face_alignment.detection.sfd.bbox import nms

    if not len(boxes):
        return np.zeros((0, 5), np.float32)

    boxes = boxes[nms(boxes, SAME_FACE)]
    is_box = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    kept = boxes[is_box & (boxes[:, 4] > MIN_SCORE)]
    return np.clip(kept, 0, [width, height, width, height, 1])


def with_landmarks(frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Boxes ``(faces, 5)`` -> detections ``float32 (faces, 15)``."""
    candidates = list(detect_frame(frame)) if len(boxes) else []
    faces = np.zeros((len(boxes), 15), np.float32)
    for face, box in zip(faces, boxes, strict=True):
        face[:5] = box
        face[5:] = box_landmarks(face[:4]).ravel()

        overlaps = [iou(candidate, face) for candidate in candidates]
        if overlaps and max(overlaps) >= MIN_IOU:
            face[5:] = candidates[int(np.argmax(overlaps))][5:]
    return faces
