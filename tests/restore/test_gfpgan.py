"""GFPGAN against its authors' network, and the files that its weights come in."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from helpers import checkpoints, params
from helpers.errors import WeightsError
from helpers.face.square import crop_square
from helpers.restore.base import describe_restorer, make_restorer
from helpers.restore.gfpgan import (
    ALIGNED_SIZE,
    align_matrix,
    load_gfpgan,
    paste_aligned,
    run_gfpgan,
)
from helpers.restore.reference import import_gfpgan

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def drawn(seeded_gfpgan, sample_face) -> torch.Tensor:
    """What our network makes of the sample's face."""
    frame, points = sample_face
    square = crop_square(frame, align_matrix(points), ALIGNED_SIZE)
    return run_gfpgan(load_gfpgan(seeded_gfpgan, CPU), [square], torch.float32)


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("gfpgan"), reason="gfpgan is not installed")
def test_same_face_as_the_authors_network(seeded_gfpgan, sample_face, drawn):
    import_gfpgan()
    from gfpgan.archs.gfpganv1_clean_arch import GFPGANv1Clean

    authors = GFPGANv1Clean(
        out_size=512,
        channel_multiplier=2,
        fix_decoder=False,
        input_is_latent=True,
        different_w=True,
        sft_half=True,
    )
    authors.load_state_dict(torch.load(seeded_gfpgan, weights_only=True)["params_ema"])

    frame, points = sample_face
    square = crop_square(frame, align_matrix(points), ALIGNED_SIZE)
    pixels = (torch.from_numpy(square / np.float32(255)).permute(2, 0, 1)[None] - 0.5) / 0.5
    with torch.no_grad():
        expected = authors.eval()(pixels, return_rgb=False, randomize_noise=False)[0]
    assert 0.1 < float(expected.std()) < 1
    assert float((drawn - expected).abs().max()) < 1e-4


@pytest.mark.slow
def test_a_frame_is_restored_the_same_each_time(seeded_gfpgan, sample_face, drawn):
    frame, points = sample_face
    p = params.build(
        restorer="gfpgan",
        restorer_checkpoint=seeded_gfpgan,
        device="cpu",
        precision="fp32",
        strength=1,
    )
    restored = make_restorer(p)([frame], [points], [None], [0])

    face = ((drawn[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    expected = paste_aligned(frame, face, align_matrix(points), points, "mouth", 1.0)
    assert len(restored) == 1
    assert np.array_equal(restored[0], expected)
    assert not np.array_equal(restored[0], frame)


def test_half_precision_that_overflows_is_drawn_in_full():
    class Overflows(nn.Conv2d):
        def forward(self, x, return_rgb, randomize_noise):
            assert not randomize_noise
            return x * (float("inf") if torch.is_autocast_enabled("cpu") else 1), []

    square = np.full((512, 512, 3), 255, np.uint8)
    assert run_gfpgan(Overflows(3, 3, 1), [square], torch.bfloat16).unique().tolist() == [1]


def test_missing_weights_are_named(tmp_path, monkeypatch):
    checkpoints.entries()
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)
    way = r"GFPGANv1\.4\.pth is not here.* weights fetch gfpgan-1\.4"
    for checkpoint in ("auto", "gfpgan-1.4"):
        with pytest.raises(WeightsError, match=way):
            describe_restorer(params.build(restorer="gfpgan", restorer_checkpoint=checkpoint))

    neither = "restorer_checkpoint=/no/such.pth is neither a file nor one of auto, gfpgan-1.4"
    with pytest.raises(WeightsError, match=neither):
        make_restorer(params.build(restorer="gfpgan", restorer_checkpoint="/no/such.pth"))


@pytest.mark.parametrize(
    "content, message",
    [(b"<!DOCTYPE html><html>", "a web page"), (b"PK\x03\x04torn", "damaged")],
)
def test_files_that_are_no_weights_are_refused(content, message, tmp_path):
    path = tmp_path / "bad.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        load_gfpgan(path, CPU)


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save({"params_ema": {"conv.weight": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="other.pth holds weights of another architecture"):
        load_gfpgan(tmp_path / "other.pth", CPU)
