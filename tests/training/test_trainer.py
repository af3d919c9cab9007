"""The loop of all trainings, on a network of one layer: checkpoints, resumption, precision."""

import json

import pytest
import torch
from torch import nn

from helpers.errors import ParameterError, WeightsError
from helpers.training import trainer
from helpers.training.config import TrainConfig
from helpers.training.draws import Draws


class Killed(Exception): ...


class TinyTrainer(trainer.Trainer):
    """Fits noise; draws from all generators, so that a state that is not restored shows."""

    name = "tiny"

    def __init__(self, dies_at=None, **made_from):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
        optimiser = torch.optim.AdamW(net.parameters(), lr=0.1)
        super().__init__(net, optimiser, Draws(0), made_from)
        self.dies_at = dies_at

    def one_step(self, step, share):
        if step == self.dies_at:
            raise Killed
        wanted = torch.from_numpy(self.draws.rng.normal(size=(4, 3))).float()
        loss = (self.net(self.draws.normal(4, 3)) - wanted).square().mean()
        self.descend(loss)
        return dict(loss=loss.detach())

    def validate(self, step):
        return dict(held=0.5)


def equal(a, b):
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def test_a_killed_training_goes_on_as_if_it_had_not_been_killed(tmp_path, capsys):
    config = TrainConfig(11, every=2)
    whole = TinyTrainer()
    assert trainer.run_training(whole, tmp_path / "whole", config) == 11

    with pytest.raises(Killed):
        trainer.run_training(TinyTrainer(dies_at=5), tmp_path / "killed", config)
    torch.rand(7)
    later = TinyTrainer()
    trainer.run_training(later, tmp_path / "killed", config)
    assert "tiny: going on from step 4" in capsys.readouterr().out
    assert equal(later.net, whole.net)
    assert equal(later.averaged.net, whole.averaged.net)

    logs = [(tmp_path / name / "tiny.jsonl").read_text() for name in ("killed", "whole")]
    rows = [[json.loads(line) for line in log.splitlines()] for log in logs]
    assert [row["step"] for row in rows[0]] == [2, 4, 6, 8, 10, 11]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]


def test_a_finished_training_goes_on_when_it_is_given_more_steps(tmp_path):
    trainer.run_training(TinyTrainer(), tmp_path, TrainConfig(2))
    again = TinyTrainer(dies_at=0)
    assert trainer.run_training(again, tmp_path, TrainConfig(2)) == 2
    assert trainer.run_training(TinyTrainer(), tmp_path, TrainConfig(4)) == 4


def test_a_training_goes_on_as_the_same_training_only(tmp_path):
    trainer.run_training(TinyTrainer(width=1.0, data="a"), tmp_path, TrainConfig(1))
    before = (tmp_path / "tiny.pt").read_bytes()
    with pytest.raises(ParameterError, match=r"tiny.pt is of another training \(width was 1.0, is"):
        trainer.run_training(TinyTrainer(width=0.5, data="a"), tmp_path, TrainConfig(2))
    with pytest.raises(ParameterError, match="data was a, is b"):
        trainer.run_training(TinyTrainer(width=1.0, data="b"), tmp_path, TrainConfig(2))
    assert (tmp_path / "tiny.pt").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_told(content, tmp_path):
    (tmp_path / "tiny.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="tiny.pt is damaged or of an earlier version"):
        trainer.run_training(TinyTrainer(), tmp_path, TrainConfig(1))


def test_a_training_by_the_clock_ends_by_it(tmp_path, monkeypatch):
    """A minute passes at each look at the clock."""
    seconds = iter(range(0, 10**6, 60))
    monkeypatch.setattr(trainer.time, "monotonic", lambda: next(seconds))
    done = trainer.run_training(TinyTrainer(), tmp_path, TrainConfig(1000, minutes=5))
    assert done == 4


@pytest.mark.parametrize("fast", [False, True])
def test_training_computes_in_bfloat16_only_where_the_processor_does(fast, monkeypatch):
    """Elsewhere bfloat16 is emulated: seven to ten times slower than float32, measured on AVX2."""
    precision = torch.bfloat16 if fast else torch.float32
    monkeypatch.setattr(trainer, "choose_precision", lambda name, device: precision)
    with trainer.mixed_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == precision
