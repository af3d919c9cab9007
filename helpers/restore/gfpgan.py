"""GFPGAN (Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior", 2021) on the face
alone, aligned by the plan's landmarks.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from .. import checkpoints
from ..errors import WeightsError
from ..face.mask import FEATHER, fade, paste_through_mask
from ..face.square import crop_square
from ..networks.devices import halving_batches
from .paste import region_mask, steadied

ALIGNED_SIZE = 512  # px: side of the square that GFPGAN sees
# Where the five landmarks lie in that square: FFHQ's alignment, as in facexlib's FaceRestoreHelper.
FFHQ_TEMPLATE = np.array([
    [192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043],
    [313.08905, 371.15118],
])  # fmt: skip
EDGE_FADE = 24  # px of the square over which the restored picture fades out at its border
FACE_OVAL = (256, 276, 176, 224)  # px of the square: centre x, y and half-axes of the region "face"
GFPGAN_CHECKPOINTS = ("gfpgan-1.4", "gfpgan-1.3")  # "auto": the first one that is here
OTHER_NETWORK = "holds weights of another architecture, not of GFPGAN v1.2 to v1.4"
GFPGAN_GPU_BATCH = 8  # faces; on a CPU a batch gains nothing


def locate_gfpgan(checkpoint: str) -> checkpoints.Found:
    """The parameter ``restorer_checkpoint`` -> the file. Raises WeightsError if it is not here."""
    if checkpoint == "auto":
        checkpoint = next(
            (name for name in GFPGAN_CHECKPOINTS if checkpoints.here(name)), GFPGAN_CHECKPOINTS[0]
        )
    if checkpoint not in GFPGAN_CHECKPOINTS and not Path(checkpoint).expanduser().is_file():
        raise WeightsError(
            f"restorer_checkpoint={checkpoint} is neither a file nor one of auto, {', '.join(GFPGAN_CHECKPOINTS)}"
        )
    return checkpoints.locate(checkpoint)


@functools.cache
def load_gfpgan(path: Path, device: torch.device) -> nn.Module:
    """GFPGAN's network (v1.2 to v1.4) from a checkpoint in its authors' format. Raises WeightsError."""

    from spandrel.architectures.GFPGAN import GFPGANArch

    state = checkpoints.read_pickle(path)
    try:
        net = GFPGANArch().load(state).model
    except RuntimeError:
        raise WeightsError(f"{path} {OTHER_NETWORK}") from None
    return net.eval().requires_grad_(False).to(device)


def align_matrix(landmarks: np.ndarray) -> np.ndarray:
    """Similarity that maps frame pixels to GFPGAN's square, ``float64 (2, 3)``: landmarks onto ``TEMPLATE``.

    Least squares over all five points, where facexlib takes the least median: that may drop another point in each
    frame, and the face shakes.
    """
    there, here = FFHQ_TEMPLATE @ (1, 1j), np.asarray(landmarks, np.float64) @ (1, 1j)
    middle = here.mean()
    spread = max(1e-6, float((abs(here - middle) ** 2).sum()))
    turn = ((here - middle).conj() @ (there - there.mean())) / spread
    move = there.mean() - turn * middle
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


@torch.inference_mode()
def run_gfpgan(
    net: nn.Module, squares: Sequence[np.ndarray], precision: torch.dtype, noise: bool = False
) -> torch.Tensor:
    """GFPGAN on aligned RGB faces ``uint8 (512, 512, 3)``: ``float32 (B, 3, 512, 512)``, about -1 to 1, on its device.

    The noise is the checkpoint's own, so the same face comes out the same, unless fresh ``noise`` is asked for. Where
    half precision overflows, the batch is drawn again in full.
    """
    device = next(net.parameters()).device
    pixels = (
        torch.from_numpy(np.stack(squares)).to(device).permute(0, 3, 1, 2).contiguous().float()
        / 127.5
        - 1
    )
    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        made = net(pixels, return_rgb=False, randomize_noise=noise)[0].float()
    if precision != torch.float32 and not made.isfinite().all():
        return run_gfpgan(net, squares, torch.float32, noise)
    return made


def gfpgan_faces(
    net: nn.Module, frames: Sequence[np.ndarray], landmarks: Sequence[np.ndarray], matrices: Sequence[np.ndarray],
    runs: Sequence[int], precision: torch.dtype, region: str, strength: float, steady: float,
) -> list[np.ndarray]:  # fmt: skip
    """RGB frames with their faces restored in a region, "mouth" or "face". ``matrices`` are not used."""

    def work(squares: list[np.ndarray]) -> np.ndarray:
        made = (run_gfpgan(net, squares, precision).clamp(-1, 1) + 1) * 127.5
        return made.permute(0, 2, 3, 1).cpu().numpy()

    aligned = [align_matrix(points) for points in landmarks]
    squares = [
        crop_square(frame, matrix, ALIGNED_SIZE)
        for frame, matrix in zip(frames, aligned, strict=True)
    ]
    made = halving_batches(
        work, squares, 1 if next(net.parameters()).device.type == "cpu" else GFPGAN_GPU_BATCH
    )
    change = steadied([new - old for new, old in zip(made, squares, strict=True)], runs, steady)
    faces_ = [
        np.clip(old + d, 0, 255).round().astype(np.uint8)
        for old, d in zip(squares, change, strict=True)
    ]
    return [
        paste_aligned(*row, region, strength)
        for row in zip(frames, faces_, aligned, landmarks, strict=True)
    ]


@functools.cache
def gfpgan_window(region: str) -> np.ndarray:
    """How much of the restored square a region may use, ``float32 (512, 512)``: 0 at its border."""
    line = np.arange(ALIGNED_SIZE)
    if region == "face":
        x, y, across, down = FACE_OVAL
        return fade((1 - np.hypot((line[None] - x) / across, (line[:, None] - y) / down)) / FEATHER)
    side = np.minimum(line, line[::-1]) / EDGE_FADE
    return fade(np.minimum(side[None], side[:, None]))


def paste_aligned(
    frame: np.ndarray,
    face: np.ndarray,
    matrix: np.ndarray,
    landmarks: np.ndarray,
    region: str,
    strength: float,
) -> np.ndarray:
    """A new frame with an aligned face ``uint8 (512, 512, 3)`` in it; ``matrix`` maps the frame to the square."""
    (x1, y1, x2, y2), mask = region_mask(frame, matrix, landmarks, region, gfpgan_window(region))
    if not mask.size:
        return frame
    back = cv2.invertAffineTransform(matrix)
    back[:, 2] -= (x1, y1)
    made = crop_square(face, back, max(x2 - x1, y2 - y1))[: y2 - y1, : x2 - x1]
    return paste_through_mask(frame, made.astype(np.float32), x1, y1, np.float32(strength) * mask)
