"""LSE against the program that defines it.

Golden numbers: caught from ``SyncNetInstance.evaluate`` of joonson/syncnet_python at 6efbb1c, with
python_speech_features 0.6, on a CPU. Only its reading of files was replaced, by the same pictures
and 16-bit samples. Weights are those of ``fill``.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from support import ffmpeg, fill, made_clip, tone, write_wave

from helpers import checkpoints, media, run
from helpers.measure.lse import (
    LseScorer,
    embed_sound,
    lse_score,
    mfcc,
    syncnet_square,
)
from helpers.measure.samples import Clip, Judges, Sound, longest_track
from helpers.measure.table import measure_run
from helpers.networks.syncnet import SyncNet
from helpers.plan.plan import load_plan

COLUMNS = ("lse_d", "lse_c", "lse_offset")


@pytest.fixture(scope="module")
def seeded_syncnet(tmp_path_factory) -> Path:
    """A file in the form of ``syncnet_v2.model``, a plain state dict, with random weights."""
    path = tmp_path_factory.mktemp("weights") / "syncnet_v2.model"
    torch.save(fill(SyncNet().state_dict()), path)
    return path


def pictures(count: int) -> np.ndarray:
    blocks = np.random.default_rng(0).integers(0, 256, (count, 7, 7, 3), np.uint8)
    return blocks.repeat(32, axis=1).repeat(32, axis=2)


def scorer(net: SyncNet, crops: np.ndarray, wave: np.ndarray, batch: int = 20) -> LseScorer:
    scorer = LseScorer(net, wave, batch)
    for crop in crops:
        scorer.add(crop)
    return scorer


def test_mfcc_is_python_speech_features():
    found = mfcc(tone(1.2))
    assert found.shape == (13, 119)
    first = [19.587689842, -12.409813189, -12.250225763, 41.004951235]
    middle = [19.950389661, 6.314020189, 16.582368085, 9.412025034]
    last = [21.458171112, 0.88821099, 20.578839745]
    assert found[:4, 0] == pytest.approx(first, abs=1e-8)
    assert found[[0, 1, 6, 12], 50] == pytest.approx(middle, abs=1e-8)
    assert found[[0, 1, 12], -1] == pytest.approx(last, abs=1e-8)


def test_short_silence_has_one_finite_frame():
    found = mfcc(np.zeros(100))
    assert found.shape == (13, 1)
    assert np.isfinite(found).all()


@pytest.mark.slow
def test_vectors_and_scores_are_upstreams(seeded_syncnet):
    net = checkpoints.load(seeded_syncnet)
    assert isinstance(net, SyncNet)
    assert not net.training

    crops = pictures(30)
    wave = tone(1.2)
    lips = scorer(net, crops, wave, 7).lip_vectors()
    sound = embed_sound(net, wave, 25)
    assert lips.shape == (26, 1024)
    assert sound.shape == (25, 1024)  # upstream leaves the last picture vector out
    expected = [-32.770763, 210.69507, 23.783657, -21.944305, 56.816544]
    assert lips[3, :5].tolist() == pytest.approx(expected, rel=1e-4)
    expected = [31.179403, -17.501677, 91.79882, -22.101374, -93.54226]
    assert sound[3, :5].tolist() == pytest.approx(expected, rel=1e-4)

    whole = dict(lse_d=7965.7417, lse_c=51.8643, lse_offset=15)
    assert scorer(net, crops, wave).score() == pytest.approx(whole, rel=1e-4)
    # 0.95 s: the pictures are cut to the sound
    short = dict(lse_d=7952.3350, lse_c=79.3315, lse_offset=-15)
    assert scorer(net, crops, wave[:15200]).score() == pytest.approx(short, rel=1e-4)
    assert scorer(net, crops[:5], wave).score() == {}


def test_score_of_made_vectors_is_upstreams():
    """Pictures whose sound was three frames ago, in the place of upstream's network's vectors."""
    rng = np.random.default_rng(1)
    sound = rng.standard_normal((40, 16)).astype(np.float32)
    lips = np.roll(sound, 3, 0) + rng.standard_normal((40, 16)).astype(np.float32) * 0.3
    found = lse_score(torch.from_numpy(lips), torch.from_numpy(sound))
    assert found == pytest.approx(dict(lse_d=1.468415, lse_c=3.736808, lse_offset=3), abs=1e-5)


@pytest.mark.parametrize("box, pixels", [
    ((60, 40, 150, 170),
     [[14, 82, 228], [86, 189, 96], [96, 167, 215], [110, 110, 110], [134, 106, 28]]),
    ((2.5, 90.5, 101, 199.2),
     [[110, 110, 110], [210, 62, 163], [171, 43, 6], [110, 110, 110], [104, 206, 106]]),
])  # fmt: skip
def test_crop_is_upstreams(box, pixels):
    """Pixels caught from ``crop_video`` of ``run_pipeline.py`` (its VideoWriter replaced)."""
    y, x = np.mgrid[0:200, 0:240]
    colours = [(x * y // 40) % 256, (3 * x + y) % 256, (x * 2 + y * 5) % 256]
    frame = np.stack(colours, -1).astype(np.uint8)
    x1, y1, x2, y2 = box
    crop = syncnet_square(frame, (x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1) / 2)
    places = ((0, 0), (112, 112), (150, 90), (223, 223), (60, 200))
    assert [crop[place].tolist() for place in places] == pixels


@pytest.mark.slow
def test_table_has_the_columns_when_the_file_is_here(
    tmp_path, small_run, seeded_syncnet, monkeypatch
):
    silent = made_clip(tmp_path / "silent.mkv", "30", 1.0)
    sound = write_wave(tmp_path / "own.wav", tone(1.0))
    ffmpeg("-i", silent, "-i", sound, "-c", "copy", tmp_path / "clip.mkv")
    speech = write_wave(tmp_path / "speech.wav", tone(1.2))
    record, p = small_run(str(tmp_path / "clip.mkv"), speech, device="cpu")

    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", seeded_syncnet.parent)
    entry = checkpoints.entries()["syncnet"]
    monkeypatch.setitem(entry, "bytes", 0)
    assert not any(set(COLUMNS) & set(row) for row in measure_run(p.run_dir))
    monkeypatch.setitem(entry, "bytes", seeded_syncnet.stat().st_size)
    source, lipsync = measure_run(p.run_dir)

    net = checkpoints.load(seeded_syncnet)
    result = record["results"]["lipsync"]["path"]
    for row, path, count in ((source, p.video, 30), (lipsync, result, 36)):
        frames = list(media.read_frames(path, media.probe(path).fps, 0, count))
        # 25 a second of the box given
        crops = [syncnet_square(frames[n * 6 // 5], 80, 65, 45) for n in range(count * 5 // 6)]
        expected = scorer(net, np.stack(crops), media.read_audio(path)).score()
        assert {name: row[name] for name in COLUMNS} == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_score_takes_the_longest_track_with_its_sound(small_run, pretend_faces, seeded_syncnet):
    pretend_faces(lambda n: n < 11 or n >= 24)
    _, p = small_run(box="", name="gap")  # 50 frames of 40 ms
    plan = load_plan(Path(p.run_dir, run.PLAN))
    assert longest_track(plan) == (24, 26)

    net = checkpoints.load(seeded_syncnet)
    wave = tone(2.0)
    clip = Clip("source", plan, {}, Sound(plan.mel, wave), Judges(None, net))
    frames = list(media.read_frames(p.video, plan.fps))
    for n, frame in enumerate(frames):
        clip.add(n, frame)
    crops = np.stack([syncnet_square(frame, 80, 65, 45) for frame in frames[24:]])
    assert clip.lse == scorer(net, crops, wave[24 * 640 :]).score()
