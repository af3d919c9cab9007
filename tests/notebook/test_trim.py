"""A part of a clip or of a recording."""

from pathlib import Path

import numpy as np
import pytest
from support import ffmpeg, made_clip, tone, write_wave

from helpers import media
from helpers.notebook import trim


def test_a_part_of_a_film_has_its_frames_and_its_sound(tmp_path):
    clip = tmp_path / "clip.mkv"
    picture = ("-f", "lavfi", "-i", "testsrc=r=25:s=160x120:d=2")
    sound = ("-f", "lavfi", "-i", "aevalsrc=if(gt(t\\,1)\\,sin(2000*t)\\,0):d=2")
    ffmpeg(*picture, *sound, "-c:v", "ffv1", "-c:a", "flac", clip)

    part = trim.cut("video", str(clip), 0.8, 1.6, tmp_path / "parts")
    info = media.probe(part)
    assert (info.frames, info.fps, info.has_audio) == (20, 25, True)
    wanted = list(media.read_frames(clip, info.fps, 20, 40))
    found = list(media.read_frames(part, info.fps))
    for n in (1, 10, 18):
        errors = [np.abs(wanted[k] - found[n].astype(int)).mean() for k in (n - 1, n, n + 1)]
        assert np.argmin(errors) == 1 and errors[1] < 6

    wave = media.read_audio(part)
    loud = np.flatnonzero(np.abs(wave) > 0.3)
    assert loud[0] / media.SAMPLE_RATE == pytest.approx(0.2, abs=0.03)
    assert len(wave) / media.SAMPLE_RATE == pytest.approx(0.8, abs=0.05)


def test_a_part_of_a_recording_is_exact_and_made_once(tmp_path):
    wave = tone(2.0)
    path = write_wave(tmp_path / "speech.wav", wave, "-c:a", "pcm_f32le")
    part = trim.cut("audio", path, 0.5, 1.25, tmp_path / "parts")
    found = media.read_audio(part)
    assert found == pytest.approx(wave[8000:20000], abs=1e-3)

    made = Path(part).stat().st_mtime_ns
    assert trim.cut("audio", path, 0.5, 1.25, tmp_path / "parts") == part
    assert Path(part).stat().st_mtime_ns == made
    assert trim.cut("audio", path, 0.5, 1.0, tmp_path / "parts") != part


def test_a_silent_film_stays_silent(tmp_path):
    clip = made_clip(tmp_path / "clip.mkv", "25", 0.8)
    info = media.probe(trim.cut("video", clip, 0.4, 0.8, tmp_path))
    assert (info.frames, info.has_audio) == (10, False)
