"""H.264 encoders in hardware: which one works here, and at which setting it is as good as libx264.

Their quality scales are not libx264's crf, and differ from chip to chip. So the setting is searched
for: the coarsest at which a made clip comes out with the PSNR that libx264 gives it at the crf.
"""

from __future__ import annotations

import bisect
import functools
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..errors import InputError, MediaError, ParameterError
from .ffmpeg import ffmpeg_exe, warn
from .read import read_frames
from .write import Codec, write_video

TRIAL_SIZE = (640, 352)  # px, width and height
TRIAL_FRAMES = 12
TRIAL_FPS = Fraction(25)
OCTAVES = (4, 8, 16, 32, 64, 128)  # px across, of the made clip's texture
CONTRAST = 300.0  # grey levels, over the px across
COLOURED = 0.3  # of the grey contrast
GRAIN = 2.0  # grey levels
COARSEST = 51
VAAPI_DEVICE = "/dev/dri/renderD128"


def _nvenc(quality: int) -> Codec:
    return Codec(("-c:v", "h264_nvenc", "-preset", "p5", "-rc", "vbr", "-cq", str(quality)))


def _videotoolbox(quality: int) -> Codec:
    return Codec(("-c:v", "h264_videotoolbox", "-q:v", str(100 - 99 * quality // COARSEST)))


def _qsv(quality: int) -> Codec:
    return Codec(("-c:v", "h264_qsv", "-global_quality", str(quality)), "format=nv12")


def _vaapi(quality: int) -> Codec:
    args = ("-c:v", "h264_vaapi", "-rc_mode", "CQP", "-qp", str(quality))
    return Codec(args, "format=nv12,hwupload", ("-vaapi_device", VAAPI_DEVICE))


# setting from 1, finest, to COARSEST -> how the encoder is called
HARDWARE: dict[str, Callable[[int], Codec]] = {
    "h264_nvenc": _nvenc,
    "h264_videotoolbox": _videotoolbox,
    "h264_qsv": _qsv,
    "h264_vaapi": _vaapi,
}


def choose_codec(encoder: str, crf: int) -> Codec | None:
    """The codec for the parameter ``encoder``; None stands for libx264.

    Raises ParameterError for hardware that is not there.
    """
    if encoder == "x264":
        return None

    codec = hardware_codec(crf)
    if codec is None and encoder == "hardware":
        raise ParameterError(
            f"encoder=hardware: ffmpeg has none that works here (of {', '.join(HARDWARE)});"
            " use encoder=auto or encoder=x264"
        )
    return codec


@functools.cache
def hardware_codec(crf: int) -> Codec | None:
    """The first encoder in hardware that works, as good as libx264 at ``crf``; None without one."""
    listed = subprocess.run([ffmpeg_exe(), "-encoders"], capture_output=True, text=True).stdout
    names = re.findall(r"^ V\S+ +(\S+)", listed, re.M)

    for name, setting in HARDWARE.items():
        if name not in names:
            continue
        try:
            return setting(matching_setting(setting, crf))
        except (MediaError, InputError) as error:
            warn(f"ffmpeg lists {name}, which does not work here ({error})")
    return None


def matching_setting(setting: Callable[[int], Codec], crf: int) -> int:
    """The coarsest setting with libx264's PSNR at ``crf``, else the finest. Raises MediaError."""
    wanted = trial_psnr(None, crf)

    def falls_short(quality: int) -> bool:
        return trial_psnr(setting(quality), crf) < wanted

    settings = range(1, COARSEST + 1)
    return max(1, bisect.bisect_left(settings, True, key=falls_short))


def trial_psnr(codec: Codec | None, crf: int) -> float:
    """PSNR in dB of the made clip. Raises MediaError or InputError where that cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trial.mp4")
        write_video(path, trial_frames(), TRIAL_FPS, crf, codec=codec)
        made = list(read_frames(path, TRIAL_FPS, 0, TRIAL_FRAMES))

    pairs = zip(made, trial_frames(), strict=True)
    error = np.mean([np.square(a.astype(np.float32) - b).mean() for a, b in pairs])
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def trial_frames() -> Iterator[np.ndarray]:
    """A made clip as costly as a filmed one: a texture of all scales that pans, with grain."""
    noise = np.random.default_rng(0)
    width, height = TRIAL_SIZE
    wide = (width + 2 * TRIAL_FRAMES, height)
    texture = np.full((height, wide[0], 3), 128, np.float32)
    for count in OCTAVES:
        spots = (max(2, count // 2), count)
        grey = noise.normal(0, 1, (*spots, 1))
        colour = noise.normal(0, COLOURED, (*spots, 3))
        coarse = (CONTRAST / count * (grey + colour)).astype(np.float32)
        texture += cv2.resize(coarse, wide, interpolation=cv2.INTER_CUBIC)

    for n in range(TRIAL_FRAMES):
        shown = texture[:, 2 * n : 2 * n + width]
        grain = noise.normal(0, GRAIN, (height, width, 1))
        yield (shown + grain).clip(0, 255).astype(np.uint8)
