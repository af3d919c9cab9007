"""Every parameter once: name, type, default, choices or range, one line of help.

The notebooks' parameter cells, the command line and README's table are made from this; a test holds them together.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import ParameterError

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "notebooks" / "sample"
FACES = ("largest", "left", "right", "center", "all")
NOTEBOOKS = ("01_setup", "02_lipsync", "03_restore")  # of a run; 04_train stands alone
TRAINING_NOTEBOOK = "04_train"
TRAINING_PARTS = (
    "looks",
    "voices",
    "expert",
    "critic",
    "cycle",
    "encoders",
)  # of the generator's training, to leave out


def _p(
    default: Any,
    where: str,
    help: str,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
):
    return dataclasses.field(
        default=default, metadata=dict(where=where, help=help, choices=choices, low=low, high=high)
    )


@dataclass(frozen=True)
class Params:
    """Parameters of a run. ``where`` in a field's metadata holds the numbers of the notebooks that show it."""

    video: str = _p(
        "", "12", "video or picture of a talking person, empty: the run folder's or the sample"
    )
    audio: str = _p(
        "", "12", "sound or video with the speech, empty: the run folder's or the sample"
    )
    run_dir: str = _p("runs/demo", "1234", "folder that receives everything this run writes")
    rotate: str = _p(
        "0", "12", "degrees that the source is turned clockwise", ("0", "90", "180", "270")
    )
    crop: str = _p("", "12", "x1,y1,x2,y2 of the turned source that is kept, empty: all")
    detector: str = _p(
        "retinaface",
        "12",
        "face detector, s3fd: Wav2Lip's own, needs its weights",
        ("retinaface", "s3fd"),
    )
    face: str = _p(
        "largest",
        "2",
        "whose mouth: largest, left, right, center, all, or a number from the left, from 0",
    )
    box: str = _p(
        "", "12", "x1,y1,x2,y2 of the face in the turned and cropped source, empty: detect"
    )
    smooth: bool = _p(True, "2", "smooth the boxes and landmarks of a face over time")
    smooth_window: int = _p(5, "2", "frames of the moving average", low=1, high=99)
    pads: str = _p(
        "0,10,0,0", "2", "top,bottom,left,right pixels added to the box that upstream's weights see"
    )
    allow_no_face: bool = _p(
        False, "2", "pass the whole clip through if no frame has a face, in place of an error"
    )
    checkpoint: str = _p("auto", "124", "auto, compact, wav2lip_gan, wav2lip, or a path to weights")
    fetch: str = _p("", "1", "names of weights to download first, commas between them")
    accept_licences: bool = _p(False, "1", "accept the licences of the weights to download")
    mel_alignment: str = _p(
        "auto", "2", "where a frame's mel window starts, auto: centred for compact, inference for upstream's weights",
        ("auto", "inference", "training", "centred"),
    )  # fmt: skip
    audio_offset_ms: float = _p(
        0.0, "2", "positive: the mouth follows later sound", low=-5000, high=5000
    )
    silence: str = _p(
        "close",
        "2",
        "the mouth in pauses, close: shut, model: what the network makes of it",
        ("close", "model"),
    )
    fps: str = _p(
        "source",
        "2",
        "frames a second of the result: source, a number, or a ratio such as 30000/1001",
    )
    length: str = _p(
        "audio", "2", "what the result's length follows", ("audio", "video", "shortest")
    )
    fill: str = _p(
        "pingpong", "2", "source frames after the video's end", ("pingpong", "hold", "loop")
    )
    output_size: str = _p("source", "2", "source, a height such as 720, or WxH such as 720x720")
    fit: str = _p("keep", "2", "how the picture fits WxH", ("keep", "letterbox", "stretch"))
    blend: str = _p(
        "feather",
        "2",
        "feather: soft mask and colour match, box: upstream's hard paste",
        ("feather", "box"),
    )
    own_mouths: bool = _p(
        True,
        "2",
        "start from the person's own mouths, from where the clip shows them stand as the sound asks",
    )
    passes: int = _p(
        3, "2", "times the compact network goes over a face, a photograph once more", low=1, high=5
    )
    batch_size: int = _p(16, "2", "faces the network draws at once", low=1, high=512)
    precision: str = _p(
        "auto", "12", "number format of the networks", ("auto", "fp32", "bf16", "fp16")
    )
    device: str = _p("auto", "12", "where the networks run", ("auto", "cpu", "cuda"))
    crf: int = _p(15, "2", "H.264 quality, lower is better", low=0, high=51)
    restorer: str = _p(
        "auto", "3", "auto: gfpgan if its weights are here, else compact; sharpen: an unsharp mask on the mouth;"
        " gfpgan_reference: the gfpgan package on the whole frame",
        ("auto", "none", "sharpen", "compact", "gfpgan", "gfpgan_reference"),
    )  # fmt: skip
    restorer_checkpoint: str = _p(
        "auto", "3", "weights of GFPGAN: auto, gfpgan-1.4, gfpgan-1.3, or a path"
    )
    region: str = _p(
        "mouth",
        "3",
        "what compact and gfpgan restore: the mouth with chin and cheeks, or the face",
        ("mouth", "face"),
    )
    steady: float = _p(
        0.3,
        "3",
        "how far compact and gfpgan average what they change with the frames beside it",
        low=0.0,
        high=1.0,
    )
    restore_unsynced: bool = _p(False, "3", "restore also the faces whose mouth is not re-drawn")
    strength: float = _p(
        1.0,
        "3",
        "how much of the restored face is used, 0 leaves the frame as it is",
        low=0.0,
        high=1.0,
    )
    clips: str = _p(
        "", "4", "folder of clips of talking people to fine-tune on, empty: the lip-synced sample"
    )
    steps: int = _p(
        200,
        "4",
        "steps of the fine-tuning, 0.5 to 1.5 seconds each on two cores",
        low=1,
        high=10**6,
    )


