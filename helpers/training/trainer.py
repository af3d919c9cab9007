"""The loop of all trainings: learning rate, averaged weights, validation, checkpoints, resumption.

A checkpoint holds all that the next steps depend on, random states included: a training that was
killed goes on as if it had not been.
"""

from __future__ import annotations

import copy
import io
import json
import math
import time
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..checkpoints.loading import UNREADABLE, check_archive
from ..errors import ParameterError, WeightsError
from ..networks.devices import choose_precision
from .config import TrainConfig
from .draws import Draws
from .weights import write_whole

WARM_UP = 100  # steps
LEAST_RATE = 0.02  # of the full learning rate, at the end
DECAY = 0.998  # of the averaged weights, a step
GRADIENT_LIMIT = 1.0  # norm
DIGITS = 5  # of logged figures

Net = TypeVar("Net", bound=nn.Module)
Figures = dict[str, Any]  # name -> float or tensor with one value


def place(net: Net, device: torch.device) -> Net:
    """A network on a device, in the memory format that is fastest there."""
    return net.to(device).to(memory_format=torch.channels_last)


def mixed_precision(device: torch.device) -> torch.autocast:
    """bfloat16 where the device computes in it, else float32: emulated it is ten times slower."""
    if device.type == "cuda":
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        fast = choose_precision("auto", device) == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def rate_share(step: int, share: float) -> float:
    """Share of the full learning rate at a step, a ``share`` of the run being over.

    Linear warm-up by steps, then half a cosine down to 2 % over the run.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * share))
    return min(1.0, (step + 1) / WARM_UP) * (LEAST_RATE + (1 - LEAST_RATE) * cosine)


class Averaged(Generic[Net]):
    """Exponential moving average of a network's weights and batch-norm statistics."""

    def __init__(self, net: Net):
        self.net = copy.deepcopy(net).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        decay = min(DECAY, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(_floating(self.net), _floating(net), None)


def _floating(net: nn.Module) -> list[torch.Tensor]:
    return [value for value in net.state_dict().values() if value.is_floating_point()]


class Trainer(Generic[Net]):
    """A network in training; subclasses say what a step is.

    ``made_from`` names what the training cannot change on its way: data, weights, width and so on.
    """

    name: ClassVar[str]

    def __init__(
        self,
        net: Net,
        optimiser: torch.optim.Optimizer,
        draws: Draws,
        made_from: dict[str, Any],
    ):
        self.net = net
        self.optimiser = optimiser
        self.draws = draws
        self.averaged = Averaged(net)
        self.device = next(net.parameters()).device
        self.made_from = dict(made_from, device=self.device.type)

    def one_step(self, step: int, share: float) -> Figures:
        """Train on one batch; ``share``, 0 to 1, of the run is over. Returns figures to log."""
        raise NotImplementedError

    def validate(self, step: int) -> Figures:
        """Figures of the averaged network on clips that are held back."""
        raise NotImplementedError

    def parts(self) -> dict[str, Any]:
        """All that steps change, by name: objects with a state dict."""
        return dict(
            net=self.net,
            optimiser=self.optimiser,
            averaged=self.averaged.net,
            draws=self.draws,
        )

    def state_dict(self) -> dict[str, Any]:
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state["torch_rng"] = torch.get_rng_state()
        if self.device.type == "cuda":
            state["cuda_rng"] = torch.cuda.get_rng_state(self.device)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self.parts().items():
            part.load_state_dict(state[name])

        torch.set_rng_state(state["torch_rng"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_rng"], self.device)

    def descend(self, loss: torch.Tensor) -> None:
        """One step of the optimiser down a loss."""
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), GRADIENT_LIMIT)
        self.optimiser.step()


def load_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint on the CPU. Raises WeightsError if it is damaged or of an earlier version."""
    try:
        check_archive(path)
        state = torch.load(path, weights_only=True, map_location="cpu")
    except UNREADABLE:
        state = {}
    if "made_from" not in state:
        raise WeightsError(
            f"{path} is damaged or of an earlier version; choose another output folder,"
            " or delete this one to start anew"
        )
    return state


def check_same(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises ParameterError if a training cannot go on because it is another one than before."""
    names = [name for name in now if before.get(name) != now[name]]
    if names:
        what = ", ".join(f"{name} was {before.get(name)}, is {now[name]}" for name in names)
        raise ParameterError(
            f"{path} is of another training ({what}); choose another output folder,"
            " or delete this one to start anew"
        )


class Progress:
    """How far a training is, and its checkpoints: ``out/NAME.pt``, and the log
    ``out/NAME.jsonl``.
    """

    def __init__(self, trainer: Trainer, out: Path):
        self.trainer = trainer
        self.state_path = out / f"{trainer.name}.pt"
        self.log_path = out / f"{trainer.name}.jsonl"
        self.step = 0
        self.log: list[str] = []
        self.rows: list[Figures] = []  # of the steps since the last checkpoint
        seconds = 0.0
        if self.state_path.exists():
            state = load_checkpoint(self.state_path)
            check_same(self.state_path, state["made_from"], trainer.made_from)
            trainer.load_state_dict(state)
            self.step = state["step"]
            self.log = state["log"]
            seconds = state["seconds"]
            self._write_log()
            print(f"{trainer.name}: going on from step {self.step}")
        self.started = time.monotonic() - seconds

    def share(self, config: TrainConfig) -> float:
        """Share of the run that is over."""
        share = self.step / config.steps
        if config.minutes:
            share = max(share, (time.monotonic() - self.started) / 60 / config.minutes)
        return share

    def checkpoint(self) -> None:
        """Validate, log and save."""
        means = {
            name: sum(float(row[name]) for row in self.rows) / len(self.rows)
            for name in self.rows[0]
        }
        figures = means | self.trainer.validate(self.step)

        seconds = round(time.monotonic() - self.started)
        rounded = {name: round(value, DIGITS) for name, value in figures.items()}
        self.log.append(json.dumps(dict(step=self.step, seconds=seconds) | rounded))
        self.rows = []

        state = self.trainer.state_dict()
        state |= dict(
            step=self.step, seconds=seconds, log=self.log, made_from=self.trainer.made_from
        )
        whole = io.BytesIO()  # torch.save does not tell a full disk from other faults
        torch.save(state, whole)
        write_whole(self.state_path, whole.getbuffer())
        self._write_log()
        print(self.log[-1], flush=True)

    def _write_log(self) -> None:
        write_whole(self.log_path, "".join(line + "\n" for line in self.log).encode())


def run_training(trainer: Trainer, out: Path, config: TrainConfig) -> int:
    """Train to ``steps`` or for ``minutes``, whichever ends first; returns the steps done.

    Goes on from ``out/NAME.pt`` if it is there. Raises ParameterError if that is of another
    training.
    """
    out.mkdir(parents=True, exist_ok=True)

    full = [group["lr"] for group in trainer.optimiser.param_groups]
    progress = Progress(trainer, out)
    while progress.step < config.steps:
        share = progress.share(config)
        if share >= 1:
            break

        for group, rate in zip(trainer.optimiser.param_groups, full, strict=True):
            group["lr"] = rate * rate_share(progress.step, share)
        progress.rows.append(trainer.one_step(progress.step, share))
        trainer.averaged.update(trainer.net, progress.step)

        progress.step += 1
        if progress.step % config.every == 0:
            progress.checkpoint()
    if progress.rows:
        progress.checkpoint()
    return progress.step
