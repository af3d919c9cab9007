"""Every parameter once: name, type, default, choices or range, one line of help.

Parameter cells, the command line, the form and docs/parameters.md are made from this.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import limits, parsing
from .errors import ParameterError

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "notebooks" / "sample"
NOTEBOOKS = ("01_setup", "02_lipsync", "03_restore")  # of a run; 04_train stands alone
TRAINING_NOTEBOOK = "04_train"
APP_NOTEBOOK = "00_app"  # by clicking
# of the generator's training, to leave out
TRAINING_PARTS = ("looks", "expert", "critic", "cycle", "encoders")
INJECTED = "# Parameters\n"  # first line of the cell that papermill adds
SIMILAR = 0.4  # least likeness (difflib's) of a name that is suggested


def _p(
    default: Any,
    where: str,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    low: float | None = None,
    high: float | None = None,
    read: Callable[[Any], str] = parsing.plain_text,
    check: Callable[[str], object] = str,
) -> Any:
    """A parameter, shown by the notebooks with the numbers ``where``.

    Of a text, ``read`` makes it from what was given, and ``check`` raises ParameterError.
    """
    facts = dict(
        where=where, help=help, choices=choices, low=low, high=high, read=read, check=check
    )
    return dataclasses.field(default=default, metadata=facts)


# fmt: off
@dataclass(frozen=True)
class Params:
    """Parameters of a run, checked by ``build``."""

    video: str = _p("", "012",
        "video or picture of a talking person; empty: the run folder's or the sample")
    audio: str = _p("", "012",
        "sound or video with the speech; empty: the run folder's or the sample")
    run_dir: str = _p("runs/demo", "1234", "folder that receives everything this run writes")
    rotate: str = _p("0", "12", "degrees that the source is turned clockwise; -90 is 270",
        choices=("0", "90", "180", "270"), read=parsing.quarter_turn)
    crop: str = _p("", "12",
        "x1,y1,x2,y2 of the turned source that is kept, such as 100,0,740,480; empty: all",
        read=parsing.comma_list, check=partial(parsing.rectangle, "crop"))
    detector: str = _p("retinaface", "12",
        "face detector; s3fd: Wav2Lip's own, needs its weights",
        choices=("retinaface", "s3fd"))
    face: str = _p("largest", "2",
        "whose mouth: largest, left, right, center, all, or a number from the left, from 0",
        check=parsing.face_choice)
    box: str = _p("", "12",
        "x1,y1,x2,y2 of the face in the turned and cropped source, such as 150,40,330,260;"
        " empty: detect",
        read=parsing.comma_list, check=partial(parsing.rectangle, "box"))
    smooth: bool = _p(True, "2", "smooth the boxes and landmarks of a face over time")
    smooth_window: int = _p(5, "2", "frames of the moving average", low=1, high=99)
    pads: str = _p("0,10,0,0", "2",
        "top,bottom,left,right pixels added to the box that upstream's weights see",
        read=parsing.comma_list, check=parsing.box_pads)
    allow_no_face: bool = _p(False, "2",
        "pass the whole clip through if no frame has a face, in place of an error")
    checkpoint: str = _p("auto", "124", "auto, compact, wav2lip_gan, wav2lip, or a path to weights")
    fetch: str = _p("", "1",
        "names of weights to download first, commas between them, such as wav2lip_gan,s3fd",
        read=parsing.comma_list)
    accept_licences: bool = _p(False, "1", "accept the licences of the weights to download")
    mel_alignment: str = _p("auto", "2",
        "where a frame's mel window starts; auto: centred for compact, inference for upstream's"
        " weights",
        choices=("auto", "inference", "training", "centred"))
    audio_offset_ms: float = _p(0.0, "2",
        "positive: the mouth follows later sound, such as 40 for one frame at 25 a second",
        low=-5000, high=5000)
    silence: str = _p("close", "2",
        "the mouth in pauses; close: shut, model: what the network makes of it",
        choices=("close", "model"))
    fps: str = _p("source", "2",
        "frames a second of the result: source, a number, or a ratio such as 30000/1001",
        check=parsing.frame_rate)
    length: str = _p("audio", "2", "what the result's length follows",
        choices=("audio", "video", "shortest"))
    fill: str = _p("pingpong", "2", "source frames after the video's end",
        choices=("pingpong", "hold", "loop"))
    output_size: str = _p("source", "2",
        "source, a height such as 720, or WxH such as 720x720", check=parsing.size_parts)
    fit: str = _p("keep", "2", "how the picture fits WxH", choices=("keep", "letterbox", "stretch"))
    blend: str = _p("feather", "2",
        "feather: soft mask and colour match, box: upstream's hard paste",
        choices=("feather", "box"))
    own_mouths: bool = _p(True, "2",
        "start from the person's own mouths where the clip shows them stand as the sound asks")
    passes: int = _p(3, "2",
        "times the compact network goes over a face, a photograph once more", low=1, high=5)
    batch_size: int = _p(16, "2", "faces the network draws at once", low=1, high=512)
    precision: str = _p("auto", "12", "number format of the networks",
        choices=("auto", "fp32", "bf16", "fp16"))
    device: str = _p("auto", "12", "where the networks run; auto: a GPU if there is one",
        choices=("auto", "cpu", "cuda"))
    crf: int = _p(15, "2", "H.264 quality, lower is better, 23 is a common choice",
        low=0, high=51)
    encoder: str = _p("x264", "2",
        "x264: the same file everywhere; hardware: the GPU's encoder, as good as x264 at crf;"
        " auto: hardware where it works",
        choices=("auto", "x264", "hardware"))
    max_pixels: int = _p(limits.PIXELS, "12",
        "pixels of a frame, of the source and of the result, over which a clip is refused",
        low=1000, high=limits.MOST_PIXELS)
    max_duration: float = _p(limits.SECONDS, "12",
        "seconds over which a clip or a recording is refused", low=1, high=10**6)
    max_faces: int = _p(limits.FACES, "2",
        "faces in one frame over which a clip is refused", low=1, high=10**4)
    mark: bool = _p(True, "2",
        "say in the result and beside it that its lips were re-drawn, and sign it (C2PA)")
    label: str = _p("", "2", "notice drawn on every re-drawn frame, such as AI-generated",
        read=parsing.one_line, check=partial(parsing.short_text, "label", 80))
    consent: str = _p("", "2", "who agreed to this, told by the result's mark",
        read=parsing.one_line, check=partial(parsing.short_text, "consent", 500))
    sign_cert: str = _p("", "2",
        "PEM file of the certificate that signs, with its chain; empty: a test certificate of this"
        " machine's own")
    sign_key: str = _p("", "2", "PEM file of the certificate's private key")
    restorer: str = _p("auto", "3",
        "auto: gfpgan if its weights are here, else compact; sharpen: an unsharp mask on the mouth;"
        " gfpgan_reference: the gfpgan package on the whole frame",
        choices=("auto", "none", "sharpen", "compact", "gfpgan", "gfpgan_reference"))
    restorer_checkpoint: str = _p("auto", "3",
        "weights of GFPGAN: auto, gfpgan-1.4, gfpgan-1.3, or a path")
    region: str = _p("mouth", "3",
        "what compact and gfpgan restore: the mouth with chin and cheeks, or the face",
        choices=("mouth", "face"))
    steady: float = _p(0.3, "3",
        "how far compact and gfpgan average what they change with the frames beside it",
        low=0.0, high=1.0)
    restore_unsynced: bool = _p(False, "3",
        "restore also the faces whose mouth is not re-drawn")
    strength: float = _p(1.0, "3",
        "how much of the restored face is used, 0 leaves the frame as it is",
        low=0.0, high=1.0)
    clips: str = _p("", "4",
        "folder of clips of talking people to train on; empty: the bundled sample's")
    steps: int = _p(50, "4",
        "steps of the fine-tuning, 0.5 to 1.5 s each on two cores; the small network has more",
        low=1, high=10**6)
# fmt: on


FIELDS = {field.name: field for field in dataclasses.fields(Params)}


def build(**values: Any) -> Params:
    """Checked parameters from names and values (strings are converted, None is the default).

    Raises ParameterError for an unknown name, or a value of the wrong type or range.
    """
    _check_names(values)
    return Params(**{name: _convert(FIELDS[name], value) for name, value in values.items()})


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if name not in FIELDS:
            nearest = _suggestion(name, list(FIELDS)) or f"there are {', '.join(FIELDS)}"
            raise ParameterError(f"unknown parameter {name}: {nearest}")


def _suggestion(text: str, names: Sequence[str]) -> str:
    nearest = difflib.get_close_matches(text, names, 1, SIMILAR)
    return f"did you mean {nearest[0]}?" if nearest else ""


def _convert(field: dataclasses.Field, value: Any) -> Any:
    if value is None:
        return field.default

    facts = field.metadata
    kind = type(field.default)
    readers = {bool: _truth, int: _whole_number, float: float, str: facts["read"]}
    try:
        converted = readers[kind](value)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError(
            f"{field.name}={value} is not of type {kind.__name__} ({facts['help']})"
        ) from None

    choices, low, high = facts["choices"], facts["low"], facts["high"]
    if choices and converted not in choices:
        words = [f"{field.name}={value} is not one of {', '.join(choices)}"]
        nearest = _suggestion(converted, choices)
        raise ParameterError("; ".join(words + [nearest] if nearest else words))

    if low is not None and not low <= converted <= high:
        raise ParameterError(f"{field.name}={value} lies outside {low:g} to {high:g}")

    if kind is str:
        facts["check"](converted)
    return converted


def _truth(value: Any) -> bool:
    word = str(value).lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError
    return word in ("true", "1", "yes")


def _whole_number(value: Any) -> int:
    number = int(float(value))
    if number != float(value):
        raise ValueError
    return number


def shown_in(notebook: str) -> dict[str, dataclasses.Field]:
    """The parameters that a notebook such as "02_lipsync" shows."""
    return {name: f for name, f in FIELDS.items() if notebook[1] in f.metadata["where"]}


def from_names(notebook: str, names: dict[str, Any]) -> Params:
    """Parameters of a notebook from its ``globals()``.

    Raises ParameterError as ``build`` does, also for an unknown name given to papermill.
    """
    injected = [cell for cell in names.get("In", ()) if cell.startswith(INJECTED)]
    _check_names(_assigned_names(injected[-1] if injected else ""))
    return build(**{name: names[name] for name in shown_in(notebook) if name in names})


def _assigned_names(source: str) -> Iterator[str]:
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


def parameters_page() -> str:
    """docs/parameters.md."""
    lines = [
        "# Parameters",
        "",
        "Made by `make notebooks` from `helpers/params.py`. Each notebook shows its own in its",
        "parameter cell; on the command line they are given by `-p name=value`. A list of numbers",
        "may be a text (`0,10,0,0`) or a list (`[0, 10, 0, 0]`, as in YAML); null is the default.",
        "",
        "| parameter | default | values | what it does | notebooks |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, field in FIELDS.items():
        default = field.default if field.default != "" else "(empty)"
        numbers = ", ".join(f"0{number}" for number in field.metadata["where"])
        cells = (f"`{name}`", f"`{default}`", _values(field), field.metadata["help"], numbers)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _values(field: dataclasses.Field) -> str:
    facts = field.metadata
    if facts["choices"]:
        return ", ".join(facts["choices"])
    if isinstance(field.default, bool):
        return "True, False"
    if facts["low"] is not None:
        return f"{facts['low']:g} to {facts['high']:g}"
    return "text"
