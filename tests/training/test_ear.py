"""The readout's training: read from the sound what the face encoder sees."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers import checkpoints
from helpers.networks.compact import network_input
from helpers.networks.encode import encode_faces, encode_speech, frame_moments
from helpers.training import ear
from helpers.training.clips import Clips
from helpers.training.prepare import FPS


def test_the_readout_learns_what_the_face_encoder_sees(prepared, compact):
    """One clip: the codes that its sound asks for come near its faces', in every number."""
    clips = Clips(prepared.arrays)
    clips.train = clips.train[:1]
    clip = clips.train[0]
    net = checkpoints.load(compact)
    opening = net.readout.opening.clone()
    net.readout.weight.zero_()
    encoder = checkpoints.audio_encoder()
    faces = encode_faces(net, clips.squares(clip, np.arange(clip["frames"])))

    ear.fit(net, encoder, clips)
    asked = encode_speech(net, encoder, clips.wave(clip), frame_moments(len(faces), FPS))

    alike = [np.corrcoef(asked[:, k], faces[:, k])[0, 1] for k in range(8)]
    assert min(alike) > 0.8
    shares = asked.std(axis=0) / faces.std(axis=0)
    assert shares / shares.mean() == pytest.approx(np.ones(8), rel=0.25)
    assert torch.equal(net.readout.opening, opening)  # of many clips, while here is one


def test_no_speaker_drowns_the_others():
    """At most 200 clips of one; their weight is the square root of their number."""
    many = [dict(speaker="a", file=str(n)) for n in range(999)]
    few = [dict(speaker="b", file=str(n)) for n in range(4)]

    class Listed:
        train = many + few

    chosen = ear.weighted_clips(Listed())
    weights = {name: [w for clip, w in chosen if clip["speaker"] == name] for name in "ab"}
    assert len(weights["a"]) == ear.MOST_CLIPS
    assert len(weights["b"]) == 4
    assert sum(weights["a"]) == pytest.approx(ear.MOST_CLIPS**0.5)
    assert sum(weights["b"]) == pytest.approx(2)

    files = [int(clip["file"]) for clip, _ in chosen if clip["speaker"] == "a"]
    assert files[0] == 0
    assert files[-1] == 998
    assert len(set(files)) == ear.MOST_CLIPS


def test_opening_is_the_way_in_which_codes_part_the_lips(prepared, compact):
    """Learnt on some clips, it opens the mouth of another more than four in five random ways do.

    Or shut it: above and below the lips the flow reads further apart. The bundled one, of many
    clips: more than 95 % of 200.
    """
    clips = Clips(prepared.arrays)
    net = checkpoints.load(compact)
    way = ear.opening(net, clips, clips.train)
    assert way.shape == (8,)
    assert torch.allclose(way.norm(), torch.ones(()))

    clip = clips.validation[0]
    faces = torch.from_numpy(clips.squares(clip, np.arange(0, clip["frames"], 15)))
    faces = faces.permute(0, 3, 1, 2).float() / 255
    random = torch.randn(200, 8, generator=torch.Generator().manual_seed(0))
    learnt = torch.stack((way, net.readout.opening))
    ways = torch.cat((learnt, F.normalize(random, dim=1)))

    def gap(codes: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            both = network_input(faces, faces).repeat_interleave(len(codes), dim=0)
            targets = (net.face_encoder(faces)[:, None] + codes).flatten(0, 1)
            flow = net.draw(targets, both)[:, 1, :, 40:56]
        upper = flow[:, 50:60].mean(dim=(1, 2))
        lower = flow[:, 66:80].mean(dim=(1, 2))
        return (upper - lower).view(len(faces), -1).mean(dim=0)

    moved = gap(ways) - gap(-ways)
    more = [float((m > moved[2:].abs()).float().mean()) for m in moved[:2]]
    assert more[0] > 0.8, more
    assert more[1] > 0.95, more


def test_the_face_encoder_hardly_sees_brightness_and_contrast(prepared, compact):
    """A picture with 60 % of its contrast is nearly the same mouth."""
    clips = Clips(prepared.arrays)
    faces = torch.from_numpy(clips.squares(clips.train[0], np.arange(20)))
    faces = faces.permute(0, 3, 1, 2).float() / 255
    encoder = checkpoints.load(compact).face_encoder
    with torch.no_grad():
        codes = encoder(faces)
        dimmed = encoder(0.6 * faces + 0.1)
    assert (codes - dimmed).abs().mean() < 0.3 * codes.std()
