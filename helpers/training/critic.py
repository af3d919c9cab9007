"""The critic of the generator's training: true mouth or redrawn one?

Told by L1 alone, teeth, which may be in one place or another, come out as their mean, a soft brown.
The critic compares a true and a redrawn picture (relativistic pairing, Jolicoeur-Martineau, 2018,
with the gradient penalties of Huang et al., "The GAN is dead", 2024). It pulls with a set share of
the picture losses' force on the redrawn picture (as in VQGAN, Esser et al., 2021), at the paint
alone: heard by the flow, it tears strangers' lips.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .losses import MOUTH_COLUMNS, MOUTH_ROWS, mouth_weights
from .trainer import mixed_precision, place

LEARNING_RATE = 1e-3
BETAS = (0.5, 0.99)
PENALTY = 0.002  # of the critic's steepness
PENALTY_EVERY = 8  # steps
NOISE = 0.02  # on what the critic sees: a camera's noise cannot be redrawn
PULL = 1.0  # of the force of the picture losses


def _layer(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(0.2))


class MouthCritic(nn.Module):
    """True mouth or redrawn one, patch by patch: a measure of teeth, edges and colour.

    ``forward(pictures (B, 3, 96, 96))`` gives its opinions ``(B, 1, 12, 12)``, higher for true;
    they weigh ``weights``, of mean 1.
    """

    weights: torch.Tensor

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            _layer(12, 64, 1), _layer(64, 128, 2), _layer(128, 128, 1), nn.Conv2d(128, 1, 3, 1, 1)
        )

        weights = (mouth_weights() - 1)[None, MOUTH_ROWS, MOUTH_COLUMNS]
        weights = F.avg_pool2d(weights, 4)
        self.register_buffer("weights", weights / weights.mean())

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        x = pictures[..., MOUTH_ROWS, MOUTH_COLUMNS]
        x = x + NOISE * torch.randn_like(x)
        return self.layers(F.pixel_unshuffle(x * 4 - 2, 2)).float()

    def doubt(self, better: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
        """Loss of the opinion that the mouths of some pictures are better than those of others."""
        return (self.weights * F.softplus(self(worse) - self(better))).mean()

    def steepness(self, pictures: torch.Tensor) -> torch.Tensor:
        """Squared length of the gradient of a picture's mean opinion, the mean over pictures."""
        pictures = pictures.detach().requires_grad_(True)
        opinion = (self.weights * self(pictures)).mean(dim=(1, 2, 3)).sum()

        gradient = torch.autograd.grad(opinion, pictures, create_graph=True)[0]
        return gradient.square().sum(dim=(1, 2, 3)).mean()


class CriticTraining:
    """A critic and its optimiser; both are part of a checkpoint."""

    def __init__(self, device: torch.device):
        self.device = device
        self.net = place(MouthCritic(), device)
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True
        )

    def learn(
        self, target: torch.Tensor, drawn: torch.Tensor, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One step on pictures ``(B, 3, 96, 96)``; returns (loss, penalty)."""
        steepness = torch.zeros(())
        with mixed_precision(self.device):
            loss = self.net.doubt(target, drawn.detach())
        if step % PENALTY_EVERY == 0:
            steep = self.net.steepness(target) + self.net.steepness(drawn)
            steepness = PENALTY * PENALTY_EVERY * steep

        self.optimiser.zero_grad()
        (loss + steepness).backward()
        self.optimiser.step()
        return loss, steepness

    def pull(
        self,
        painted: torch.Tensor,
        target: torch.Tensor,
        picture_loss: torch.Tensor,
        drawn: torch.Tensor,
        share: float,
    ) -> torch.Tensor:
        """Loss of ``painted`` being told from ``target``, a share as strong as the picture loss.

        ``painted`` and ``drawn``, of which the picture loss is, are the same picture: the former's
        gradients go to the paint alone.
        """
        self.net.requires_grad_(False)
        with mixed_precision(self.device):
            fooled = self.net.doubt(painted, target)
        self.net.requires_grad_(True)

        force = PULL * share * _force(picture_loss, drawn)
        return force / _force(fooled, painted).clamp(min=1e-9) * fooled

    def state_dict(self) -> dict:
        return dict(net=self.net.state_dict(), optimiser=self.optimiser.state_dict())

    def load_state_dict(self, state: dict) -> None:
        self.net.load_state_dict(state["net"])
        self.optimiser.load_state_dict(state["optimiser"])


def _force(loss: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss, picture, retain_graph=True)[0].norm()
