"""What a lip-sync network is given of a frame, and how its answer goes back."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from torch import nn

from ..face.square import FACE_SIZE, crop_square
from ..networks.compact import CompactWav2Lip
from ..networks.wav2lip import Wav2Lip
from ..plan.geometry import face_box, frame_landmarks, frame_matrix
from ..plan.plan import Plan
from .blend import apply_maps, paste_box, paste_feathered


def sound_at(plan: Plan, numbers: Sequence[int], net: nn.Module) -> np.ndarray:
    """What a network is given of the sound at output frames: mouth codes for the compact one, else mel windows."""
    return plan.target_codes[numbers] if isinstance(net, CompactWav2Lip) else plan.windows(numbers)


def face_input(
    frame: np.ndarray, plan: Plan, n: int, net: nn.Module, pads: tuple[int, int, int, int]
) -> np.ndarray:
    """What the network sees of output frame ``n``: ``uint8 (96, 96, 3)`` RGB."""
    if isinstance(net, Wav2Lip):
        x1, y1, x2, y2 = face_box(plan, n, pads)
        return cv2.resize(frame[y1:y2, x1:x2], (FACE_SIZE, FACE_SIZE))
    return crop_square(frame, frame_matrix(plan, n), FACE_SIZE)


def compose_frame(
    frame: np.ndarray,
    patch: np.ndarray,
    plan: Plan,
    n: int,
    net: nn.Module,
    pads: tuple[int, int, int, int],
    mode: str,
) -> np.ndarray:
    """Output frame ``n`` with its drawn patch in place (``mode``: see the parameter ``blend``)."""
    points = frame_landmarks(plan, n)
    if isinstance(net, Wav2Lip):
        box = face_box(plan, n, pads)
        return (
            paste_box(frame, patch, box)
            if mode == "box"
            else paste_feathered(frame, patch, box, points)
        )
    return apply_maps(frame, patch, frame_matrix(plan, n), None if mode == "box" else points)
