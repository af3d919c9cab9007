"""What a training is given."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import ParameterError
from ..params import TRAINING_PARTS

GENERATOR_RATE = 1e-3
FINE_TUNING_RATE = 2e-4  # of a generator that goes on from weights


@dataclass(frozen=True)
class TrainConfig:
    """How long, from where and with which seed to train.

    It ends after ``steps`` or ``minutes``, whichever is first; every ``every`` steps it is
    validated and saved. ``start`` names weights to go on from.
    """

    steps: int
    minutes: float | None = None
    every: int = 250
    start: Path | None = None
    seed: int = 0


@dataclass(frozen=True)
class GeneratorConfig(TrainConfig):
    """A generator's training, besides what all have.

    ``expert``: weights of the sync expert, by default those in the output folder. ``rate``:
    learning rate, by default a fifth of the usual one where training goes on from weights.
    ``width``: of a new network. ``without``: some of ``params.TRAINING_PARTS``; without "encoders",
    face encoder and readout stay as they are. ``new_weights``: their share in the result, the
    rest are those of ``start``.
    """

    expert: Path | None = None
    rate: float | None = None
    width: float = 1.0
    without: Collection[str] = ()
    new_weights: float = 1.0

    def __post_init__(self):
        unknown = [part for part in self.without if part not in TRAINING_PARTS]
        if unknown:
            raise ParameterError(
                f"without={unknown[0]} is no part of the training; its parts are"
                f" {', '.join(TRAINING_PARTS)}"
            )

    @property
    def learning_rate(self) -> float:
        usual = FINE_TUNING_RATE if self.start else GENERATOR_RATE
        return self.rate or usual
