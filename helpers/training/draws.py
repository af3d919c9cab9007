"""Random numbers of a training, whose state goes into its checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


class Draws:
    """Two generators: ``rng`` chooses samples, ``torch_rng`` on the device makes looks and
    voices.
    """

    def __init__(self, seed: int = 0, device: torch.device | str = "cpu"):
        self.device = torch.device(device)
        self.rng = np.random.default_rng(seed)
        self.torch_rng = torch.Generator(self.device).manual_seed(seed)

    def uniform(self, *shape: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
        values = torch.rand(shape, generator=self.torch_rng, device=self.device)
        return values * (high - low) + low

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=self.torch_rng, device=self.device)

    def state_dict(self) -> dict[str, Any]:
        return dict(rng=self.rng.bit_generator.state, torch_rng=self.torch_rng.get_state())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = state["rng"]
        self.torch_rng.set_state(state["torch_rng"])
