"""Frames with a re-drawn face -> the same frames with the face restored.

``gfpgan`` is GFPGAN (Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior", 2021) on
the face alone, aligned by the plan's landmarks. ``gfpgan_reference`` is its authors' package on whole frames.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from . import blend, faces, weights
from .batches import halving
from .errors import ParameterError, WeightsError
from .params import Params
from .wav2lip import choose_device, choose_precision

SHARPEN_AMOUNT = 1.0  # of the unsharp mask at strength 1
SHARPEN_RADIUS = 1.2  # its sigma, in pixels of the network's 96 px face

ALIGNED = 512  # px: side of the square that GFPGAN sees
# Where the five landmarks lie in that square: FFHQ's alignment, as in facexlib's FaceRestoreHelper.
TEMPLATE = np.array([
    [192.98138, 239.94708], [318.90277, 240.1936], [256.63416, 314.01935], [201.26117, 371.41043],
    [313.08905, 371.15118],
])  # fmt: skip
EDGE = 24  # px of the square over which the restored picture fades out at its border
OVAL = (256, 276, 176, 224)  # px of the square: centre x, y and half-axes of the region "face"
CHECKPOINTS = ("gfpgan-1.4", "gfpgan-1.3")  # "auto": the first one that is here
REFERENCE_WEIGHTS = ("gfpgan-detection", "gfpgan-parsing")
OTHER_NETWORK = "holds weights of another architecture, not of GFPGAN v1.2 to v1.4"
GPU_BATCH = 8  # faces; on a CPU a batch gains nothing

COMPACT_SIZE = 192  # px: side of the largest square that the compact restorer sees
COMPACT_ZOOM = 1.15  # of the square over the networks' one, so that its border lies outside the masks

# (RGB frames, their landmarks (5, 2), their crop matrices (see faces), runs) -> new frames. Frames of one run, a
# number, follow each other in one shot.
Restorer = Callable[[Sequence[np.ndarray], Sequence[np.ndarray], Sequence[np.ndarray], Sequence[int]], list[np.ndarray]]


def choose(name: str) -> str:
    """The restorer that ``auto`` stands for: gfpgan if its weights are here, else compact."""
    return ("gfpgan" if any(map(weights.here, CHECKPOINTS)) else "compact") if name == "auto" else name


def locate(checkpoint: str) -> weights.Found:
    """The parameter ``restorer_checkpoint`` -> the file. Raises WeightsError if it is not here."""
    if checkpoint == "auto":
        checkpoint = next((name for name in CHECKPOINTS if weights.here(name)), CHECKPOINTS[0])
    if checkpoint not in CHECKPOINTS and not Path(checkpoint).expanduser().is_file():
        raise WeightsError(
            f"restorer_checkpoint={checkpoint} is neither a file nor one of auto, {', '.join(CHECKPOINTS)}"
        )
    return weights.locate(checkpoint)


def describe(p: Params) -> dict[str, Any]:
    """What the restored pixels depend on besides the lip-synced ones; ``auto`` is resolved. Raises WeightsError."""
    name = choose(p.restorer)
    facts = dict(restorer=name, strength=p.strength) if name != "none" else dict(restorer=name)
    if name in ("compact", "gfpgan", "gfpgan_reference"):
        found = weights.locate("restore-compact") if name == "compact" else locate(p.restorer_checkpoint)
        facts |= dict(weights=found.name, weights_sha256=weights.sha256(found.path))
    if name in ("compact", "gfpgan"):
        facts |= dict(region=p.region, steady=p.steady)
    return facts | (dict(restore_unsynced=True) if p.restore_unsynced and name != "none" else {})


def make(p: Params) -> Restorer:
    """The restorer of a run; at strength 0 it gives the frames themselves. Raises WeightsError, ParameterError."""
    name, device = choose(p.restorer), choose_device(p.device)
    if name == "none" or p.strength == 0:
        return lambda frames, landmarks, matrices, runs: list(frames)
    if name == "sharpen":
        return lambda *rows: [sharpen(*row, p.strength) for row in zip(*rows[:3], strict=True)]
    if name == "gfpgan_reference":
        tool = reference(locate(p.restorer_checkpoint).path, device)
        return lambda frames, *_: [enhance(tool, frame, p.strength) for frame in frames]
    how = dict(
        precision=choose_precision(p.precision, device), region=p.region, strength=p.strength, steady=p.steady
    )  # fmt: skip
    if name == "compact":
        net = weights.load(weights.locate("restore-compact").path).to(device)
        return functools.partial(compact, net, **how)
    return functools.partial(gfpgan, load(locate(p.restorer_checkpoint).path, device), **how)


def sharpen(frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray, strength: float) -> np.ndarray:
    """Unsharp mask on the lower face of an RGB frame; ``strength`` 0 gives the frame itself.

    ``landmarks`` ``(5, 2)`` and ``matrix`` (frame -> crop) in this frame's pixels. It adds no detail: it only steepens
    edges that are there.
    """
    if strength == 0:
        return frame
    (x1, y1, x2, y2), mask = blend.local_mask(landmarks, frame.shape[1], frame.shape[0])
    if x2 <= x1 or y2 <= y1:
        return frame
    part = frame[y1:y2, x1:x2].astype(np.float32)
    sigma = max(0.5, SHARPEN_RADIUS * blend.face_size(matrix) / blend.FACE)
    sharp = part + SHARPEN_AMOUNT * strength * (part - cv2.GaussianBlur(part, (0, 0), sigma))
    return blend.put(frame, sharp, x1, y1, mask)


@functools.cache
def load(path: Path, device: torch.device) -> nn.Module:
    """GFPGAN's network (v1.2 to v1.4) from a checkpoint in its authors' format. Raises WeightsError."""
    from spandrel.architectures.GFPGAN import GFPGANArch

    state = weights.read_pickle(path)
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
    there, here = TEMPLATE @ (1, 1j), np.asarray(landmarks, np.float64) @ (1, 1j)
    middle = here.mean()
    spread = max(1e-6, float((abs(here - middle) ** 2).sum()))
    turn = ((here - middle).conj() @ (there - there.mean())) / spread
    move = there.mean() - turn * middle
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


@torch.inference_mode()
def draw(net: nn.Module, squares: Sequence[np.ndarray], precision: torch.dtype, noise: bool = False) -> torch.Tensor:
    """GFPGAN on aligned RGB faces ``uint8 (512, 512, 3)``: ``float32 (B, 3, 512, 512)``, about -1 to 1, on its device.

    The noise is the checkpoint's own, so the same face comes out the same, unless fresh ``noise`` is asked for. Where
    half precision overflows, the batch is drawn again in full.
    """
    device = next(net.parameters()).device
    pixels = torch.from_numpy(np.stack(squares)).to(device).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1
    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        made = net(pixels, return_rgb=False, randomize_noise=noise)[0].float()
    if precision != torch.float32 and not made.isfinite().all():
        return draw(net, squares, torch.float32, noise)
    return made


def gfpgan(
    net: nn.Module, frames: Sequence[np.ndarray], landmarks: Sequence[np.ndarray], matrices: Sequence[np.ndarray],
    runs: Sequence[int], precision: torch.dtype, region: str, strength: float, steady: float,
) -> list[np.ndarray]:  # fmt: skip
    """RGB frames with their faces restored in a region, "mouth" or "face". ``matrices`` are not used."""

    def work(squares: list[np.ndarray]) -> np.ndarray:
        made = (draw(net, squares, precision).clamp(-1, 1) + 1) * 127.5
        return made.permute(0, 2, 3, 1).cpu().numpy()

    aligned = [align_matrix(points) for points in landmarks]
    squares = [faces.crop(frame, matrix, ALIGNED) for frame, matrix in zip(frames, aligned, strict=True)]
    made = halving(work, squares, 1 if next(net.parameters()).device.type == "cpu" else GPU_BATCH)
    change = steadied([new - old for new, old in zip(made, squares, strict=True)], runs, steady)
    faces_ = [np.clip(old + d, 0, 255).round().astype(np.uint8) for old, d in zip(squares, change, strict=True)]
    return [paste(*row, region, strength) for row in zip(frames, faces_, aligned, landmarks, strict=True)]


def compact_size(matrices: Sequence[np.ndarray]) -> int:
    """Side of the compact restorer's square in px, for faces with these crop matrices."""
    side = max(blend.face_size(m) for m in matrices) * COMPACT_ZOOM
    return int(np.clip(32 * round(side / 32), 64, COMPACT_SIZE))  # in few steps: a size that changes would flicker


