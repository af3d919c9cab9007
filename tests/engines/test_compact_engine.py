"""The compact network in its closed loop."""

import numpy as np
import pytest
import torch
from support import SAMPLE_SPEECH, draw_batch, sample_face

from helpers import checkpoints, media
from helpers.engines.compact import (
    BROAD_SMILE,
    BROW_ROW,
    CHEEK_ROW,
    LEAN,
    PHOTO_FLOW,
    greenest,
)
from helpers.networks.compact import network_input
from helpers.networks.encode import (
    encode_faces,
    encode_speech,
    neutral_code,
)
from helpers.networks.maps import chain_maps, warp_and_paint


def sample_codes(net) -> np.ndarray:
    """What the sample's speech asks for, four times a second."""
    moments = np.arange(0.1, 7.1, 0.25)
    wave = media.read_audio(SAMPLE_SPEECH)
    return encode_speech(net, checkpoints.audio_encoder(), wave, moments)


def test_a_face_does_not_depend_on_its_neighbours_in_the_batch():
    net = checkpoints.load(checkpoints.FOLDER / "wav2lip-compact.safetensors")
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (8, 96, 96, 3), np.uint8)
    codes = rng.normal(size=(8, 8)).astype(np.float32)
    whole = draw_batch(net, codes, pictures)
    alone = draw_batch(
        net,
        codes * (np.arange(8) == 3)[:, None],
        pictures * (np.arange(8) == 3)[:, None, None, None],
    )
    assert whole.shape == (8, 6, 96, 96)
    assert (whole[3] == alone[3]).all()


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16, torch.float32])
def test_sound_moves_the_mouth(precision):
    """The bundled network draws different mouths for different sounds, and leaves the eyes
    alone.
    """
    net = checkpoints.load(checkpoints.FOLDER / "wav2lip-compact.safetensors")
    codes = sample_codes(net)
    face = sample_face()
    maps = torch.from_numpy(draw_batch(net, codes, np.repeat(face[None], len(codes), 0), precision))
    pixels = torch.from_numpy(face).permute(2, 0, 1).float().expand(len(codes), 3, 96, 96)
    maps[:, 3:] *= 255
    moves = warp_and_paint(pixels, maps).std(dim=0).mean(dim=0)
    assert (
        moves[52:72, 34:62].mean() > max(10 * moves[20:40, 20:76].mean(), 4)
        and moves[:32].max() < 1
    )