FIELDS = {f.name: f for f in dataclasses.fields(Params)}


def build(**values: Any) -> Params:
    """Checked parameters from names and values (strings are converted).

    Raises ParameterError for an unknown name (with the nearest one) or a value of the wrong type or range.
    """
    checked = {}
    for name, value in values.items():
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1, 0.4)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(FIELDS)}"
            raise ParameterError(f"unknown parameter {name}: {hint}")
        checked[name] = _check(FIELDS[name], value)
    return Params(**checked)


def _check(field: dataclasses.Field, value: Any) -> Any:
    facts = field.metadata
    kind = type(field.default)
    try:
        if kind is bool:
            if str(value).lower() not in ("true", "false", "1", "0", "yes", "no"):
                raise ValueError
            value = str(value).lower() in ("true", "1", "yes")
        elif kind is str:
            value = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        else:
            if kind is int and float(value) != int(float(value)):
                raise ValueError
            value = kind(float(value))
    except (TypeError, ValueError):
        raise ParameterError(
            f"{field.name}={value} is not of type {kind.__name__} ({facts['help']})"
        ) from None
    if facts["choices"] and value not in facts["choices"]:
        near = difflib.get_close_matches(value, facts["choices"], 1, 0.4)
        raise ParameterError(
            f"{field.name}={value} is not one of {', '.join(facts['choices'])}"
            + (f"; did you mean {near[0]}?" if near else "")
        )
    low, high = facts["low"], facts["high"]
    if low is not None and not low <= value <= high:
        raise ParameterError(f"{field.name}={value} lies outside {low:g} to {high:g}")
    return value


def numbers(name: str, text: str, count: int) -> tuple[float, ...]:
    """``"1,2,3,4"`` -> four numbers. Raises ParameterError."""
    try:
        parts = tuple(float(x) for x in text.replace(" ", "").split(","))
    except ValueError:
        parts = ()
    if len(parts) != count:
        raise ParameterError(f"{name}={text} is not {count} numbers with commas between them")
    return parts


def face_choice(text: str) -> str:
    """The parameter ``face``, checked. Raises ParameterError."""
    if text not in FACES and not text.isdecimal():
        raise ParameterError(
            f"face={text} is neither {', '.join(FACES)} nor a number from 0 (counted from the left)"
        )
    return text


def frame_rate(text: str) -> Fraction | None:
    """``"source"`` -> None, ``"25"``, ``"29.97"`` or ``"30000/1001"`` -> the rate. Raises ParameterError."""
    if text == "source":
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise ParameterError(
            f"fps={text} is neither 'source' nor a rate from 1 to 240, such as 25 or 30000/1001"
        )
    exact = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return exact if abs(exact - rate) < Fraction(1, 200) and rate.denominator != 1 else rate


def output_geometry(
    output_size: str, fit: str, width: int, height: int
) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """Size of the result and the rectangle of it that the source fills: ((W, H), (x, y, w, h)) in pixels.

    Raises ParameterError if ``output_size`` is neither "source", a height, nor WxH of 16 to 8192 pixels.
    """
    if output_size == "source":
        return (width, height), (0, 0, width, height)
    parts = output_size.lower().split("x")
    if len(parts) > 2 or not all(p.isdigit() and 16 <= int(p) <= 8192 for p in parts):
        raise ParameterError(
            f"output_size={output_size} is neither 'source', a height such as 720, nor WxH such as 720x720 (16 to 8192)"
        )
    even = lambda v: max(2, round(v / 2) * 2)  # noqa: E731
    if len(parts) == 1:
        size = even(width * int(parts[0]) / height), even(int(parts[0]))
        return size, (0, 0, *size)
    box = int(parts[0]), int(parts[1])
    if fit == "stretch":
        return box, (0, 0, *box)
    scale = min(box[0] / width, box[1] / height)
    inner = min(box[0], even(width * scale)), min(box[1], even(height * scale))
    if fit == "keep":
        return inner, (0, 0, *inner)
    return box, ((box[0] - inner[0]) // 2, (box[1] - inner[1]) // 2, *inner)


def parameter_cell(notebook: str) -> str:
    """Source of the cell tagged ``parameters`` of a notebook such as "02_lipsync": plain literals only."""
    lines = []
    for field in FIELDS.values():
        if notebook[1] in field.metadata["where"]:
            choices = field.metadata["choices"]
            note = field.metadata["help"] + (f" [{' | '.join(choices)}]" if choices else "")
            value = (
                json.dumps(field.default) if isinstance(field.default, str) else repr(field.default)
            )
            lines.append(f"{field.name} = {value}  # {note}")
    return "\n".join(lines)


def from_names(notebook: str, names: dict[str, Any]) -> Params:
    """Parameters of a notebook from its ``globals()``."""
    return build(
        **{f: names[f] for f, field in FIELDS.items() if notebook[1] in field.metadata["where"]}
    )


def markdown_table() -> str:
    """README's table of parameters."""
    rows = ["| parameter | default | what it does | notebooks |", "| --- | --- | --- | --- |"]
    for field in FIELDS.values():
        facts = field.metadata
        choices = f" ({', '.join(facts['choices'])})" if facts["choices"] else ""
        rows.append(
            f"| `{field.name}` | `{field.default!r}` | {facts['help']}{choices}"
            f" | {', '.join('0' + n for n in facts['where'])} |"
        )
    return "\n".join(rows)