@torch.inference_mode()
def compact(
    net: nn.Module, frames: Sequence[np.ndarray], landmarks: Sequence[np.ndarray], matrices: Sequence[np.ndarray],
    runs: Sequence[int], precision: torch.dtype, region: str, strength: float, steady: float,
) -> list[np.ndarray]:  # fmt: skip
    """RGB frames with their faces mended by the compact restorer in a region.

    It sees the face at its own size, up to 192 px; what it changes is scaled to the frame and added, so nothing finer
    is lost in a larger face.
    """
    if not frames:
        return []
    device = next(net.parameters()).device
    size = compact_size(matrices)
    placed = [faces.crop_matrix(points, size, COMPACT_ZOOM) for points in landmarks]
    squares = np.stack([faces.crop(frame, matrix, size) for frame, matrix in zip(frames, placed, strict=True)])

    def work(rows: list[np.ndarray]) -> np.ndarray:
        pixels = torch.from_numpy(np.stack(rows)).to(device).permute(0, 3, 1, 2).float() / 255
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            made = net(pixels.contiguous(memory_format=torch.channels_last))
        return ((made - pixels) * 255).permute(0, 2, 3, 1).cpu().numpy()

    change = steadied(list(halving(work, squares, len(squares))), runs, steady)
    return [add(*row, region, strength) for row in zip(frames, change, placed, landmarks, strict=True)]


