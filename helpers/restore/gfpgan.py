"""GFPGAN on the face alone, aligned by the plan's landmarks.

Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior", 2021.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import nn

from .. import checkpoints
from ..checkpoints import Found
from ..errors import WeightsError
from ..face.mask import FEATHER, fade, paste_through_mask
from ..face.square import crop_square
from ..networks.devices import choose_device, choose_precision, halving_batches
from ..params import Params
from .paste import Arrays, Square, region_mask, steadied

ALIGNED_SIZE = 512  # px: side of the square that GFPGAN sees
# Where the five landmarks lie in that square: FFHQ's alignment, as in facexlib's FaceRestoreHelper.
FFHQ_TEMPLATE = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
EDGE_FADE = 24  # px of the square over which the restored picture fades out at its border
OVAL_CENTRE = (256, 276)  # px of the square: x, y of the region "face"
OVAL_AXES = (176, 224)  # px: its half-axes
GFPGAN_CHECKPOINTS = ("gfpgan-1.4", "gfpgan-1.3")  # "auto": the first one that is here
OTHER_NETWORK = "holds weights of another architecture, not of GFPGAN v1.2 to v1.4"
GFPGAN_GPU_BATCH = 8  # faces; on a CPU a batch gains nothing


class GfpganRestoration:
    """GFPGAN's network on the aligned face; see ``base.Restorer``. Crop matrices are not used."""

    parameters: ClassVar[tuple[str, ...]] = ("strength", "region", "steady")
    needs_memory = True

    def __init__(self, p: Params):
        device = choose_device(p.device)
        self.net = load_gfpgan(self.locate(p).path, device)
        self.precision = choose_precision(p.precision, device)
        self.region = p.region
        self.strength = p.strength
        self.steady = p.steady

    @staticmethod
    def locate(p: Params) -> Found:
        return locate_gfpgan(p.restorer_checkpoint)

    def __call__(
        self, frames: Arrays, landmarks: Arrays, matrices: Arrays, runs: Sequence[int]
    ) -> list[np.ndarray]:
        aligned = [align_matrix(points) for points in landmarks]
        squares = [crop_square(f, m, ALIGNED_SIZE) for f, m in zip(frames, aligned, strict=True)]
        restored = self._restore(squares)
        changes = [new - old for new, old in zip(restored, squares, strict=True)]

        pasted = []
        for n, change in enumerate(steadied(changes, runs, self.steady)):
            face = np.clip(squares[n] + change, 0, 255).round().astype(np.uint8)
            place = (aligned[n], landmarks[n], self.region, self.strength)
            pasted.append(paste_aligned(frames[n], face, *place))
        return pasted

    def square(self, landmarks: np.ndarray, matrix: np.ndarray) -> Square:
        return gfpgan_square(landmarks, self.region)

    def _restore(self, squares: list[np.ndarray]) -> list[np.ndarray]:
        """Aligned faces ``uint8 (512, 512, 3)`` -> ``float32``, 0 to 255."""

        def work(batch: list[np.ndarray]) -> list[np.ndarray]:
            restored = run_gfpgan(self.net, batch, self.precision)
            return list(to_grey_levels(restored).cpu().numpy())

        on_cpu = next(self.net.parameters()).device.type == "cpu"
        return list(halving_batches(work, squares, 1 if on_cpu else GFPGAN_GPU_BATCH, "gfpgan"))


def locate_gfpgan(checkpoint: str) -> Found:
    """The parameter ``restorer_checkpoint`` -> the file. Raises WeightsError if it is not here."""
    if checkpoint == "auto":
        present = filter(checkpoints.here, GFPGAN_CHECKPOINTS)
        checkpoint = next(present, GFPGAN_CHECKPOINTS[0])

    if checkpoint not in GFPGAN_CHECKPOINTS and not Path(checkpoint).expanduser().is_file():
        raise WeightsError(
            f"restorer_checkpoint={checkpoint} is neither a file nor one of"
            f" auto, {', '.join(GFPGAN_CHECKPOINTS)}"
        )
    return checkpoints.locate(checkpoint)


