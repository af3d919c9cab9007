"""Other people in another light."""

import numpy as np
import torch

from helpers.training.clips import Clips
from helpers.training.draws import Draws
from helpers.training.looks import beards, vary_look


def test_weak_augmentation_is_the_clip_itself(prepared):
    clips = Clips(prepared.arrays)
    crops = torch.from_numpy(clips.faces(clips.train[0], np.arange(2)))[None]
    plain = crops[0, :, 16:112, 16:112].permute(0, 3, 1, 2).float() / 255
    made = vary_look(crops, 0.0, clips.draws)[0]
    away = (made - plain).abs().mean()
    mirrored = (made.flip(-1) - plain).abs().mean()
    assert min(away, mirrored) < 0.01


def test_one_look_for_all_pictures_of_a_sample(prepared):
    clips = Clips(prepared.arrays)
    face = torch.from_numpy(clips.faces(clips.train[0], np.zeros(3, int)))
    made = vary_look(face[None].repeat(2, 1, 1, 1, 1), 1.0, clips.draws)
    within = (made[0, 0] - made[0, 2]).abs().mean()
    between = (made[0, 0] - made[1, 0]).abs().mean()
    assert within < 0.03 < between


def test_beards_grow_on_a_third_of_the_faces_and_leave_eyes_and_lips_free():
    colour, cover = beards(300, Draws())
    assert colour.shape == (300, 1, 3, 128, 128)
    assert cover.shape == (300, 1, 1, 128, 128)
    assert cover.min() >= 0
    assert cover.max() <= 1

    square = cover[:, 0, 0, 16:112, 16:112]
    bearded = square.amax(dim=(1, 2)) > 0.2
    assert 0.2 < bearded.float().mean() < 0.5
    where = square[bearded].mean(dim=0)
    assert where[:40].max() < 0.02
    assert where[61:65, 42:54].mean() < where[54:58, 42:54].mean() / 2
