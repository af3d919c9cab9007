"""Upstream's engine: Wav2Lip's picture of a face, pasted into the box it was cut from."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from ..face.square import FACE_SIZE
from ..networks.compact import network_input
from ..networks.devices import choose_precision
from ..networks.encode import to_pixels
from ..networks.wav2lip import Wav2Lip
from ..params import Params
from ..plan.geometry import box_pads, face_box, frame_landmarks
from ..plan.plan import Plan
from .base import MouthBatch
from .blend import paste_box, paste_feathered


@torch.inference_mode()
def draw_pictures(
    net: Wav2Lip, windows: np.ndarray, faces: np.ndarray, precision: torch.dtype = torch.float32
) -> np.ndarray:
    """Mel windows ``float32 (B, 80, 16)`` and RGB faces ``uint8 (B, 96, 96, 3)`` -> drawn faces.

    ``float32 (B, 96, 96, 3)`` RGB in [0, 1]. Each face is both target and reference, and the
    network computes in BGR, as in Wav2Lip's ``inference.py``.
    """
    device = next(net.parameters()).device
    pixels = to_pixels(net, faces[..., ::-1].copy())
    mel = torch.from_numpy(windows).to(device, non_blocking=True)[:, None]
    both = network_input(pixels, pixels).contiguous(memory_format=torch.channels_last)

    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        pictures = net(mel, both).float()

    return np.ascontiguousarray(pictures.cpu().numpy()[:, ::-1].transpose(0, 2, 3, 1))


class UpstreamEngine:
    """Wav2Lip's network; see ``base.Engine``."""

    alignment = "inference"
    look_ahead = 0.0
    code_network = None

    def __init__(self, net: Wav2Lip, p: Params):
        self.net = net
        self.pads = box_pads(p)
        self.hard_edge = p.blend == "box"
        self.precision = choose_precision(p.precision, next(net.parameters()).device)

    def sound(self, plan: Plan, numbers: Sequence[int]) -> np.ndarray:
        return plan.windows(numbers)

    def face(self, frame: np.ndarray, plan: Plan, n: int) -> np.ndarray:
        x1, y1, x2, y2 = face_box(plan, n, self.pads)
        return cv2.resize(frame[y1:y2, x1:x2], (FACE_SIZE, FACE_SIZE))

    def draw(self, batch: MouthBatch) -> np.ndarray:
        return draw_pictures(self.net, batch.sound, batch.faces, self.precision)

    def compose(self, frame: np.ndarray, patch: np.ndarray, plan: Plan, n: int) -> np.ndarray:
        box = face_box(plan, n, self.pads)
        if self.hard_edge:
            return paste_box(frame, patch, box)
        return paste_feathered(frame, patch, box, frame_landmarks(plan, n))

    def picture(self, face: np.ndarray, patch: np.ndarray) -> np.ndarray:
        return patch

    def maps(self, patch: np.ndarray) -> None:
        return None
