"""The weights that trainings start from, and those that they write."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import torch
from safetensors.torch import save
from torch import nn

from .. import checkpoints
from ..errors import WeightsError

WEIGHTS = {  # what each training writes
    "expert": "sync-compact.safetensors",
    "generator": "wav2lip-compact.safetensors",
    "ear": "wav2lip-compact.safetensors",
    "restorer": "restore-compact.safetensors",
}

Net = TypeVar("Net", bound=nn.Module)


def weights_path(out: Path, name: str, *given: Path | None) -> Path:
    """Where the training ``name`` writes its weights.

    Raises WeightsError if other weights would be lost: the file is one of those ``given`` to the
    training to start from, or is there without the checkpoint ``out/NAME.pt`` of the training that
    made it.
    """
    path = out / WEIGHTS[name]
    if not os.path.lexists(path):
        return path

    others = [other for other in given if other and os.path.exists(other)]
    if path.exists() and any(path.samefile(other) for other in others):
        raise WeightsError(
            f"{path} is given to the training, which would replace it; choose another --out"
        )

    if not (out / f"{name}.pt").exists():
        raise WeightsError(
            f"{path} was not made by a training in {out} (no {name}.pt there); choose another --out"
        )
    return path


def load_network(path: Path, kind: type[Net]) -> Net:
    """A network of the ``kind`` that a training needs. Raises WeightsError if it is another one."""
    net = checkpoints.load(path)
    if not isinstance(net, kind):
        raise WeightsError(
            f"{path} holds a {type(net).__name__}; this training needs a {kind.__name__} there"
        )
    return net


def origin(path: Path | None) -> str | None:
    """What weights are known by in a checkpoint: the start of their SHA-256, None for none."""
    return checkpoints.sha256(path)[:16] if path else None


@torch.no_grad()
def average_with(net: nn.Module, start: nn.Module, share: float) -> None:
    """Weights of a network: ``share`` of its own, the rest of those that its training started from.

    What it knew of pictures unlike the training's is kept so (WiSE-FT, Wortsman et al., 2022).
    """
    theirs = start.state_dict()
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            value.lerp_(theirs[name].to(value), 1 - share)


def save_weights(net: nn.Module, path: Path, **facts: object) -> None:
    """State dict as float16 safetensors, with ``facts`` in its header.

    The file takes its name when it is complete.
    """
    state = {
        name: value.half().contiguous()
        for name, value in net.state_dict().items()
        if value.is_floating_point()
    }

    write_whole(path, save(state, metadata={name: str(value) for name, value in facts.items()}))


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write a file that takes its name when it is complete; nothing is left of it otherwise."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
