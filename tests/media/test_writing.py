"""Encoding, joining, giving sound; names of any kind, nothing half written."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support import SAMPLE_SPEECH, SAMPLE_VIDEO

from helpers import media
from helpers.errors import MediaError


@pytest.mark.parametrize("size", [(64, 48), (63, 48), (64, 47), (33, 31)])
def test_odd_sizes_are_written_and_read(tmp_path, size):
    width, height = size
    frames = [np.full((height, width, 3), value, np.uint8) for value in (20, 120, 220)]
    assert media.write_video(tmp_path / "out.mp4", frames, Fraction(25)) == 3
    info = media.probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.frames) == (width + width % 2, height + height % 2, 3)

    shown = media.read_frames(tmp_path / "out.mp4", Fraction(25))
    for frame, value in zip(shown, (20, 120, 220), strict=True):
        assert abs(int(frame[height // 2, width // 2, 0]) - value) <= 2


def test_colours_survive(tmp_path):
    colours = [(200, 40, 30), (20, 180, 60), (40, 60, 210), (220, 170, 140)]
    frames = [np.full((64, 64, 3), colour, np.uint8) for colour in colours]
    media.write_video(tmp_path / "c.mp4", frames, Fraction(25), crf=4)

    shown = media.read_frames(tmp_path / "c.mp4", Fraction(25))
    for frame, colour in zip(shown, colours, strict=True):
        assert np.abs(frame.reshape(-1, 3).mean(axis=0) - colour).max() < 3


NAMES = [
    "with space.mp4",
    'it\'s "quoted".mp4',
    "dots.in.name.jpg.mp4",
    "zażółć 口.mp4",
    "-dash.mp4",
    "a:b.mp4",
    "100%d.mp4",
]


@pytest.mark.parametrize("name", NAMES)
def test_names(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(Path(SAMPLE_VIDEO).read_bytes())
    assert media.probe(name).frames == media.probe(SAMPLE_VIDEO).frames

    frames = list(media.read_frames(name, Fraction(25), 0, 4))
    media.write_video("out " + name, frames, Fraction(25))
    media.mux(["out " + name] * 2, SAMPLE_SPEECH, "muxed " + name, Fraction(8, 25))
    assert media.probe("muxed " + name).frames == 8


def test_join_and_mux_keep_time(tmp_path):
    fps = Fraction(30000, 1001)
    frames = list(media.read_frames(SAMPLE_VIDEO, Fraction(25), 0, 31))
    for name, part in (("a", frames[:20]), ("b", frames[20:])):
        media.write_video(tmp_path / f"{name}.mp4", part, fps)

    parts = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    media.mux(parts, SAMPLE_SPEECH, tmp_path / "out.mp4", 31 / fps)

    info = media.probe(tmp_path / "out.mp4")
    assert (info.frames, info.fps, info.has_audio) == (31, fps, True)

    whole = list(media.read_frames(tmp_path / "out.mp4", fps))
    pieces = [frame for part in parts for frame in media.read_frames(part, fps)]
    assert np.array_equal(whole, pieces)
    assert all(np.abs(a.astype(int) - b).mean() < 4 for a, b in zip(whole, frames, strict=True))

    sound = media.read_audio(tmp_path / "out.mp4")
    assert abs(len(sound) / 16000 - 31 / fps) < 1 / fps


def test_nothing_half_written_stays(tmp_path):
    def frames():
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        media.write_video(tmp_path / "out.mp4", frames(), Fraction(25))

    with pytest.raises(MediaError):
        media.mux([tmp_path / "missing.mp4"], SAMPLE_SPEECH, tmp_path / "out.mp4", Fraction(1))
    assert list(tmp_path.iterdir()) == []
