"""Clips as people cut and record them: what is counted is what is shown."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support import ffmpeg, made_clip

from helpers import media
from helpers.errors import InputError

FPS = Fraction(25)
PACKET = 188  # bytes, of a transport stream
LOST_SOUND = 0.06  # s, of the encoder and of rounding to packets
NUMBERED = "geq=lum='16+2*N':cb=128:cr=128"  # frame n is grey of its number


def numbered_clip(path: Path, seconds: float, *more: object) -> str:
    """Frame n has the grey level of 2 n, 16 being black."""
    source = f"color=s=64x48:r=25:d={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-vf", NUMBERED, "-pix_fmt", "yuv420p", *more, path)
    return str(path)


def shown_numbers(path: str, fps: Fraction = FPS) -> list[int]:
    levels = [frame.mean() for frame in media.read_frames(path, fps)]
    return [round(level * 219 / 255 / 2) for level in levels]


@pytest.mark.parametrize("start", [0.4, 1.36])
def test_what_an_edit_list_leaves_out_is_not_counted(tmp_path, start):
    whole = numbered_clip(tmp_path / "whole.mp4", 4.0, "-g", 50)
    trimmed = tmp_path / "trimmed.mp4"
    ffmpeg("-ss", start, "-i", whole, "-c", "copy", trimmed)

    info = media.probe(trimmed)
    left = 100 - round(start * 25)
    assert (info.frames, media.frame_count(info, FPS)) == (left, left)
    numbers = shown_numbers(str(trimmed))
    assert numbers == list(range(100 - left, 100))

    tail = list(media.read_frames(trimmed, FPS, left - 3, left))
    assert round(tail[-1].mean() * 219 / 255 / 2) == 99


def test_a_cut_without_a_key_frame_starts_at_the_first_whole_frame(tmp_path, capsys):
    whole = Path(numbered_clip(tmp_path / "whole.ts", 3.0, "-g", 30, "-c:v", "libx264"))
    data = whole.read_bytes()
    packets = len(data) // PACKET
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[: 3 * PACKET] + data[packets // 6 * PACKET :])

    info = media.probe(cut)
    assert info.lead > 0.2 and info.start == 0
    assert shown_numbers(str(cut)) == list(range(30, 75)) and info.frames == 45
    said = capsys.readouterr().err
    assert "cut.ts is cut before a whole picture" in said and said.count("\n") == 1


def test_the_sound_of_a_cut_clip_starts_with_its_picture(tmp_path):
    whole = tmp_path / "whole.ts"
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=4")
    beep = ("-f", "lavfi", "-i", "aevalsrc='if(lt(t,2),0,sin(2000*t))':d=4")
    ffmpeg(*source, *beep, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", 50, whole)
    data = whole.read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[: 3 * PACKET] + data[len(data) // PACKET // 8 * PACKET :])

    info = media.probe(cut)
    assert info.lead > 0
    wave = media.read_audio(cut)
    assert np.argmax(np.abs(wave) > 0.1) / 16000 < LOST_SOUND

    video = made_clip(tmp_path / "other.mp4", "25", 1.0)
    media.mux([video], cut, tmp_path / "muxed.mp4", Fraction(1))
    wave = media.read_audio(tmp_path / "muxed.mp4")
    assert np.argmax(np.abs(wave) > 0.1) / 16000 < LOST_SOUND


@pytest.mark.parametrize("late", [0.6, -0.6])
@pytest.mark.parametrize("suffix", ["ts", "mp4"])
def test_sound_that_starts_apart_is_in_step(tmp_path, late, suffix):
    """A beep two seconds after the first picture, in sound that starts before or after it."""
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=4,format=yuv420p")
    beep = f"aevalsrc='if(lt(t,{2 - late}),0,sin(2000*t))':d={4 - late}"
    sound = ("-itsoffset", max(0, late), "-f", "lavfi", "-i", beep)
    clip = tmp_path / f"clip.{suffix}"
    codec = ("-c:v", "mpeg4", "-fps_mode", "passthrough")
    ffmpeg("-itsoffset", max(0, -late), *source, *sound, *codec, clip)

    info = media.probe(clip)
    beep_start = 2 + info.start
    assert info.start == pytest.approx(0.6 if (late, suffix) == (-0.6, "mp4") else 0, abs=0.04)
    wave = media.read_audio(clip)
    assert abs(np.argmax(np.abs(wave) > 0.1) / 16000 - beep_start) < 0.05

    video = made_clip(tmp_path / "other.mp4", "25", 4.0)
    media.mux([video], clip, tmp_path / "muxed.mp4", Fraction(4))
    wave = media.read_audio(tmp_path / "muxed.mp4")
    assert abs(np.argmax(np.abs(wave) > 0.1) / 16000 - beep_start) < 0.05


def test_a_source_that_ends_early_is_said(tmp_path, capsys):
    source = numbered_clip(tmp_path / "whole.mov", 1.0, "-c:v", "png", "-pix_fmt", "rgb24")
    data = bytearray(Path(source).read_bytes())
    places = [n for n in range(len(data)) if data[n : n + 4] == b"\x89PNG"]
    for place in places[15:]:
        data[place : place + 40] = bytes(40)
    broken = tmp_path / "broken.mov"
    broken.write_bytes(data)

    frames = list(media.read_frames(broken, FPS))
    assert len(frames) == 25 and (frames[-1] == frames[14]).all()
    assert "broken.mov ends early, at 0.60 s" in capsys.readouterr().err

    late = list(media.read_frames(broken, FPS, 20, 25))
    assert len(late) == 5 and (late[0] == frames[14]).all()
    assert capsys.readouterr().err == ""
    list(media.read_frames(source, FPS))
    assert capsys.readouterr().err == ""


def test_one_dropped_frame_leaves_the_rate(tmp_path):
    keep = ("-vf", "select=not(eq(n\\,40))", "-fps_mode", "vfr")
    clip = made_clip(tmp_path / "phone.mp4", "30", 3.0, "160x120", *keep)
    info = media.probe(clip)
    assert (info.fps, info.variable, info.frames) == (Fraction(30), False, 89)
    assert media.default_fps(info) == 30 and media.frame_count(info, info.fps) == 90

    whole = made_clip(tmp_path / "whole.mp4", "30", 3.0)
    pairs = zip(media.read_frames(clip, info.fps), media.read_frames(whole, info.fps), strict=True)
    off = [np.abs(a.astype(int) - b).mean() for a, b in pairs]
    assert max(off[:40] + off[41:]) < 2


@pytest.mark.parametrize(
    "rate, want", [("15", 30), ("10", 30), ("25/2", 25), ("8", 32), ("20", 20)]
)
def test_a_slow_source_gives_frames_enough_for_lips(tmp_path, rate, want):
    info = media.probe(made_clip(tmp_path / "slow.mp4", rate, 2.0))
    assert info.fps == Fraction(rate) and media.default_fps(info) == want
    assert len(list(media.read_frames(info.path, media.default_fps(info)))) == 2 * want


def test_a_single_picture_without_a_rate_is_a_clip(tmp_path):
    clip = made_clip(tmp_path / "one.mkv", "25", 0.04)
    info = media.probe(clip)
    assert info.frames == 1 and len(list(media.read_frames(clip, FPS))) == 1


LISTS = {
    "playlist.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{0}\n#EXT-X-ENDLIST\n",
    "script.mp4": "ffconcat version 1.0\nfile {0}\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_files_opens_none(tmp_path, name):
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=2", tmp_path / "private.ts")
    path = tmp_path / name
    path.write_text(LISTS[name].format("private.ts"))
    with pytest.raises(InputError, match=f"{name} holds the names of other files"):
        media.probe(path)
