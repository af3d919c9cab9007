"""Frames with a re-drawn face -> the same frames with the face restored."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import checkpoints
from ..networks.devices import choose_device, choose_precision
from ..params import Params
from .compact import compact_faces
from .gfpgan import GFPGAN_CHECKPOINTS, gfpgan_faces, load_gfpgan, locate_gfpgan
from .reference import enhance, load_reference
from .sharpen import sharpen

# (RGB frames, their landmarks (5, 2), their crop matrices (see faces), runs) -> new frames. Frames of one run, a
# number, follow each other in one shot.
Restorer = Callable[
    [Sequence[np.ndarray], Sequence[np.ndarray], Sequence[np.ndarray], Sequence[int]],
    list[np.ndarray],
]


def choose_restorer(name: str) -> str:
    """The restorer that ``auto`` stands for: gfpgan if its weights are here, else compact."""
    return (
        ("gfpgan" if any(map(checkpoints.here, GFPGAN_CHECKPOINTS)) else "compact")
        if name == "auto"
        else name
    )


def describe_restorer(p: Params) -> dict[str, Any]:
    """What the restored pixels depend on besides the lip-synced ones; ``auto`` is resolved. Raises WeightsError."""
    name = choose_restorer(p.restorer)
    facts = dict(restorer=name, strength=p.strength) if name != "none" else dict(restorer=name)
    if name in ("compact", "gfpgan", "gfpgan_reference"):
        found = (
            checkpoints.locate("restore-compact")
            if name == "compact"
            else locate_gfpgan(p.restorer_checkpoint)
        )
        facts |= dict(weights=found.name, weights_sha256=checkpoints.sha256(found.path))
    if name in ("compact", "gfpgan"):
        facts |= dict(region=p.region, steady=p.steady)
    return facts | (dict(restore_unsynced=True) if p.restore_unsynced and name != "none" else {})


def make_restorer(p: Params) -> Restorer:
    """The restorer of a run; at strength 0 it gives the frames themselves. Raises WeightsError, ParameterError."""
    name, device = choose_restorer(p.restorer), choose_device(p.device)
    if name == "none" or p.strength == 0:
        return lambda frames, landmarks, matrices, runs: list(frames)
    if name == "sharpen":
        return lambda *rows: [sharpen(*row, p.strength) for row in zip(*rows[:3], strict=True)]
    if name == "gfpgan_reference":
        tool = load_reference(locate_gfpgan(p.restorer_checkpoint).path, device)
        return lambda frames, *_: [enhance(tool, frame, p.strength) for frame in frames]
    how = dict(
        precision=choose_precision(p.precision, device), region=p.region, strength=p.strength, steady=p.steady
    )  # fmt: skip
    if name == "compact":
        net = checkpoints.load(checkpoints.locate("restore-compact").path).to(device)
        return functools.partial(compact_faces, net, **how)
    return functools.partial(
        gfpgan_faces, load_gfpgan(locate_gfpgan(p.restorer_checkpoint).path, device), **how
    )
