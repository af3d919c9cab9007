"""Probing, reading and writing: rates, rotation, odd sizes, names, ranges, broken files."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import SAMPLE_SPEECH, SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave

from helpers import media
from helpers.errors import InputError, MediaError, ParameterError

RATES = ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_constant_rates_are_exact(tmp_path, rate, container):
    info = media.probe(made_clip(tmp_path / f"clip.{container}", rate, 2.0))
    assert (info.kind, info.fps, info.variable) == ("video", Fraction(rate), False)
    assert abs(info.frames - 2 * Fraction(rate)) < 1
    assert media.frame_count(info, info.fps) == info.frames


def test_variable_rate_is_resampled_by_time_stamp(tmp_path):
    clip = made_clip(
        tmp_path / "vfr.mp4", "30", 4.0, "160x120", "-vf", "select=mod(n\\,3)", "-fps_mode", "vfr"
    )
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


@pytest.mark.parametrize("fps", ["25", "30000/1001"])
def test_any_range_gives_the_frames_of_the_whole(tmp_path, fps):
    clip = made_clip(tmp_path / "clip.mp4", "30", 6.0, "160x120", "-g", "50")
    whole = list(media.read_frames(clip, Fraction(fps)))
    for start, stop in ((0, 3), (70, 90), (len(whole) - 4, len(whole))):
        part = list(media.read_frames(clip, Fraction(fps), start, stop))
        assert len(part) == stop - start
        assert all((a == b).all() for a, b in zip(part, whole[start:stop], strict=True))


def test_real_ranges(clips):
    for name in ("grid_v1.mpg", "quiz_2997.mp4", "vr_1.mp4", "vr_2.mp4"):
        fps = media.default_fps(media.probe(clips / name))
        whole = [hash(f.tobytes()) for f in media.read_frames(clips / name, fps)]
        middle = len(whole) // 2
        part = [hash(f.tobytes()) for f in media.read_frames(clips / name, fps, middle, middle + 6)]
        assert part == whole[middle : middle + 6], name


def test_indexed_reading_in_any_order():
    fps = Fraction(25)
    whole = list(media.read_frames(SAMPLE_VIDEO, fps, 0, 12))
    order = [3, 4, 5, 5, 5, 4, 3, 2, 1, 0, 0, 7, 9, 11, 10]
    got = list(media.read_indexed(SAMPLE_VIDEO, fps, order, block=3))
    assert len(got) == len(order)
    assert all((got[i] == whole[n]).all() for i, n in enumerate(order))


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


@pytest.mark.parametrize("size", [(64, 48), (63, 48), (64, 47), (33, 31)])
def test_odd_sizes_are_written_and_read(tmp_path, size):
    width, height = size
    frames = [np.full((height, width, 3), value, np.uint8) for value in (20, 120, 220)]
    assert media.write_video(tmp_path / "out.mp4", frames, Fraction(25)) == 3
    info = media.probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.frames) == (width + width % 2, height + height % 2, 3)
    for frame, value in zip(
        media.read_frames(tmp_path / "out.mp4", Fraction(25)), (20, 120, 220), strict=True
    ):
        assert abs(int(frame[height // 2, width // 2, 0]) - value) <= 2


def test_colours_survive(tmp_path):
    colours = [(200, 40, 30), (20, 180, 60), (40, 60, 210), (220, 170, 140)]
    media.write_video(
        tmp_path / "c.mp4",
        [np.full((64, 64, 3), c, np.uint8) for c in colours],
        Fraction(25),
        crf=4,
    )
    for frame, colour in zip(
        media.read_frames(tmp_path / "c.mp4", Fraction(25)), colours, strict=True
    ):
        assert np.abs(frame.reshape(-1, 3).mean(axis=0) - colour).max() < 3


@pytest.mark.parametrize(
    "name",
    [
        "with space.mp4",
        'it\'s "quoted".mp4',
        "dots.in.name.jpg.mp4",
        "zażółć 口.mp4",
        "-dash.mp4",
        "a:b.mp4",
        "100%d.mp4",
    ],
)
def test_names(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(Path(SAMPLE_VIDEO).read_bytes())
    assert media.probe(name).frames == 150
    frames = list(media.read_frames(name, Fraction(25), 0, 4))
    media.write_video("out " + name, frames, Fraction(25))
    media.join_videos(["out " + name, "out " + name], "joined " + name)
    media.mux("joined " + name, SAMPLE_SPEECH, "muxed " + name, Fraction(8, 25))
    assert media.probe("muxed " + name).frames == 8


def test_join_and_mux_keep_time(tmp_path):
    fps = Fraction(30000, 1001)
    frames = list(media.read_frames(SAMPLE_VIDEO, Fraction(25), 0, 31))
    for name, part in (("a", frames[:20]), ("b", frames[20:])):
        media.write_video(tmp_path / f"{name}.mp4", part, fps)
    media.join_videos([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "joined.mp4")
    media.mux(tmp_path / "joined.mp4", SAMPLE_SPEECH, tmp_path / "out.mp4", 31 / fps)
    info = media.probe(tmp_path / "out.mp4")
    assert (info.frames, info.fps, info.has_audio) == (31, fps, True)
    whole = list(media.read_frames(tmp_path / "out.mp4", fps))
    assert all(np.abs(a.astype(int) - b).mean() < 4 for a, b in zip(whole, frames, strict=True))
    sound = media.read_audio(tmp_path / "out.mp4")
    assert abs(len(sound) / 16000 - 31 / fps) < 1 / fps


def test_a_still_picture_is_a_video_of_one_frame(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "still.png"), picture[..., ::-1])
    info = media.probe(tmp_path / "still.png")
    assert (info.kind, info.width, info.height, info.frames) == ("image", 60, 40, 1)
    assert all(
        (f == picture).all() for f in media.read_frames(tmp_path / "still.png", Fraction(25), 0, 3)
    )


@pytest.mark.parametrize("suffix", ["wav", "mp3", "m4a", "flac", "ogg"])
def test_sound_formats(tmp_path, suffix):
    path = write_wave(tmp_path / f"speech.{suffix}", tone(1.5), "-ar", "48000", "-ac", "2")
    wave = media.read_audio(path)
    assert wave.dtype == np.float32 and abs(len(wave) / 16000 - 1.5) < 0.08
    assert np.corrcoef(np.abs(wave[:23000]), np.abs(tone(1.5)[:23000]))[0, 1] > 0.9


def test_sound_of_a_video_and_8_khz(tmp_path):
    slow = write_wave(tmp_path / "slow.wav", tone(1.0)[::2], rate=8000)
    assert len(media.read_audio(slow)) == 16000
    ffmpeg(
        "-i",
        SAMPLE_VIDEO,
        "-i",
        SAMPLE_SPEECH,
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-c:v",
        "copy",
        "-shortest",
        tmp_path / "v.mp4",
    )
    assert abs(len(media.read_audio(tmp_path / "v.mp4")) / 16000 - 6) < 0.1


def test_nan_becomes_silence(tmp_path):
    wave = tone(0.5)
    wave[100:200] = np.nan
    assert np.isfinite(
        media.read_audio(write_wave(tmp_path / "nan.wav", wave, "-c:a", "pcm_f32le"))
    ).all()


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


def test_video_without_sound_is_no_audio():
    with pytest.raises(InputError, match="no sound track"):
        media.read_audio(SAMPLE_VIDEO)


def test_nothing_half_written_stays(tmp_path):
    def frames():
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        media.write_video(tmp_path / "out.mp4", frames(), Fraction(25))
    with pytest.raises(MediaError):
        media.join_videos([tmp_path / "missing.mp4"], tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_prefetch_keeps_order_and_passes_errors():
    def items():
        yield from range(10)
        raise ValueError("end")

    got = []
    with pytest.raises(ValueError, match="end"):
        for item in media.prefetch(items(), depth=2):
            got.append(item)
    assert got == list(range(10))


@pytest.mark.parametrize("name, size", [("clip.mkv", "80x48"), ("picture.png", "80x48")])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_turned_and_cut_like_the_array(tmp_path, name, size, rotate):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.2, size, "-c:v", "ffv1")
    if name.endswith("png"):
        plain = next(media.read_frames(video, Fraction(25)))
        cv2.imwrite(str(tmp_path / name), plain[..., ::-1])
    path = tmp_path / name
    plain = next(media.read_frames(path, Fraction(25)))
    turned = np.rot90(plain, -rotate // 90)
    view = media.View(rotate, (4, 6, 40, 44))
    assert view.size(media.probe(path)) == (36, 38)
    made = next(media.read_frames(path, Fraction(25), view=view))
    assert (
        np.abs(made.astype(int) - turned[6:44, 4:40]).max() <= 8
    )  # ffmpeg turns and cuts before it makes RGB
    assert np.abs(made.astype(int) - turned[6:44, 4:40]).mean() < 1
    whole = next(media.read_frames(path, Fraction(25), view=media.View(rotate)))
    assert whole.shape == turned.shape and np.abs(whole.astype(int) - turned).mean() < 1


@pytest.mark.parametrize(
    "crop", [(0, 0, 81, 40), (-2, 0, 40, 40), (30, 0, 40, 40), (0, 40, 40, 20)]
)
def test_impossible_crops_are_told(tmp_path, crop):
    info = media.probe(made_clip(tmp_path / "clip.mkv", "25", 0.2, "80x48"))
    with pytest.raises(ParameterError, match="crop=.*80x48"):
        media.View(0, crop).size(info)
