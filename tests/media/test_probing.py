"""Rates, turns, stills, and files that nothing can be made of."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import SAMPLE_VIDEO, ffmpeg, made_clip

from helpers import media
from helpers.errors import InputError
from helpers.media.rate import find_rate

RATES = ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_constant_rates_are_exact(tmp_path, rate, container):
    info = media.probe(made_clip(tmp_path / f"clip.{container}", rate, 2.0))
    assert (info.kind, info.fps, info.variable) == ("video", Fraction(rate), False)
    assert abs(info.frames - 2 * Fraction(rate)) < 1
    assert media.frame_count(info, info.fps) == info.frames


@pytest.mark.parametrize(
    "name, codec",
    [
        ("clip.avi", ("-c:v", "mpeg4", "-bf", "2")),
        ("clip.mpg", ("-c:v", "mpeg2video", "-bf", "2")),
        ("clip.h264", ("-c:v", "libx264")),
    ],
)
def test_pictures_without_times_are_in_step(tmp_path, name, codec):
    """These containers do not say when pictures that are stored out of order are shown."""
    info = media.probe(
        made_clip(tmp_path / name, "25", 2.0, "160x120", "-pix_fmt", "yuv420p", *codec)
    )
    assert (info.fps, info.variable, info.frames) == (25, False, 50)
    assert info.duration == pytest.approx(2.0 + info.start) and info.start < 0.1

    shown = list(media.read_frames(info.path, Fraction(25)))
    first = round(info.start * 25)
    card = list(media.read_frames(made_clip(tmp_path / "card.mkv"), Fraction(25)))
    off = [np.abs(a.astype(int) - b).mean() for a, b in zip(shown[first:], card, strict=True)]
    assert max(off) < 6


def test_two_pictures_of_one_time_leave_the_rate():
    """As MPEG has them where a time was guessed."""
    times = [3600 * n for n in range(115)]
    times[40] = times[41]
    assert find_rate(times, Fraction(1, 90000), "25") == (25, False)


def test_variable_rate_is_resampled_by_time_stamp(tmp_path):
    keep = ("-vf", "select=mod(n\\,3)", "-fps_mode", "vfr")
    clip = made_clip(tmp_path / "vfr.mp4", "30", 4.0, "160x120", *keep)
    info = media.probe(clip)
    assert info.variable

    frames = list(media.read_frames(clip, Fraction(25)))
    assert abs(len(frames) - 25 * info.duration) < 1

    # The picture of 2 s is the one stored with the time stamp next to 2 s: testsrc shows n / 30 s.
    true = made_clip(tmp_path / "cfr.mp4", "30", 4.0)
    want = next(media.read_frames(true, Fraction(30), 61, 62))
    off = [np.abs(f.astype(int) - want).mean() for f in frames]
    assert abs(int(np.argmin(off)) / 25 - 61 / 30) <= 1 / 25


def test_real_variable_rate_clip(clips):
    info = media.probe(clips / "vr_1.mp4")
    assert info.variable and info.frames == 135
    assert media.frame_count(info, Fraction(25)) == 153  # ffmpeg -vf fps=25 gives as many


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_obeyed(tmp_path, turn):
    plain = made_clip(tmp_path / "plain.mp4", "25", 0.4, "160x120", "-c:v", "libx264", "-qp", "0")
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", turn, "-i", plain, "-c", "copy", turned)

    info = media.probe(turned)
    assert (info.width, info.height) == ((160, 120) if turn == 180 else (120, 160))

    upright = next(media.read_frames(plain, Fraction(25)))
    got = next(media.read_frames(turned, Fraction(25)))
    assert np.abs(np.rot90(upright, turn // 90).astype(int) - got).mean() < 2


@pytest.mark.parametrize("make, words", [
    (lambda p: None, "no such file"),
    (lambda p: p.mkdir(), "is a folder"),
    (lambda p: p.write_bytes(b""), "is empty"),
    (lambda p: p.write_bytes(b"this is no video at all" * 50), "is not a video"),
])  # fmt: skip
def test_unusable_files_are_told_in_one_line(tmp_path, make, words):
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(InputError, match=words) as caught:
        media.probe(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_cut_off_video_is_refused(tmp_path):
    path = tmp_path / "cut.mp4"
    path.write_bytes(Path(SAMPLE_VIDEO).read_bytes()[:2000])
    with pytest.raises(InputError):
        media.probe(path)


def test_a_still_picture_is_a_video_of_one_frame(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "still.png"), picture[..., ::-1])

    info = media.probe(tmp_path / "still.png")
    assert (info.kind, info.width, info.height, info.frames) == ("image", 60, 40, 1)
    frames = list(media.read_frames(tmp_path / "still.png", Fraction(25), 0, 3))
    assert len(frames) == 3 and all((frame == picture).all() for frame in frames)