@functools.cache
def load_gfpgan(path: Path, device: torch.device) -> nn.Module:
    """GFPGAN's network (v1.2 to v1.4) from a checkpoint in its authors' format.

    Raises WeightsError.
    """
    from spandrel.architectures.GFPGAN import GFPGANArch

    state = checkpoints.read_pickle(path)
    try:
        net = GFPGANArch().load(state).model
    except RuntimeError:
        raise WeightsError(f"{path} {OTHER_NETWORK}") from None
    return net.eval().requires_grad_(False).to(device)


def align_matrix(landmarks: np.ndarray) -> np.ndarray:
    """Similarity that maps frame pixels to GFPGAN's square, ``float64 (2, 3)``.

    It puts the landmarks ``(5, 2)`` onto ``FFHQ_TEMPLATE``, in complex numbers x + iy. Least
    squares over all five points, where facexlib takes the least median: that may drop another point
    in each frame, and the face shakes.
    """
    there = FFHQ_TEMPLATE @ (1, 1j)
    here = np.asarray(landmarks, np.float64) @ (1, 1j)
    middle = here.mean()
    spread = max(1e-6, float((abs(here - middle) ** 2).sum()))
    turn = ((here - middle).conj() @ (there - there.mean())) / spread
    move = there.mean() - turn * middle
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


@torch.inference_mode()
def run_gfpgan(
    net: nn.Module, squares: Arrays, precision: torch.dtype, noise: bool = False
) -> torch.Tensor:
    """GFPGAN on aligned RGB faces ``uint8 (512, 512, 3)``.

    Gives ``float32 (B, 3, 512, 512)``, about -1 to 1, on the network's device. The noise is the
    checkpoint's own, so the same face comes out the same, unless fresh ``noise`` is asked for.
    Where half precision overflows, the batch is drawn again in full.
    """
    device = next(net.parameters()).device
    pixels = torch.from_numpy(np.stack(squares)).to(device)
    pixels = pixels.permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1

    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        restored = net(pixels, return_rgb=False, randomize_noise=noise)[0].float()
    if precision != torch.float32 and not restored.isfinite().all():
        return run_gfpgan(net, squares, torch.float32, noise)
    return restored


def to_grey_levels(pictures: torch.Tensor) -> torch.Tensor:
    """``(B, 3, H, W)``, -1 to 1 -> ``(B, H, W, 3)``, 0 to 255."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).permute(0, 2, 3, 1)


def gfpgan_square(landmarks: np.ndarray, region: str) -> Square:
    """The square that GFPGAN sees of one face."""
    return Square(align_matrix(landmarks), gfpgan_window(region))


@functools.cache
def gfpgan_window(region: str) -> np.ndarray:
    """How much of the restored square a region may use, ``float32 (512, 512)``: 0 at its border."""
    line = np.arange(ALIGNED_SIZE)
    if region == "face":
        across = (line[None] - OVAL_CENTRE[0]) / OVAL_AXES[0]
        down = (line[:, None] - OVAL_CENTRE[1]) / OVAL_AXES[1]
        return fade((1 - np.hypot(across, down)) / FEATHER)

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
    """A new frame with an aligned face ``uint8 (512, 512, 3)`` in it.

    ``matrix`` maps the frame to the square.
    """
    square = Square(matrix, gfpgan_window(region))
    (x1, y1, x2, y2), mask = region_mask(frame, square, landmarks, region)
    if not mask.size:
        return frame

    back = cv2.invertAffineTransform(matrix)
    back[:, 2] -= (x1, y1)
    part = crop_square(face, back, max(x2 - x1, y2 - y1))[: y2 - y1, : x2 - x1]
    return paste_through_mask(frame, part.astype(np.float32), x1, y1, np.float32(strength) * mask)
