"""The compact restorer's training, and what its bundled weights do."""

import itertools
import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from support import SAMPLE_VIDEO, ffmpeg

from helpers import checkpoints, media
from helpers.face.detect import detect_in_frame
from helpers.face.square import crop_square, square_matrix
from helpers.networks.restorer import CompactRestorer
from helpers.training import faces, restorer as training
from helpers.training.config import TrainConfig


@pytest.mark.slow
def test_training_runs_and_its_weights_load(tmp_path):
    folder = tmp_path / "clips" / "her"
    folder.mkdir(parents=True)
    for n in range(2):
        ffmpeg("-t", "1", "-i", SAMPLE_VIDEO, "-c", "copy", folder / f"{n}.mp4")
    index = faces.collect(tmp_path / "clips", tmp_path / "faces")
    assert index["train"].count(True)
    assert index["train"].count(False)

    path = training.train(tmp_path / "faces", tmp_path, TrainConfig(4, every=2))
    lines = (tmp_path / "restorer.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["step"] for row in rows] == [2, 4]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert rows[0]["bicubic_sharpness"] < 0.9  # a round trip is softer than the face
    assert isinstance(checkpoints.load(path), CompactRestorer)


def test_the_bundled_restorer_sharpens_a_96_px_round_trip_of_strangers(clips):
    """Faces of four speakers that it never saw, at their own size. A sharp face is left alone."""
    squares = []
    for n in (1, 2, 3, 4):
        frames = media.read_frames(clips / f"grid_v{n}.mpg", Fraction(25))
        for frame in itertools.islice(frames, 5, 60, 10):
            landmarks = detect_in_frame(frame)[0, 5:].reshape(5, 2)
            matrix = square_matrix(landmarks, training.SQUARE)
            squares.append(crop_square(frame, matrix, training.SQUARE))

    pictures = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255
    net = checkpoints.load(checkpoints.locate("restore-compact").path)
    result = training.validate(net, pictures)
    assert result["gain_db"] > 1
    assert 0.7 < result["sharpness"] < 1.2
    assert result["bicubic_sharpness"] < 0.6
    with torch.no_grad():
        # the network learnt from pictures whose colour was read coarsely, two pixels in one: 0.39
        assert float((net(pictures) - pictures).abs().mean()) < 0.5 / 255
