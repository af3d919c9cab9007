"""A few steps of the generator's training: killed, resumed, from new weights and from others."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers import checkpoints, params
from helpers.errors import ParameterError, WeightsError
from helpers.networks.compact import CompactWav2Lip, network_input
from helpers.networks.maps import warp_and_paint
from helpers.training import generator, trainer
from helpers.training.clips import Clips
from helpers.training.config import GeneratorConfig
from helpers.training.stills import validate_stills

KILLED_STEPS = 9
CRITIC_FROM_THE_START = """
import sys
from pathlib import Path

import torch

from helpers.training import generator
from helpers.training.config import GeneratorConfig

torch.set_num_threads(1)
generator.CRITIC_NEEDS = 0
generator.CRITIC_START = dict(new=0.0)
prepared, out, expert = map(Path, sys.argv[1:])
config = GeneratorConfig({steps}, every=2, expert=expert, width=0.25)
generator.train(prepared, out, config)
"""


@pytest.fixture
def critic_from_the_start(monkeypatch):
    monkeypatch.setattr(generator, "CRITIC_NEEDS", 0)
    monkeypatch.setattr(generator, "CRITIC_START", dict(new=0.0, start=0.0))


def training(*arguments) -> subprocess.Popen:
    program = CRITIC_FROM_THE_START.format(steps=KILLED_STEPS)
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=params.ROOT)


def test_a_killed_training_gives_the_weights_of_an_undisturbed_one(prepared, expert, tmp_path):
    """Killed at 45 % of its steps. The critic is heard from the first step on."""
    whole = training(prepared.arrays, tmp_path / "whole", expert)
    whole.communicate()
    assert whole.returncode == 0

    killed = training(prepared.arrays, tmp_path / "killed", expert)
    steps = (line for line in killed.stdout if '"step": 4' in line)
    assert next(steps)
    killed.kill()
    killed.communicate()
    assert not (tmp_path / "killed" / "wav2lip-compact.safetensors").exists()

    resumed = training(prepared.arrays, tmp_path / "killed", expert)
    printed = resumed.communicate()[0]
    assert resumed.returncode == 0
    assert "generator: going on from step" in printed

    names = ("whole", "killed")
    files = [tmp_path / name / "wav2lip-compact.safetensors" for name in names]
    weights = [checkpoints.load(path).state_dict() for path in files]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_a_narrow_generator_without_some_parts_loads_by_its_width(prepared, expert, tmp_path):
    without = ("expert", "looks", "cycle", "encoders")
    config = GeneratorConfig(2, expert=expert, width=0.25, without=without)
    net = checkpoints.load(generator.train(prepared.arrays, tmp_path, config))
    assert net.width == 0.25
    assert net.face_encoder_blocks[0][1].conv_block[0].out_channels == 8
    log = torch.load(tmp_path / "generator.pt", weights_only=True)["log"]
    assert '"likeness": 0.0, "critic": 0.0' in log[-1]
    assert '"cycle": 0.0' in log[-1]


def test_another_width_in_one_folder_is_refused(prepared, expert, tmp_path):
    values = dict(expert=expert, without=("encoders",))
    path = generator.train(prepared.arrays, tmp_path, GeneratorConfig(1, width=0.25, **values))
    before = path.read_bytes()
    with pytest.raises(ParameterError, match=r"width was 0.25, is 0.5"):
        generator.train(prepared.arrays, tmp_path, GeneratorConfig(2, width=0.5, **values))
    assert path.read_bytes() == before


def test_fine_tuning_keeps_encoders_and_a_part_of_the_weights(
    prepared, expert, compact, tmp_path, critic_from_the_start
):
    """Face encoder and readout stay to the bit, the rest goes half of the way."""
    config = GeneratorConfig(
        3, every=1, expert=expert, start=compact, without=("encoders",), new_weights=0.5
    )
    path = generator.train(prepared.arrays, tmp_path, config)
    before = checkpoints.load(compact).state_dict()
    after = checkpoints.load(path).state_dict()
    whole = torch.load(tmp_path / "generator.pt", weights_only=True)["averaged"]
    moved = 0
    kept = 0
    for name, value in after.items():
        if name.startswith(("face_encoder.", "readout.")):
            assert torch.equal(value, before[name]), name
            kept += 1
        elif value.is_floating_point():
            half = (before[name] + whole[name]) / 2
            assert torch.allclose(value, half, rtol=2e-3, atol=1e-5), name
            moved += not torch.equal(value, before[name])
    assert moved > 50
    assert kept > 20


def test_a_part_that_is_none_is_refused():
    with pytest.raises(ParameterError, match="without=eyes is no part of the training"):
        GeneratorConfig(1, without=("eyes",))


def test_weights_of_another_kind_are_refused(prepared, expert, compact, tmp_path):
    with pytest.raises(WeightsError, match="holds a SyncExpert; this training needs a CompactWav2"):
        generator.check(tmp_path, GeneratorConfig(1, expert=expert, start=expert))
    with pytest.raises(WeightsError, match="holds a CompactWav2Lip; this training needs a SyncExp"):
        generator.check(tmp_path, GeneratorConfig(1, expert=compact))
    with pytest.raises(WeightsError, match="there is no sync expert at"):
        generator.check(tmp_path, GeneratorConfig(1))


@pytest.mark.parametrize(("start", "rate"), [(None, 1e-3), ("compact.safetensors", 2e-4)])
def test_training_that_goes_on_takes_a_fifth_of_the_rate(start, rate):
    assert GeneratorConfig(1, start=start).learning_rate == rate


def test_some_of_a_batch_is_at_its_second_pass(compact):
    """Those are drawn already, with corrected target codes; the others are as they were."""
    net = checkpoints.load(compact)
    random = torch.Generator().manual_seed(0)
    faces = torch.rand(4, 3, 96, 96, generator=random)
    code = torch.randn(4, 8, generator=random)
    target = code + 0.1
    source, corrected = generator.after_passes(net, code, target, faces, [2])
    assert torch.equal(source[2:], faces[2:])
    assert torch.equal(corrected[2:], target[2:])

    maps = net.draw(target[:2], network_input(faces[:2], faces[:2]))
    assert torch.allclose(source[:2], warp_and_paint(faces[:2], maps), atol=1e-4)
    expected = target[:2] + net.correction(code[:2], source[:2])
    assert torch.allclose(corrected[:2], expected, atol=1e-4)
    assert (corrected[:2] - target[:2]).abs().max() > 0.01


def test_stills_are_measured_beside_their_copies(prepared, expert, compact):
    clips = Clips(prepared.arrays)
    figures, picture = validate_stills(
        checkpoints.load(compact), checkpoints.load(expert), clips, clips.validation
    )
    assert picture.dtype == np.uint8
    assert picture.shape == (2 * 96, 10 * 96, 3)
    assert figures["copy_l1"] > 0
    assert figures["mouth_l1"] > 0


def test_average_follows_the_network():
    net = CompactWav2Lip(0.25)
    averaged = trainer.Averaged(net)
    first = averaged.net.from_code.weight.clone()
    with torch.no_grad():
        net.from_code.weight += 1
    averaged.update(net, 0)
    assert torch.allclose(averaged.net.from_code.weight, first + 0.9)
