"""Upstream's SyncNet and its scores.

Golden numbers: caught from ``SyncNetInstance.evaluate`` of joonson/syncnet_python at 6efbb1c, with
python_speech_features 0.6, on a CPU. Only its reading of files was replaced, by the same pictures and 16-bit samples.
Weights are those of ``fill``.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from support import ffmpeg, fill, made_clip, tone, write_wave

from helpers import checkpoints, media
from helpers.errors import WeightsError
from helpers.measure.lse import (
    embed_lips,
    embed_sound,
    lse_score,
    measure_lse,
    mfcc,
    syncnet_square,
)
from helpers.measure.table import longest_track, lse_columns, measure_run
from helpers.networks.syncnet import SyncNet
from helpers.plan.plan import load_plan


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    """A file in the form of ``syncnet_v2.model``, a plain state dict, with random weights."""
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(fill(SyncNet().state_dict()), path)
    return path


def pictures(count: int) -> np.ndarray:
    blocks = np.random.default_rng(0).integers(0, 256, (count, 7, 7, 3), np.uint8)
    return blocks.repeat(32, axis=1).repeat(32, axis=2)


def test_mfcc_is_python_speech_features():
    found = mfcc(tone(1.2))
    assert found.shape == (13, 119)
    assert found[:4, 0] == pytest.approx(
        [19.587689842, -12.409813189, -12.250225763, 41.004951235], abs=1e-8
    )
    assert found[[0, 1, 6, 12], 50] == pytest.approx(
        [19.950389661, 6.314020189, 16.582368085, 9.412025034], abs=1e-8
    )
    assert found[[0, 1, 12], -1] == pytest.approx(
        [21.458171112, 0.88821099, 20.578839745], abs=1e-8
    )
    assert np.isfinite(mfcc(np.zeros(100))).all() and mfcc(np.zeros(100)).shape == (13, 1)


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


def test_vectors_and_scores_are_upstreams(seeded):
    net, crops, wave = checkpoints.load(seeded), pictures(30), tone(1.2)
    assert isinstance(net, SyncNet) and not net.training
    lips, sound = embed_lips(net, crops, 7), embed_sound(net, wave, 25)
    assert lips.shape == (26, 1024) and sound.shape == (
        25,
        1024,
    )  # upstream leaves the last picture vector out
    assert lips[3, :5].tolist() == pytest.approx(
        [-32.770763, 210.69507, 23.783657, -21.944305, 56.816544], rel=1e-4
    )
    assert sound[3, :5].tolist() == pytest.approx(
        [31.179403, -17.501677, 91.79882, -22.101374, -93.54226], rel=1e-4
    )
    found = measure_lse(net, crops, wave)
    assert found == pytest.approx(dict(lse_d=7965.7417, lse_c=51.8643, lse_offset=15), rel=1e-4)
    short = measure_lse(net, crops, wave[:15200])  # 0.95 s: the pictures are cut to the sound
    assert short == pytest.approx(dict(lse_d=7952.3350, lse_c=79.3315, lse_offset=-15), rel=1e-4)
    assert measure_lse(net, crops[:5], wave) == {}


def test_score_of_made_vectors_is_upstreams():
    """Pictures whose sound was three frames ago, put in the place of upstream's network's vectors."""
    rng = np.random.default_rng(1)
    sound = rng.standard_normal((40, 16)).astype(np.float32)
    lips = np.roll(sound, 3, 0) + rng.standard_normal((40, 16)).astype(np.float32) * 0.3
    found = lse_score(torch.from_numpy(lips), torch.from_numpy(sound))
    assert found == pytest.approx(dict(lse_d=1.468415, lse_c=3.736808, lse_offset=3), abs=1e-5)


@pytest.mark.parametrize("box, pixels", [
    ((60, 40, 150, 170), [[14, 82, 228], [86, 189, 96], [96, 167, 215], [110, 110, 110], [134, 106, 28]]),
    ((2.5, 90.5, 101, 199.2), [[110, 110, 110], [210, 62, 163], [171, 43, 6], [110, 110, 110], [104, 206, 106]]),
])  # fmt: skip
def test_crop_is_upstreams(box, pixels):
    """Pixels caught from ``crop_video`` of upstream's ``run_pipeline.py`` (its VideoWriter replaced)."""
    y, x = np.mgrid[0:200, 0:240]
    frame = np.stack([(x * y // 40) % 256, (3 * x + y) % 256, (x * 2 + y * 5) % 256], -1).astype(
        np.uint8
    )
    x1, y1, x2, y2 = box
    crop = syncnet_square(frame, (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) / 2)
    assert [
        crop[at].tolist() for at in ((0, 0), (112, 112), (150, 90), (223, 223), (60, 200))
    ] == pixels


def test_other_files_are_told(tmp_path):
    torch.save({"netcnnaud.0.weight": torch.zeros(3)}, tmp_path / "other.model")
    with pytest.raises(WeightsError, match="another architecture .* this SyncNet"):
        checkpoints.load(tmp_path / "other.model")


def test_table_has_the_columns_when_the_file_is_here(tmp_path, small_run, seeded, monkeypatch):
    sound = write_wave(tmp_path / "own.wav", tone(1.0))
    made_clip(tmp_path / "silent.mkv", "30", 1.0)
    ffmpeg("-i", tmp_path / "silent.mkv", "-i", sound, "-c", "copy", tmp_path / "clip.mkv")
    record, p = small_run(
        str(tmp_path / "clip.mkv"), write_wave(tmp_path / "speech.wav", tone(1.2)), device="cpu"
    )
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", seeded.parent)
    monkeypatch.setitem(checkpoints.entries()["syncnet"], "bytes", 0)
    columns = {"lse_d", "lse_c", "lse_offset"}
    assert not any(columns & set(row) for row in measure_run(p.run_dir))
    monkeypatch.setitem(checkpoints.entries()["syncnet"], "bytes", seeded.stat().st_size)
    rows = measure_run(p.run_dir)
    assert [row["video"] for row in rows] == ["source", "lipsync"]
    for row, path, count in zip(
        rows, (p.video, record["results"]["lipsync"]["path"]), (30, 36), strict=True
    ):
        frames = list(media.read_frames(path, Fraction(30), 0, count))
        crops = [
            syncnet_square(frames[n * 6 // 5], 80, 65, 45) for n in range(count * 5 // 6)
        ]  # of the box given
        want = measure_lse(checkpoints.load(seeded), crops, media.read_audio(path))
        assert {name: row[name] for name in columns} == pytest.approx(want, rel=1e-5)


def test_score_takes_the_longest_track_with_its_sound(small_run, pretend_faces, monkeypatch):
    pretend_faces(lambda n: n < 11 or n >= 24)
    _, p = small_run(box="", name="gap")  # 50 frames of 40 ms
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    assert longest_track(plan) == (24, 26)
    given = {}
    monkeypatch.setattr(
        "helpers.measure.table.measure_lse",
        lambda net, crops, wave: given.update(crops=list(crops), wave=wave),
    )
    frames = list(media.read_frames(p.video, plan.fps))
    lse_columns(None, iter(frames), plan, np.arange(32000))
    want = [syncnet_square(frame, 80, 65, 45) for frame in frames[24:]]
    assert np.array_equal(given["crops"], want) and given["wave"][0] == 24 * 640
