"""Clips, sounds and weights that tests make."""

import datetime
import subprocess
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers import media, params
from helpers.engines.base import MouthBatch
from helpers.engines.compact import draw_maps
from helpers.face.detect import detect_in_frame
from helpers.face.square import crop_square, square_matrix
from helpers.networks.compact import CompactWav2Lip

SAMPLE_VIDEO = str(params.SAMPLE / "photograph.mp4")
SAMPLE_SPEECH = str(params.SAMPLE / "voice.flac")
FACE_BOX = "40,20,120,110"  # in clips of ``made_clip``


def ffmpeg(*args: object) -> None:
    subprocess.run(
        [media.ffmpeg_exe(), "-v", "error", "-y", *map(str, args)], check=True, capture_output=True
    )


def upload(button: Any, name: str, content: bytes) -> None:
    """Hand a file to an upload button as the browser does, in ipywidgets 7 and 8."""
    facts = dict(name=name, type="", size=len(content))
    if isinstance(button.value, dict):
        button.set_trait("value", {name: dict(metadata=facts, content=content)})
    else:
        now = datetime.datetime.now(datetime.UTC)
        facts |= dict(last_modified=now, content=memoryview(content))
        button.value = (facts,)


def made_clip(
    path: Path, rate: str = "25", seconds: float = 2.0, size: str = "160x120", *more: str
) -> str:
    """A moving test picture without a face."""
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        f"testsrc=r={rate}:s={size}:d={seconds}",
        "-pix_fmt",
        "yuv444p",
        *more,
        path,
    )
    return str(path)


def spoken_clip(path: Path, start: float = 0.0, seconds: float = 60.0) -> str:
    """A part of the sample's face with the same part of its speech."""
    cut = ("-ss", start, "-t", seconds)
    ffmpeg(
        *cut,
        "-i",
        SAMPLE_VIDEO,
        *cut,
        "-i",
        SAMPLE_SPEECH,
        "-map",
        "0:v",
        "-map",
        "1:a",
        "-shortest",
        path,
    )
    return str(path)


def tone(seconds: float, rate: int = 16000) -> np.ndarray:
    """The waveform behind the golden numbers of ``test_golden``."""
    t = np.arange(int(rate * seconds)) / rate
    sweep = 0.4 * np.sin(2 * np.pi * (120 + 400 * t) * t) * np.abs(np.sin(7 * t))
    return (sweep + 0.05 * np.sin(2 * np.pi * 3000 * t)).astype(np.float32)


def write_wave(path: Path, wave: np.ndarray, *more: str, rate: int = 16000) -> str:
    raw = ["-f", "f32le", "-ar", str(rate), "-ac", "1", "-i", "-"]
    subprocess.run(
        [media.ffmpeg_exe(), "-v", "error", "-y", *raw, *more, path],
        input=np.asarray(wave, "<f4").tobytes(),
        check=True,
        capture_output=True,
    )
    return str(path)


def fill(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Random weights that depend on the key names alone, so that two programs can have the same
    ones.
    """
    filled = {}
    for key, value in state.items():
        if not value.is_floating_point():
            filled[key] = value
            continue
        noise = torch.randn(
            value.shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode()))
        )
        if key == "output_block.1.weight":
            noise = noise * 0.1
        if key.endswith("running_var"):
            filled[key] = noise.abs() * 0.2 + 0.9
        elif value.ndim > 1:
            filled[key] = noise * (2.0 / value[0].numel()) ** 0.5
        else:
            filled[key] = 1 + 0.1 * noise if key.endswith(".weight") else 0.1 * noise
    return filled


def draw_batch(
    net: CompactWav2Lip,
    codes: np.ndarray,
    faces: np.ndarray,
    precision: torch.dtype = torch.float32,
    passes: int = 3,
    neutral: np.ndarray | None = None,
    **values: np.ndarray,
) -> np.ndarray:
    """``draw_maps`` of codes ``(B, 8)`` on faces ``(B, 96, 96, 3)``; ``neutral`` may be one for
    all.
    """
    if neutral is not None:
        values["neutral"] = np.broadcast_to(neutral, codes.shape).copy()
    return draw_maps(net, MouthBatch(faces, codes, **values), precision, passes)


def picture() -> np.ndarray:
    y, x = np.mgrid[0:200, 0:240]
    return np.stack([(x * y // 40) % 256, (3 * x + y) % 256, (x * 2 + y * 5) % 256], -1).astype(
        np.uint8
    )


def sample_face():
    frame = next(media.read_frames(SAMPLE_VIDEO, Fraction(25)))
    return crop_square(frame, square_matrix(detect_in_frame(frame)[0, 5:].reshape(5, 2), 96), 96)
