"""Weights -> the engine that uses them."""

from __future__ import annotations

from .. import checkpoints
from ..checkpoints import Found
from ..errors import WeightsError
from ..networks.compact import CompactWav2Lip
from ..networks.devices import choose_device
from ..networks.wav2lip import Wav2Lip
from ..params import Params
from .base import Engine
from .compact import CompactEngine
from .upstream import UpstreamEngine

ENGINES = {Wav2Lip: UpstreamEngine, CompactWav2Lip: CompactEngine}  # by network


def load_engine(found: Found, p: Params) -> Engine:
    """The engine for a checkpoint, on the device of the parameters. Raises WeightsError."""
    net = checkpoints.load(found.path)
    if type(net) not in ENGINES:
        raise WeightsError(
            f"checkpoint={p.checkpoint}: {found.path} holds a {type(net).__name__},"
            " no lip-sync network"
        )

    return ENGINES[type(net)](net.to(choose_device(p.device)), p)
