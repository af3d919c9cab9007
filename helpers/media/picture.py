"""Still pictures: what OpenCV reads, and phone photos (HEIF) through ffmpeg."""

from __future__ import annotations

import re
import warnings

import cv2
import numpy as np

from ..errors import InputError
from ..limits import MOST_PIXELS, check_pixels
from .ffmpeg import ffmpeg_command, input_args, run_ffmpeg

# of a damaged picture one line is said, by us
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

WHITE = 255  # behind what is transparent
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif")  # of stills, not sequences


def is_picture(path: str) -> bool:
    try:
        if cv2.haveImageReader(path):
            return cv2.imcount(path) == 1
    except cv2.error:  # a format that this OpenCV knows but does not read
        return False

    return _is_heif(path)


def _check_stated_size(path: str) -> None:
    """Raises InputError if a picture says that it is too large, before it is decoded."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        raise InputError(
            f"{path} says that it has more than {MOST_PIXELS} pixels; make it smaller"
        ) from None
    except (UnidentifiedImageError, OSError, ValueError, OverflowError):
        raise _undecodable(path) from None

    check_pixels(path, width, height, MOST_PIXELS)


def _is_heif(path: str) -> bool:
    with open(path, "rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:] in HEIF_BRANDS


def read_picture(path: str) -> np.ndarray:
    """A picture as ``uint8 (H, W, 3)`` RGB, the right way up; what is transparent lies on white.

    Raises InputError if it cannot be decoded.
    """
    if not cv2.haveImageReader(path):
        return _read_heif(path)

    _check_stated_size(path)
    try:
        image = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
        stored = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = stored = None

    if image is None:
        raise _undecodable(path)

    if stored is None or stored.ndim < 3 or stored.shape[2] < 4:
        return image

    return _on_white(stored)


def _on_white(stored: np.ndarray) -> np.ndarray:
    """Stored ``(H, W, 4)`` BGR and alpha of 8 or 16 bits -> ``uint8 (H, W, 3)`` RGB."""
    full = np.iinfo(stored.dtype).max
    alpha = stored[..., 3:] / np.float32(full)
    colour = stored[..., 2::-1] * np.float32(WHITE / full)
    return np.rint(colour * alpha + WHITE * (1 - alpha)).astype(np.uint8)


def _read_heif(path: str) -> np.ndarray:
    """A HEIF photo, stored as one picture or as a grid of tiles that ffmpeg puts together."""
    dump = run_ffmpeg(
        ffmpeg_command(*input_args(path), "-frames:v", "1", "-c:v", "png", "-f", "image2pipe", "-"),
        path,
    )
    png = np.frombuffer(dump.stdout, np.uint8)
    image = cv2.imdecode(png, cv2.IMREAD_COLOR_RGB) if png.size else None
    if image is None:
        raise _undecodable(path)

    stated = re.search(rb"Tile Grid: .*?, (\d+)x(\d+)", dump.stderr)
    if stated and sorted(map(int, stated.groups())) != sorted(image.shape[:2]):
        raise InputError(
            f"{path} is stored in tiles, which this ffmpeg does not put together;"
            " save it again as PNG or JPEG"
        )
    return image


def _undecodable(path: str) -> InputError:
    return InputError(
        f"{path} looks like a picture but cannot be decoded; save it again as PNG or JPEG"
    )
