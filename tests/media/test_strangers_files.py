"""Files that name other files, and an ffmpeg that ends before it is done."""

import itertools
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from support import SAMPLE_SPEECH, SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave

from helpers import media
from helpers.errors import InputError, MediaError
from helpers.media import ffmpeg as program
from helpers.media.ffmpeg import input_args
from helpers.notebook import player

OTHER = "private.ts"
LISTS = {  # files that name OTHER, which ffmpeg would open by itself
    "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{OTHER}\n#EXT-X-ENDLIST\n",
    "concat": f"ffconcat version 1.0\nfile {OTHER}\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    ' mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp2t">'
    f'<Representation id="1" bandwidth="1"><BaseURL>{OTHER}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48">'
    f'<image href="{OTHER}" width="64" height="48"/></svg>',
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "vobsub": "# VobSub index file, v7\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 0\n",
}
ENDINGS = dict(hls="m3u8", concat="txt", dash="mpd", svg="svg", sdp="sdp", vobsub="idx")
READERS = {
    "probe": media.probe,
    "frames": lambda path: next(media.read_frames(path, Fraction(25))),
    "sound": media.read_audio,
    "player": player.playable,
}


@pytest.fixture
def beside(tmp_path) -> Path:
    """A folder with a file that others name."""
    source = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=0.4")
    ffmpeg(*source, tmp_path / OTHER)
    return tmp_path


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("disguised", [True, False])
def test_what_names_other_files_opens_none(kind, disguised, beside):
    path = beside / ("harmless.mp4" if disguised else f"harmless.{ENDINGS[kind]}")
    path.write_text(LISTS[kind])
    for read in READERS.values():
        with pytest.raises(InputError, match=f"{path.name} ") as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_without_the_whitelist_ffmpeg_opens_them(kind, beside):
    """So the test before would fail if these demuxers were let in."""
    path = beside / f"harmless.{ENDINGS[kind]}"
    path.write_text(LISTS[kind])
    call = [media.ffmpeg_exe(), "-i", path, "-f", "null", "-"]
    assert "Video: mpeg2video" in subprocess.run(call, capture_output=True, text=True).stderr


def test_a_segment_is_joined_only_if_it_is_one(beside):
    """As one that a stranger's run folder brings along."""
    segment = beside / "000000.mp4"
    segment.write_text(LISTS["hls"])
    with pytest.raises(MediaError, match="could not write"):
        media.mux([segment], SAMPLE_SPEECH, beside / "joined.mp4", Fraction(1))
    assert not (beside / "joined.mp4").exists()


def test_every_input_of_every_call_is_fenced_in(tmp_path, monkeypatch, small_run):
    commands = []
    start = subprocess.Popen.__init__

    def noted(self, args, *more, **options):
        commands.append(list(map(str, args)))
        return start(self, args, *more, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", noted)
    ffmpeg("-i", SAMPLE_SPEECH, "-i", SAMPLE_SPEECH, "-map", "0", "-map", "1", tmp_path / "two.mka")
    made_by_tests = len(commands)
    small_run(made_clip(tmp_path / "clip.mpg", "25", 0.4), str(tmp_path / "two.mka"))
    player.playable(SAMPLE_VIDEO, limit=1000)

    calls = [call for call in commands[made_by_tests:] if "-nostdin" in call]
    opened = [[n for n in range(len(c)) if c[n] == "-i" and c[n + 1] != "pipe:0"] for c in calls]
    assert sum(map(len, opened)) > 8
    for call, names in zip(calls, opened, strict=True):
        ends = [0, *names]
        fenced = [call[a:b] for a, b in itertools.pairwise(ends)]
        assert all({"-protocol_whitelist", "-format_whitelist"} <= set(part) for part in fenced)


def test_only_files_are_opened():
    words = input_args("a.mp4")
    assert words[words.index("-protocol_whitelist") + 1] == "file"
    trusted = words[words.index("-format_whitelist") + 1].split(",")
    assert not program.REFERRING & set(trusted) and {"mov", "matroska", "wav"} <= set(trusted)


DYING = """#!/bin/sh
"{real}" "$@" </dev/null | head -c {size}
kill -9 $$
"""


@pytest.fixture
def dying(tmp_path, monkeypatch):
    """From the call on, ffmpeg is killed when so many bytes have come out of it."""
    media.probe(SAMPLE_VIDEO)
    media.probe(SAMPLE_SPEECH)

    def begin(size: int) -> None:
        path = tmp_path / "ffmpeg"
        path.write_text(DYING.format(real=media.ffmpeg_exe(), size=size))
        path.chmod(0o755)
        monkeypatch.setattr(program, "ffmpeg_exe", lambda: str(path))

    return begin


def test_frames_of_a_killed_ffmpeg_do_not_count_as_all(dying):
    dying(3 * 768 * 576 * 3)
    frames = media.read_frames(SAMPLE_VIDEO, Fraction(25))
    with pytest.raises(MediaError, match="killed .signal 9. while it read .*photograph.mp4"):
        list(frames)


def test_sound_of_a_killed_ffmpeg_does_not_count_as_all(dying):
    dying(4000)
    with pytest.raises(MediaError, match="killed .signal 9. while it read .*voice.flac"):
        media.read_audio(SAMPLE_SPEECH)


def test_a_file_of_a_killed_ffmpeg_does_not_take_its_name(dying, tmp_path):
    dying(0)
    with pytest.raises(MediaError, match="could not write"):
        media.mux([SAMPLE_VIDEO], SAMPLE_SPEECH, tmp_path / "out.mp4", Fraction(1))
    assert not list(tmp_path.glob("out*"))


def test_what_an_outlived_ffmpeg_writes_is_not_ours(tmp_path):
    """The file that it has open is no longer the one that the next run writes."""
    part = tmp_path / "out.part.mp4"
    with part.open("wb") as outlived:
        frames = list(media.read_frames(SAMPLE_VIDEO, Fraction(25), 0, 3))
        media.write_video(tmp_path / "out.mp4", frames, Fraction(25))
        outlived.write(b"too late" * 1000)
    assert media.probe(tmp_path / "out.mp4").frames == 3


def test_sound_without_end_is_refused(tmp_path, monkeypatch):
    """A file may say that it is short, or nothing, and unpack to hours."""
    path = write_wave(tmp_path / "long.wav", tone(4.0))
    short = replace(media.probe(path), duration=0.5)
    monkeypatch.setattr("helpers.media.audio.SECONDS", 1)
    assert len(media.read_audio(path)) == 4 * 16000  # it says so, and is let in before
    monkeypatch.setattr("helpers.media.audio.probe", lambda path: short)
    with pytest.raises(InputError, match="long.wav: the sound does not end where it says"):
        media.read_audio(path)
