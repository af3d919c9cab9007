"""What the trainings share: precision, checkpoints, averaged weights, the learning rate, a log of JSON lines."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..errors import WeightsError
from ..networks.devices import choose_precision

WARM_UP = 100  # steps
WEIGHTS = {  # what each training writes
    "expert": "sync-compact.safetensors",
    "generator": "wav2lip-compact.safetensors",
    "ear": "wav2lip-compact.safetensors",
    "restorer": "restore-compact.safetensors",
}


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 where the device computes in it, else float32: emulated bfloat16 is ten times slower."""
    if device.type == "cuda":
        quick = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        quick = choose_precision("auto", device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=quick)


def rate_share(step: int, share: float) -> float:
    """Share of the full learning rate: linear warm-up by steps, then half a cosine down to 2 % over the run."""
    return min(1.0, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))


class Averaged:
    """Exponential moving average of a network's weights and batch-norm statistics."""

    def __init__(self, net: nn.Module, decay: float = 0.998):
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        mine, theirs = (
            [v for v in n.state_dict().values() if v.is_floating_point()] for n in (self.net, net)
        )
        get_ema_multi_avg_fn(decay)(mine, theirs, None)


@torch.no_grad()
def average_with(net: nn.Module, start: nn.Module, share: float) -> None:
    """Weights of a network: ``share`` of its own, the rest of those that its training started from.

    What it knew of pictures unlike the training's is kept so (WiSE-FT, Wortsman et al., 2022).
    """
    theirs = start.state_dict()
    for name, value in net.state_dict().items():
        if value.is_floating_point():
            value.lerp_(theirs[name].to(value), 1 - share)


def save_weights(net: nn.Module, path: str | os.PathLike, **facts) -> None:
    """State dict as float16 safetensors, with ``facts`` in its header; the file takes its name when complete."""
    path = Path(path)
    part = path.with_suffix(".part")
    state = {k: v.half().contiguous() for k, v in net.state_dict().items() if v.is_floating_point()}
    save_file(state, part, metadata={k: str(v) for k, v in facts.items()})
    os.replace(part, path)


def weights_path(out: Path, name: str, *given: Path | None) -> Path:
    """Where the training ``name`` writes its weights.

    Raises WeightsError if other weights would be lost: the file is one of those ``given`` to the training
    to start from, or is there without the checkpoint ``out/NAME.pt`` of the training that made it.
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


def run_training(
    out: Path, name: str, net: nn.Module, optimiser: torch.optim.Optimizer, averaged: Averaged, steps: int,
    one_step: Callable[[int, float], dict], validate: Callable[[int], dict], every: int, minutes: float | None,
) -> int:  # fmt: skip
    """Train to ``steps`` or for ``minutes``, whichever ends first; returns the steps done.

    Goes on from ``out/NAME.pt`` if it is there. ``one_step(step, share)`` does one step, share being the part of the
    run that is over (0 to 1), and returns figures to log. Every ``every`` steps and at the end the averaged network
    is validated, logged to ``out/NAME.jsonl`` and saved with the optimiser's state.
    """
    out.mkdir(parents=True, exist_ok=True)
    state_path = out / f"{name}.pt"
    full = [group["lr"] for group in optimiser.param_groups]
    step, spent = 0, 0.0
    if state_path.exists():
        state = torch.load(
            state_path, weights_only=True, map_location=next(net.parameters()).device
        )
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        averaged.net.load_state_dict(state["averaged"])
        step, spent = state["step"], state["seconds"]
        print(f"{name}: going on from step {step}")
    started = time.monotonic() - spent
    rows: list[dict] = []
    while step < steps:
        share = max(step / steps, (time.monotonic() - started) / 60 / minutes if minutes else 0.0)
        if share >= 1:
            break
        for group, rate in zip(optimiser.param_groups, full, strict=True):
            group["lr"] = rate * rate_share(step, share)
        rows.append(one_step(step, share))
        averaged.update(net, step)
        step += 1
        if step % every == 0:
            _checkpoint(out, name, net, optimiser, averaged, step, started, rows, validate(step))
            rows = []
    if rows:
        _checkpoint(out, name, net, optimiser, averaged, step, started, rows, validate(step))
    return step


def _checkpoint(out, name, net, optimiser, averaged, step, started, rows, validation) -> None:
    seconds = round(time.monotonic() - started)
    means = {k: sum(float(r[k]) for r in rows) / len(rows) for k in rows[0]}
    line = json.dumps(
        dict(step=step, seconds=seconds) | {k: round(v, 5) for k, v in (means | validation).items()}
    )
    with (out / f"{name}.jsonl").open("a") as log:
        log.write(line + "\n")
    print(line, flush=True)
    part = out / f"{name}.pt.part"
    state = dict(net=net, optimiser=optimiser, averaged=averaged.net)
    torch.save(
        {k: v.state_dict() for k, v in state.items()} | dict(step=step, seconds=seconds), part
    )
    os.replace(part, out / f"{name}.pt")