def steadied(changes: Sequence[np.ndarray], runs: Sequence[int], steady: float) -> list[np.ndarray]:
    """What a restorer changed, averaged with the neighbours' in the same run: at ``steady`` 1 evenly over three."""
    if steady == 0:
        return list(changes)
    made = []
    for n, own in enumerate(changes):
        near = [changes[k] for k in (n - 1, n + 1) if 0 <= k < len(changes) and runs[k] == runs[n]]
        made.append(own + sum((steady / 3) * (other - own) for other in near))
    return made


def _back(picture: np.ndarray, matrix: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
    """What a square holds, in a rectangle of the frame; ``matrix`` maps frame to square."""
    local = matrix.copy()
    local[:, 2] += matrix[:, :2] @ (x1, y1)
    return cv2.warpAffine(picture, local, (x2 - x1, y2 - y1), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def area(
    frame: np.ndarray, matrix: np.ndarray, landmarks: np.ndarray, region: str, window: np.ndarray
) -> tuple[tuple[int, int, int, int], np.ndarray]:
    """Rectangle x1, y1, x2, y2 of a frame in which a region lies, and the mask there, ``float32``.

    ``window`` ``float32 (size, size)`` says how much of the restored square may be used, ``matrix`` maps frame to
    square. The mask is empty where the region lies outside the frame.
    """
    height, width = frame.shape[:2]
    if region == "mouth":
        place, mask = blend.local_mask(landmarks, width, height)
    else:
        place, mask = blend.face_rectangle(matrix, width, height, len(window)), np.float32(1)
    if place[2] <= place[0] or place[3] <= place[1]:
        return place, np.zeros((0, 0), np.float32)
    return place, mask * _back(window, matrix, *place)


@functools.cache
def _compact_window(region: str, size: int) -> np.ndarray:
    """How much of the compact restorer's square a region may use, ``float32 (size, size)``."""
    if region == "mouth":
        return np.ones((size, size), np.float32)
    line = (np.arange(size) + 0.5) / size
    return blend.fade((1 - np.hypot((line[None] - 0.5) / 0.42, (line[:, None] - 0.52) / 0.46)) / blend.FEATHER)


def add(
    frame: np.ndarray, change: np.ndarray, matrix: np.ndarray, landmarks: np.ndarray, region: str, strength: float
) -> np.ndarray:
    """A new frame with a change ``float32 (size, size, 3)`` of grey levels in it; ``matrix`` maps frame to square."""
    (x1, y1, x2, y2), mask = area(frame, matrix, landmarks, region, _compact_window(region, len(change)))
    if not mask.size:
        return frame
    there = _back(np.ascontiguousarray(change), matrix, x1, y1, x2, y2)
    made = frame[y1:y2, x1:x2] + (strength * mask)[..., None] * there
    return blend.put(frame, made.astype(np.float32), x1, y1, None)


def look(p: Params, frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray) -> dict[str, np.ndarray]:
    """One face on its way through a run's restorer at full strength; ``matrix`` is its crop matrix.

    ``aligned``: the square that the restorer sees, ``restored``: the same with its whole face restored, both ``uint8
    (size, size, 3)``; ``mask`` ``float32 (H, W)``: what of it is used; ``made``: the frame with it.
    """
    name = choose(p.restorer)
    region = {"sharpen": "mouth", "gfpgan_reference": "face"}.get(name, p.region)
    if name.startswith("gfpgan"):
        square, size, window = align_matrix(landmarks), ALIGNED, _gfpgan_window(region)
    else:
        size = compact_size([matrix])
        square, window = (
            faces.crop_matrix(landmarks, size, COMPACT_ZOOM),
            _compact_window(region, size) * (name != "none"),
        )
    made = whole = make(replace(p, strength=1.0, region=region))([frame], [landmarks], [matrix], [0])[0]
    if region == "mouth" and name in ("compact", "gfpgan"):
        whole = make(replace(p, strength=1.0, region="face"))([frame], [landmarks], [matrix], [0])[0]
    mask = np.zeros(frame.shape[:2], np.float32)
    (x1, y1, x2, y2), part = area(frame, square, landmarks, region, window)
    if part.size:
        mask[y1:y2, x1:x2] = part
    return dict(aligned=faces.crop(frame, square, size), restored=faces.crop(whole, square, size), mask=mask, made=made)


def beside_reference(
    p: Params, frame: np.ndarray, landmarks: np.ndarray, matrix: np.ndarray
) -> dict[str, tuple[np.ndarray, float]]:
    """A frame by the run's restorer and by ``gfpgan_reference``, at full strength: new frames and seconds.

    Loading is not in the times; the reference's hold a detection and a parsing of its own. Raises WeightsError or
    ParameterError where the reference cannot run.
    """
    made = {}
    for name in (choose(p.restorer), "gfpgan_reference"):
        work = make(replace(p, restorer=name, strength=1.0))
        started = time.perf_counter()
        made[name] = (work([frame], [landmarks], [matrix], [0])[0], time.perf_counter() - started)
    return made


def drawn_twice(p: Params, frame: np.ndarray, landmarks: np.ndarray) -> dict[str, list[np.ndarray]]:
    """One face through GFPGAN two times, with fresh and with fixed noise: pairs of ``uint8 (512, 512, 3)``."""
    net = load(locate(p.restorer_checkpoint).path, choose_device(p.device))
    square = faces.crop(frame, align_matrix(landmarks), ALIGNED)
    precision = choose_precision(p.precision, next(net.parameters()).device)

    def once(noise: bool) -> np.ndarray:
        made = (draw(net, [square], precision, noise)[0].clamp(-1, 1) + 1) * 127.5
        return made.round().byte().permute(1, 2, 0).cpu().numpy()

    return {name: [once(noise), once(noise)] for name, noise in (("fresh noise", True), ("fixed noise", False))}


@functools.cache
def _gfpgan_window(region: str) -> np.ndarray:
    """How much of the restored square a region may use, ``float32 (512, 512)``: 0 at its border."""
    line = np.arange(ALIGNED)
    if region == "face":
        x, y, across, down = OVAL
        return blend.fade((1 - np.hypot((line[None] - x) / across, (line[:, None] - y) / down)) / blend.FEATHER)
    side = np.minimum(line, line[::-1]) / EDGE
    return blend.fade(np.minimum(side[None], side[:, None]))


def paste(
    frame: np.ndarray, face: np.ndarray, matrix: np.ndarray, landmarks: np.ndarray, region: str, strength: float
) -> np.ndarray:
    """A new frame with an aligned face ``uint8 (512, 512, 3)`` in it; ``matrix`` maps the frame to the square."""
    (x1, y1, x2, y2), mask = area(frame, matrix, landmarks, region, _gfpgan_window(region))
    if not mask.size:
        return frame
    back = cv2.invertAffineTransform(matrix)
    back[:, 2] -= (x1, y1)
    made = faces.crop(face, back, max(x2 - x1, y2 - y1))[: y2 - y1, : x2 - x1]
    return blend.put(frame, made.astype(np.float32), x1, y1, np.float32(strength) * mask)


def import_gfpgan() -> Any:
    """The module ``gfpgan.utils``. Raises ParameterError if the package is not installed."""
    import torchvision

    # basicsr imports this module; torchvision 0.17 took it away.
    sys.modules.setdefault("torchvision.transforms.functional_tensor", torchvision.transforms.functional)
    try:
        return importlib.import_module("gfpgan.utils")
    except ModuleNotFoundError:
        raise ParameterError(
            "restorer=gfpgan_reference: the gfpgan package is not installed (gfpgan and basicsr do not exist for Python"
            " 3.13 and later); use restorer=gfpgan, which loads the same weights through spandrel"
        ) from None


@functools.cache
def reference(path: Path, device: torch.device, folder: Path | None = None) -> Any:
    """The gfpgan package's own ``GFPGANer``, with all its weights from our folder, so that it never downloads any.

    Another ``folder`` may hold those of detection and parsing.

    Raises WeightsError, or ParameterError if the package is not installed.
    """
    package = import_gfpgan()
    for name in REFERENCE_WEIGHTS if folder is None else ():
        weights.locate(name)
    weights.read_pickle(path)
    helper = importlib.import_module("facexlib.utils.face_restoration_helper").FaceRestoreHelper
    # GFPGANer looks for the helper's weights under the working directory, and takes no other folder.
    package.FaceRestoreHelper = lambda *values, **more: helper(
        *values, **{**more, "model_rootpath": str(folder or weights.FOLDER)}
    )
    try:
        with warnings.catch_warnings(action="ignore"):  # torchvision's on arguments that facexlib still uses
            return package.GFPGANer(str(path), upscale=1, device=device)
    except (KeyError, RuntimeError):
        raise WeightsError(f"{path} {OTHER_NETWORK}") from None


def enhance(tool: Any, frame: np.ndarray, strength: float = 1.0, landmarks: np.ndarray | None = None) -> np.ndarray:
    """A frame as ``GFPGANer.enhance`` restores it: all faces that its detector finds, or the one with ``landmarks``.

    The package draws new noise for each call; here it depends on the frame's pixels, so that a run can be repeated.
    """
    helper = tool.face_helper
    if landmarks is not None:
        helper.get_face_landmarks_5 = lambda **_: helper.all_landmarks_5.append(np.asarray(landmarks))
    try:
        with torch.random.fork_rng():
            torch.manual_seed(zlib.crc32(frame))
            made = tool.enhance(np.ascontiguousarray(frame[..., ::-1]), has_aligned=False, paste_back=True)[2]
    finally:
        helper.__dict__.pop("get_face_landmarks_5", None)
    return cv2.addWeighted(frame, 1 - strength, np.ascontiguousarray(made[..., ::-1]), strength, 0)
