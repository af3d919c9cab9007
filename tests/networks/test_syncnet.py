"""Upstream's SyncNet: its keys, and files that are not its weights."""

import pytest
import torch

from helpers import checkpoints
from helpers.errors import WeightsError
from helpers.networks.syncnet import SyncNet


def test_upstreams_keys_and_size():
    net = SyncNet()
    assert sum(p.numel() for p in net.parameters()) == 13_631_616  # SyncNetModel.py
    shapes = {k: tuple(v.shape) for k, v in net.state_dict().items()}
    assert shapes["netcnnaud.18.weight"] == (512, 256, 5, 4) and shapes[
        "netcnnaud.19.running_var"
    ] == (512,)
    assert shapes["netcnnlip.18.weight"] == (512, 256, 1, 6, 6) and shapes["netfclip.3.bias"] == (
        1024,
    )


def test_other_files_are_told(tmp_path):
    torch.save({"netcnnaud.0.weight": torch.zeros(3)}, tmp_path / "other.model")
    with pytest.raises(WeightsError, match="another architecture .* this SyncNet"):
        checkpoints.load(tmp_path / "other.model")