def test_eyes_bring_mouths_nearer_to_what_is_heard():
    """A smile and the same smile shut, told the same sounds: by passes that look at what is drawn,
    and blindly.
    """
    net = checkpoints.load(checkpoints.locate("compact").path)
    pixels = lambda pictures: torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255  # noqa: E731
    smile, silence = sample_face()[None], net.readout.silence[None].numpy()
    own = neutral_code(net, encode_faces(net, smile))
    assert own.shape == (8,) and own.dtype == np.float32 and np.linalg.norm(own) <= 3.001
    maps = torch.from_numpy(
        draw_batch(net, silence, smile, pauses=np.ones(1, np.float32), neutral=own)
    )
    shut = (
        (warp_and_paint(pixels(smile), maps).clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()
    )
    told = sample_codes(net)
    code = torch.from_numpy(told)
    seen = {"blind": [], "seeing": []}
    for face in (smile, shut):
        inputs = np.repeat(face, len(told), 0)
        blind = net.draw(code, network_input(pixels(inputs), pixels(inputs)))
        for _ in range(2):
            again = warp_and_paint(pixels(inputs), blind)
            blind = chain_maps(blind, net.draw(code, network_input(again, again)))
        seeing = torch.from_numpy(draw_batch(net, told, inputs, passes=3, neutral=own))
        for name, maps in (("blind", blind), ("seeing", seeing)):
            seen[name].append(net.face_encoder(warp_and_paint(pixels(inputs), maps)))
    wanted = code + torch.from_numpy(own)
    away = {
        name: sum((wanted - codes).square().mean() for codes in pair) for name, pair in seen.items()
    }
    assert away["seeing"] < 0.9 * away["blind"]


def test_paint_is_hardly_greener_than_the_face():
    """Green over the mean of red and blue: a smile's paint has no more of it than the cheeks, the
    network's own has.
    """
    net = checkpoints.load(checkpoints.locate("compact").path)
    codes = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    faces = np.repeat(sample_face()[None], 8, 0)
    pixels = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    green = lambda maps: maps[:, 4] - (maps[:, 3] + maps[:, 5]) / 2  # noqa: E731
    limit = greenest(pixels).max() + 0.01
    assert limit < 0.1
    assert green(net.draw(torch.from_numpy(codes), network_input(pixels, pixels))).max() > 2 * limit
    assert green(torch.from_numpy(draw_batch(net, codes, faces))).max() <= limit


def test_a_photographed_smile_is_painted_in_pauses_only():
    """The sample's code is longer than 5: its teeth are bent and not painted over, unless nobody
    speaks.
    """
    net = checkpoints.load(checkpoints.locate("compact").path)
    codes = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    faces, still = np.repeat(sample_face()[None], 4, 0), np.array([False, True, True, True])
    assert np.linalg.norm(encode_faces(net, faces[:1])) > 1 + BROAD_SMILE
    alpha = draw_batch(
        net, codes, faces, is_photo=still, pauses=np.array([0, 0, 0.5, 1], np.float32)
    )[:, 2]
    assert alpha[1].max() == 0 and alpha[[0, 2, 3]].max(axis=(1, 2)).min() > 0.2
    grey = np.full_like(faces, 128)
    assert np.linalg.norm(encode_faces(net, grey[:1])) < BROAD_SMILE
    assert draw_batch(net, codes, grey, is_photo=still)[1, 2].max() > 0


def test_a_photographed_smile_is_not_moved_further_in_pauses(monkeypatch):
    """Shut as the eyes see it and bent by 1.45 times that, the sample's chin is pushed aside."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    codes = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    pauses, still = np.array([0, 0.5, 1], np.float32), np.ones(3, bool)
    for face, further in (
        (sample_face(), [0.45, 0.225, 0]),
        (np.full((96, 96, 3), 128, np.uint8), [0.45] * 3),
    ):
        flows = []
        for wider in (1.0, 1.45):
            monkeypatch.setattr("helpers.engines.compact.PHOTO_FLOW", wider)
            flows.append(
                draw_batch(net, codes, np.repeat(face[None], 3, 0), is_photo=still, pauses=pauses)[
                    :, :2
                ]
            )
        for once, lengthened, more in zip(*flows, further, strict=True):
            np.testing.assert_allclose(lengthened, once * (1 + more), atol=1e-5)


def test_one_pass_is_told_what_the_source_lacks():
    net = checkpoints.load(checkpoints.locate("compact").path)
    face, heard = (
        sample_face()[None],
        np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32),
    )
    own = np.linspace(-2, 2, 8, dtype=np.float32)
    pixels = torch.from_numpy(face).permute(0, 3, 1, 2).float() / 255
    code = torch.from_numpy(heard)
    lacks = (code + torch.from_numpy(own) - net.face_encoder(pixels)).clamp(-3, 3)
    told = net.draw(code + LEAN * lacks, network_input(pixels, pixels))
    made = torch.from_numpy(draw_batch(net, heard, face, passes=1, neutral=own))
    lower = made[..., CHEEK_ROW:, :]
    assert torch.allclose(
        lower[:, :3], told[:, :3, CHEEK_ROW:], atol=1e-4
    )  # the paint's green is limited
    assert (made[:, :2, :BROW_ROW] == 0).all()  # eyes and brows stay
    assert not torch.allclose(
        net.draw(code, network_input(pixels, pixels))[:, :3], told[:, :3], atol=1e-3
    )


def test_a_mouth_that_is_shut_is_not_shut_further(monkeypatch):
    """In a pause the eyes end the closing: an open mouth is shut; where they see all mouths shut,
    nothing follows the usual passes."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    face, heard = sample_face()[None], np.zeros((1, 8), np.float32)
    drawn = draw_batch(net, heard, face)
    shut = draw_batch(net, heard, face, pauses=np.ones(1, np.float32))
    assert np.abs(shut - drawn)[:, :2].max() > 0.01
    monkeypatch.setattr("helpers.engines.compact.SHUT_ALONG", -99)
    ended = draw_batch(net, heard, face, pauses=np.ones(1, np.float32))
    assert np.allclose(ended[:, :3], drawn[:, :3], atol=1e-4)


def test_photographed_mouths_get_one_pass_more_and_are_moved_further():
    net = checkpoints.load(checkpoints.locate("compact").path)
    rng = np.random.default_rng(0)
    faces, codes = (
        rng.integers(0, 255, (3, 96, 96, 3), np.uint8),
        rng.normal(size=(3, 8)).astype(np.float32),
    )
    lent, still = np.array([False, True, False]), np.array([True, True, False])
    usual, more = (draw_batch(net, codes, faces, passes=n, from_donor=lent) for n in (2, 3))
    made = draw_batch(net, codes, faces, passes=2, from_donor=lent, is_photo=still)
    assert np.allclose(made[0, :2], PHOTO_FLOW * more[0, :2], atol=1e-4)
    assert np.allclose(made[0, 2:], more[0, 2:], atol=5e-4) and not np.allclose(
        made[0], usual[0], atol=1e-2
    )
    assert np.allclose(made[1:], usual[1:], atol=5e-4)


def test_pauses_shut_the_mouth_of_their_own_frames_only():
    net = checkpoints.load(checkpoints.locate("compact").path)
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 255, (4, 96, 96, 3), dtype=np.uint8)
    codes = rng.normal(size=(4, 8)).astype(np.float32)
    plain = draw_batch(net, codes, faces, passes=2)
    paused = draw_batch(net, codes, faces, passes=2, pauses=np.array([0, 1, 0, 0.5], np.float32))
    assert (paused[[0, 2]] == plain[[0, 2]]).all()
    assert all(np.abs(paused[n, :2] - plain[n, :2]).max() > 1e-3 for n in (1, 3))
