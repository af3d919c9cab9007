"""What the texts of parameters mean: numbers, faces, rates, sizes.

``params.build`` calls these, so that a wrong text is refused before anything runs.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from .errors import ParameterError

FACES = ("largest", "left", "right", "center", "all")
FRAME_RATES = (1, 240)  # frames a second
SIZES = (16, 8192)  # pixels
NTSC_TOLERANCE = Fraction(1, 200)  # frames a second: 29.97 stands for 30000/1001
RATE = re.compile(r"\d{1,9}(\.\d{1,20}|/\d{1,9})?", re.ASCII)
FINEST_RATE = 1_001_000  # greatest denominator that ffmpeg keeps (av_parse_video_rate)

Size = tuple[int, int]  # width, height
Place = tuple[int, int, int, int]  # x, y, width, height
Pads = tuple[int, int, int, int]  # top, bottom, left, right
Rectangle = tuple[float, float, float, float]  # x1, y1, x2, y2


def plain_text(value: Any) -> str:
    """A text, path or number as text. Raises TypeError for a list or a dictionary."""
    if isinstance(value, list | tuple | dict | set):
        raise TypeError
    return str(value)


def one_line(value: Any) -> str:
    """A text without line breaks and doubled spaces. Raises TypeError for a list."""
    return " ".join(plain_text(value).split())


def short_text(name: str, longest: int, text: str) -> None:
    """Raises ParameterError for a text of more than ``longest`` characters."""
    if len(text) > longest:
        raise ParameterError(f"{name} has {len(text)} characters; give {longest} at most")


def comma_list(value: Any) -> str:
    """A list or a text such as ``"0, 10"`` as ``"0,10"``. Raises TypeError for a dictionary."""
    if isinstance(value, list | tuple):
        return ",".join(map(plain_text, value))
    return plain_text(value).replace(" ", "")


def numbers(name: str, text: str, count: int) -> tuple[float, ...]:
    """``"1,2,3,4"`` as four finite numbers. Raises ParameterError."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()

    if len(values) != count or not all(map(math.isfinite, values)):
        raise ParameterError(f"{name}={text} is not {count} numbers with commas between them")
    return values


def rectangle(name: str, text: str) -> Rectangle | None:
    """``"x1,y1,x2,y2"`` as four numbers, an empty text as None. Raises ParameterError."""
    if not text:
        return None

    x1, y1, x2, y2 = numbers(name, text, 4)
    if not (x1 < x2 and y1 < y2):
        raise ParameterError(f"{name}={text} is empty: x1 must be below x2, and y1 below y2")
    return x1, y1, x2, y2


def box_pads(text: str) -> Pads:
    """``"top,bottom,left,right"`` as whole pixels. Raises ParameterError."""
    top, bottom, left, right = map(int, numbers("pads", text, 4))
    return top, bottom, left, right


def face_choice(text: str) -> str:
    """The text, if it is one of FACES or a number from 0. Raises ParameterError."""
    is_number = text.isascii() and text.isdecimal()
    if text not in FACES and not is_number:
        raise ParameterError(
            f"face={text} is neither {', '.join(FACES)} nor a number from 0 (counted from the left)"
        )
    return text


def quarter_turn(value: Any) -> str:
    """Degrees clockwise from 0 to 360 as text: -90 is "270". What is no number stays."""
    text = plain_text(value)
    try:
        return f"{float(text) % 360:g}"
    except ValueError:
        return text


def frame_rate(text: str) -> Fraction | None:
    """``"25"``, ``"29.97"`` or ``"30000/1001"`` as a rate, ``"source"`` as None.

    A rate that rounds one of the NTSC family (24000/1001, 30000/1001, 60000/1001) is taken for it.
    Raises ParameterError.
    """
    if text == "source":
        return None

    try:
        rate = Fraction(text) if RATE.fullmatch(text) else Fraction(0)
        rate = rate.limit_denominator(FINEST_RATE)
    except ZeroDivisionError:
        rate = Fraction(0)

    slowest, fastest = FRAME_RATES
    if not slowest <= rate <= fastest:
        raise ParameterError(
            f"fps={text} is neither 'source' nor a rate from {slowest} to {fastest},"
            " such as 25 or 30000/1001"
        )

    exact = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    is_rounded = rate.denominator != 1 and abs(exact - rate) < NTSC_TOLERANCE
    return exact if is_rounded else rate


def size_parts(text: str) -> tuple[int, ...]:
    """``"source"`` as (), ``"720"`` as (720,), ``"720x480"`` as (720, 480).

    Raises ParameterError.
    """
    if text == "source":
        return ()

    least, greatest = SIZES
    parts = text.lower().split("x")
    are_numbers = all(part.isascii() and part.isdecimal() for part in parts)
    if len(parts) > 2 or not are_numbers or not all(least <= int(p) <= greatest for p in parts):
        raise ParameterError(
            f"output_size={text} is neither 'source', a height such as 720, nor WxH such as 720x720"
            f" ({least} to {greatest})"
        )
    return tuple(map(int, parts))


def output_geometry(output_size: str, fit: str, width: int, height: int) -> tuple[Size, Place]:
    """Size of the result and the rectangle of it that the source fills, in pixels.

    ``width`` and ``height`` are the source's. Raises ParameterError if ``output_size`` is no size.
    """
    parts = size_parts(output_size)
    if not parts:
        return (width, height), (0, 0, width, height)

    if len(parts) == 1:
        size = (_even(width * parts[0] / height), _even(parts[0]))
        return size, (0, 0, *size)

    outer_width, outer_height = parts
    if fit == "stretch":
        return (outer_width, outer_height), (0, 0, outer_width, outer_height)

    scale = min(outer_width / width, outer_height / height)
    inner_width = min(outer_width, _even(width * scale))
    inner_height = min(outer_height, _even(height * scale))
    if fit == "keep":
        return (inner_width, inner_height), (0, 0, inner_width, inner_height)

    x = (outer_width - inner_width) // 2
    y = (outer_height - inner_height) // 2
    return (outer_width, outer_height), (x, y, inner_width, inner_height)


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)
