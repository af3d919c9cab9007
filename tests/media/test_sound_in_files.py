"""Sound of any format; which is taken of several tracks or channels."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support import SAMPLE_SPEECH, SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave

from helpers import media
from helpers.errors import InputError

SILENCE = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=1")


def tracks(path: Path, *sounds: str) -> str:
    """A clip with sound tracks in this order; an empty name is silence."""
    clip = made_clip(path.with_name("picture.mkv"), "25", 1.0, "64x48")
    inputs = [part for sound in sounds for part in (("-i", sound) if sound else SILENCE)]
    maps = [part for n in range(len(sounds) + 1) for part in ("-map", n)]
    ffmpeg("-i", clip, *inputs, *maps, "-c:v", "copy", "-c:a", "pcm_s16le", path)
    return str(path)


def likeness(wave: np.ndarray, other: np.ndarray) -> float:
    count = min(len(wave), len(other))
    return float(np.corrcoef(wave[:count], other[:count])[0, 1])


def test_a_silent_track_yields_to_the_voice(tmp_path, capsys):
    voice = write_wave(tmp_path / "voice.wav", tone(1.0))
    clip = tracks(tmp_path / "two.mkv", "", voice)
    assert likeness(media.read_audio(clip), tone(1.0)) > 0.99
    assert media.read_audio(clip).shape == (16000,)
    said = capsys.readouterr().err
    assert "sound track 1 is silent; track 2 is used" in said and said.count("\n") == 1

    video = made_clip(tmp_path / "video.mp4", "25", 1.0)
    media.mux([video], clip, tmp_path / "out.mp4", Fraction(1))
    assert likeness(media.read_audio(tmp_path / "out.mp4"), tone(1.0)) > 0.98


def test_the_first_of_two_voices_is_taken(tmp_path, capsys):
    voice = write_wave(tmp_path / "voice.wav", tone(1.0))
    other = write_wave(tmp_path / "other.wav", tone(1.0)[::-1].copy())
    clip = tracks(tmp_path / "two.mkv", voice, other)
    assert likeness(media.read_audio(clip), tone(1.0)) > 0.99
    assert capsys.readouterr().err == ""


def test_only_silence_is_silence(tmp_path):
    assert not media.read_audio(tracks(tmp_path / "none.mkv", "", "")).any()


@pytest.mark.parametrize("right", ["-1*c0", "-0.9*c0"])
def test_channels_of_opposite_phase_do_not_cancel(tmp_path, right):
    voice = write_wave(tmp_path / "voice.wav", tone(1.0))
    usual = tmp_path / "usual.wav"
    ffmpeg("-i", voice, "-af", "pan=stereo|c0=c0|c1=c0", usual)
    opposite = tmp_path / "opposite.wav"
    ffmpeg("-i", voice, "-af", f"pan=stereo|c0=c0|c1={right}", opposite)

    mixed = media.read_audio(opposite)
    assert likeness(mixed, media.read_audio(usual)) > 0.99
    assert mixed.std() > 0.9 * media.read_audio(usual).std()


@pytest.mark.parametrize("right", ["c0", "0.2*c0", "0*c0"])
def test_usual_stereo_is_added(tmp_path, right):
    voice = write_wave(tmp_path / "voice.wav", tone(1.0) / 2)
    ffmpeg("-i", voice, "-af", f"pan=stereo|c0=c0|c1={right}", tmp_path / "st.wav")
    ffmpeg("-i", tmp_path / "st.wav", "-ac", 1, "-c:a", "pcm_f32le", tmp_path / "mono.wav")
    mixed = media.read_audio(tmp_path / "mono.wav")
    assert np.abs(media.read_audio(tmp_path / "st.wav") - mixed).max() < 1e-4


@pytest.mark.parametrize("suffix", ["wav", "mp3", "m4a", "flac", "ogg"])
def test_sound_formats(tmp_path, suffix):
    path = write_wave(tmp_path / f"speech.{suffix}", tone(1.5), "-ar", "48000", "-ac", "2")
    wave = media.read_audio(path)
    assert wave.dtype == np.float32 and abs(len(wave) / 16000 - 1.5) < 0.08
    assert np.corrcoef(np.abs(wave[:23000]), np.abs(tone(1.5)[:23000]))[0, 1] > 0.9


def test_sound_of_a_video_and_8_khz(tmp_path):
    slow = write_wave(tmp_path / "slow.wav", tone(1.0)[::2], rate=8000)
    assert len(media.read_audio(slow)) == 16000

    both = ("-i", SAMPLE_VIDEO, "-i", SAMPLE_SPEECH, "-map", "0:v", "-map", "1:a")
    ffmpeg(*both, "-c:v", "copy", "-shortest", tmp_path / "v.mp4")
    seconds = min(media.probe(path).duration for path in (SAMPLE_VIDEO, SAMPLE_SPEECH))
    assert abs(len(media.read_audio(tmp_path / "v.mp4")) / 16000 - seconds) < 0.1


def test_nan_becomes_silence(tmp_path):
    wave = tone(0.5)
    wave[100:200] = np.nan
    path = write_wave(tmp_path / "nan.wav", wave, "-c:a", "pcm_f32le")
    assert np.isfinite(media.read_audio(path)).all()


def test_video_without_sound_is_no_audio():
    with pytest.raises(InputError, match="no sound track"):
        media.read_audio(SAMPLE_VIDEO)
