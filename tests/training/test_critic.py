"""The critic of redrawn mouths."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers.training.critic import MouthCritic
from helpers.training.losses import MOUTH_COLUMNS, MOUTH_ROWS


def test_the_critic_learns_to_tell_sharp_mouths_from_soft_ones():
    """Of noise, sharp and blurred: at chance before, a tenth of chance after 60 steps.

    It sees the mouth alone.
    """
    torch.manual_seed(0)
    critic = MouthCritic()
    sharp = torch.rand(8, 3, 96, 96)
    soft = F.avg_pool2d(sharp, 3, 1, 1)
    assert critic.doubt(sharp, soft).item() == pytest.approx(np.log(2), abs=0.05)

    optimiser = torch.optim.Adam(critic.parameters(), 1e-3)
    for _ in range(60):
        optimiser.zero_grad()
        critic.doubt(sharp, soft).backward()
        optimiser.step()
    assert critic.doubt(sharp, soft) < 0.07
    assert critic.doubt(soft, sharp) > 2
    assert critic.steepness(sharp) > 0

    sharp.requires_grad_(True)
    critic.doubt(soft, sharp).backward()
    felt = sharp.grad.abs().sum(dim=(0, 1)) > 0
    assert felt[MOUTH_ROWS, MOUTH_COLUMNS].float().mean() > 0.9
    assert felt.sum() <= 48 * 48
