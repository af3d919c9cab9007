"""Encoders in hardware, played by a program in ffmpeg's place: none is needed."""

import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import media
from helpers.errors import ParameterError
from helpers.media import encoders, read, write
from helpers.media.encoders import HARDWARE, choose_codec, hardware_codec, matching_setting
from helpers.media.ffmpeg import ffmpeg_exe

# lists two encoders in hardware, of which the second works: libx264, three steps coarser
PROGRAM = """#!{python}
import os, sys

words = sys.argv[1:]
if words[-1:] == ["-encoders"]:
    print(" V....D h264_nvenc  NVIDIA\\n V..... h264_qsv  Intel\\n V....D libx264  H.264")
    sys.exit()

if "h264_nvenc" in words:
    sys.exit("Cannot load libcuda.so.1")

if "h264_qsv" in words:
    words[words.index("h264_qsv")] = "libx264"
    place = words.index("-global_quality")
    crf = str(int(words[place + 1]) + 3)
    words[place : place + 2] = ["-crf", crf, "-preset", "veryfast"]
os.execv({real!r}, [{real!r}, *words])
"""


@pytest.fixture
def pretended(tmp_path, monkeypatch):
    program = Path(tmp_path, "ffmpeg")
    program.write_text(PROGRAM.format(python=sys.executable, real=ffmpeg_exe()))
    program.chmod(0o755)
    monkeypatch.setattr(encoders, "ffmpeg_exe", lambda: str(program))
    monkeypatch.setattr("helpers.media.ffmpeg.ffmpeg_exe", lambda: str(program))
    hardware_codec.cache_clear()
    yield
    hardware_codec.cache_clear()


def test_the_first_that_works_is_taken_at_the_quality_of_x264(pretended, capsys):
    codec = choose_codec("auto", 18)
    assert codec == HARDWARE["h264_qsv"](15)
    assert choose_codec("hardware", 18) == codec
    assert "ffmpeg lists h264_nvenc, which does not work here" in capsys.readouterr().err


def test_nothing_as_good_as_x264_gets_the_finest_setting():
    coarse = write.Codec(("-c:v", "libx264", "-crf", "45"))
    assert matching_setting(lambda quality: coarse, 10) == 1


def test_without_hardware(monkeypatch):
    monkeypatch.setattr(encoders, "hardware_codec", lambda crf: None)
    assert choose_codec("auto", 15) is None
    with pytest.raises(ParameterError, match="encoder=hardware: ffmpeg has none that works here"):
        choose_codec("hardware", 15)


def test_x264_is_not_asked_for_anything_else(monkeypatch):
    monkeypatch.setattr(encoders, "hardware_codec", None)
    assert choose_codec("x264", 15) is None


def test_a_run_is_encoded_by_it(pretended, small_run):
    record, p = small_run(encoder="auto", crf=30)
    result = record["results"]["lipsync"]
    assert "h264_qsv" in result["codec"]
    frames = list(read.read_frames(result["path"], media.probe(p.video).fps))
    assert len(frames) == record["plan"]["frames"]
    assert np.ptp(frames[0]) > 0
