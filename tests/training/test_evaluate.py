"""Figures of a compact network on clips."""

import json

import numpy as np
import pytest
import torch
from support import spoken_clip

from helpers import checkpoints
from helpers.__main__ import main
from helpers.engines.base import MouthBatch
from helpers.engines.blend import apply_maps
from helpers.engines.compact import draw_maps
from helpers.networks.devices import choose_precision
from helpers.networks.encode import encode_faces, encode_speech, frame_moments, neutral_code
from helpers.training import evaluate
from helpers.training.clips import Clips
from helpers.training.prepare import FPS


def test_what_is_evaluated_is_what_a_run_draws(prepared, compact):
    """Between pixels the face is read as a run reads it, bicubically."""
    clips = Clips(prepared.arrays)
    clip = clips.train[0]
    face = clips.squares(clip, np.arange(1))
    net = checkpoints.load(compact)
    moments = frame_moments(20, FPS)
    codes = encode_speech(net, checkpoints.audio_encoder(), clips.wave(clip), moments)[3:4]
    neutral = neutral_code(net, encode_faces(net, face))[None]
    precision = choose_precision("auto", torch.device("cpu"))
    maps = draw_maps(net, MouthBatch(face, codes, neutral=neutral), precision, 3)
    expected = apply_maps(face[0], maps[0], np.eye(2, 3), None)
    assert np.array_equal(evaluate.draw(net, codes, face)[0], expected)
    assert (expected != face[0]).any()


def test_evaluation_has_the_true_clip_as_anchor(prepared, capsys):
    command = ["evaluate", "--model", "compact", "--clips", str(prepared.folder)]
    assert main([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    kinds = [row["video"] for row in result["mean"]]
    assert kinds == ["true", "copied", "own speech", "other speech"]
    assert len(result["clips"]) == 12

    true, copied, spoken, other = result["mean"]
    assert true["sharpness_ratio"] == true["flicker_ratio"] == 1
    assert "mouth_l1" not in true
    assert {"mouth_l1", "mouth_psnr", "mouth_ssim", "sync_confidence", "leak"} <= set(spoken)
    assert spoken["mouth_l1"] > 0
    assert 0 < spoken["leak"] < 2
    assert other["sync_confidence"] > copied["sync_confidence"]

    rows = evaluate.table(result)
    assert len(rows) == 4
    assert rows[0]["in_time"].endswith("of 3")


def test_one_clip_has_no_others_speech(tmp_path):
    spoken_clip(tmp_path / "a.mp4", 0, 1.2)
    result = evaluate.evaluate("compact", tmp_path, passes=1)
    assert [row["video"] for row in result["clips"]] == ["true", "copied", "own speech"]
    assert evaluate.table(result)[0]["in_time"].endswith("of 1")


@pytest.mark.parametrize("args", [[], ["run", "--model", "compact"], ["--model", "compact"]])
def test_evaluate_says_what_it_needs(args, capsys):
    assert main(["evaluate", *args]) == 2
    assert "--clips FOLDER" in capsys.readouterr().err


def test_the_sharpest_difference_is_found():
    faces = np.zeros((6, 96, 96, 3), np.uint8)
    faces[1] = 90
    faces[4] = 200
    chosen = sorted(evaluate.most_different(faces))
    assert chosen in ([0, 1, 4], [1, 2, 4], [1, 3, 4], [1, 4, 5])


def test_a_copy_leaks_all_and_silence_of_the_reference_nothing(monkeypatch):
    faces = np.random.default_rng(0).integers(0, 255, (9, 96, 96, 3), dtype=np.uint8)
    codes = np.zeros((9, 8), np.float32)
    monkeypatch.setattr(evaluate, "encode_faces", lambda net, faces: None)
    monkeypatch.setattr(evaluate, "neutral_code", lambda net, codes: None)
    monkeypatch.setattr(evaluate, "draw", lambda net, codes, faces, neutral: faces)
    assert evaluate.leak(None, codes, faces) == pytest.approx(1)
    monkeypatch.setattr(evaluate, "draw", lambda net, codes, faces, neutral: 0 * faces)
    assert evaluate.leak(None, codes, faces) == 0
