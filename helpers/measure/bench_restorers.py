"""Seconds a face of the restorers, GFPGAN with random weights: speed needs no training."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import checkpoints, media, params
from ..errors import NoFaceError, ParameterError
from ..face.detect import detect_in_frame
from ..face.square import FACE_SIZE, square_matrix
from ..networks.devices import choose_device
from ..restore.base import make_restorer
from ..restore.reference import REFERENCE_WEIGHTS, enhance, import_gfpgan, load_reference
from .bench_stages import milliseconds

PRECISIONS = ("fp32", "auto")
REPEATS = 2
GFPGAN_SHAPE = dict(
    out_size=512, channel_multiplier=2, input_is_latent=True, different_w=True, sft_half=True
)


def restorer_times(video: str) -> dict[str, float]:
    """Seconds a face of the restorers on the clip's first face, all given its landmarks.

    ``gfpgan_reference`` (the authors' package, with random weights for its parsing too) only where
    it is installed. Raises NoFaceError if the clip's first frame has no face.
    """
    from spandrel.architectures.GFPGAN import GFPGAN

    frame, found = first_face(video)
    points = found[5:].reshape(5, 2).astype(np.float64)
    place = [frame], [points], [square_matrix(points, FACE_SIZE)], [0]

    def measure(**values: Any) -> float:
        restorer = make_restorer(params.build(strength=1.0, **values))
        return seconds(lambda: restorer(*place))

    times = {name: measure(restorer=name) for name in ("sharpen", "compact")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = folder / "random.pth"
        save_random(GFPGAN(fix_decoder=False, **GFPGAN_SHAPE), weights, "params_ema")
        for precision in PRECISIONS:
            times[f"gfpgan_{precision}"] = measure(
                restorer="gfpgan", restorer_checkpoint=weights, precision=precision
            )
        return times | reference_times(frame, points, weights, folder, times)


def first_face(video: str) -> tuple[np.ndarray, np.ndarray]:
    """The first frame of a clip and its face's detection ``(15,)``. Raises NoFaceError."""
    frame = next(media.read_frames(video, media.default_fps(media.probe(video))))
    found = detect_in_frame(frame)
    if not len(found):
        raise NoFaceError(f"{video}: no face in the first frame; give a clip that starts with one")
    return frame, found[0]


def reference_times(
    frame: np.ndarray, points: np.ndarray, weights: Path, folder: Path, times: dict[str, float]
) -> dict[str, float]:
    """The authors' package, and how many times longer it takes; nothing where it is not here."""
    try:
        import_gfpgan()
    except ParameterError:
        return {}

    save_random_helpers(folder)
    tool = load_reference(weights, choose_device("auto"), folder)
    reference = seconds(lambda: enhance(tool, frame, 1.0, points))
    ratios = {
        f"reference_to_gfpgan_{precision}": round(reference / times[f"gfpgan_{precision}"], 2)
        for precision in PRECISIONS
    }
    return dict(gfpgan_reference=reference, **ratios)


def seconds(work: Callable[[], Any]) -> float:
    return milliseconds(work, 1, REPEATS) / 1000


def save_random(net: torch.nn.Module, path: Path, key: str | None = None) -> None:
    """A checkpoint in the network's format with small random numbers."""
    noise = torch.Generator().manual_seed(0)
    state = {}
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            value = 0.05 * torch.randn(value.shape, generator=noise)
        state[name] = value.abs() + 1 if name.endswith("running_var") else value
    torch.save({key: state} if key else state, path)


def save_random_helpers(folder: Path) -> None:
    """The two networks that the gfpgan package wants beside its own, with random weights.

    Needs that package.
    """
    from facexlib.detection.retinaface import RetinaFace
    from facexlib.parsing.parsenet import ParseNet

    # torchvision's on arguments that facexlib still uses
    with warnings.catch_warnings(action="ignore"):
        detection = RetinaFace(network_name="resnet50", half=False, device="cpu")
    parsing = ParseNet(in_size=512, out_size=512, parsing_ch=19)
    for name, net in zip(REFERENCE_WEIGHTS, (detection, parsing), strict=True):
        save_random(net, checkpoints.path_of(name, folder))
