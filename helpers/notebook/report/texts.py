"""What the page says in words."""

from __future__ import annotations

import os
from typing import Any

from ... import params, run
from ...params import Params
from ...plan.plan import Plan

Record = dict[str, Any]

SECTIONS = {  # of the page, in its order: heading, text
    "videos": ("Source and result", ""),
    "facts": ("The run in short", ""),
    "strip": ("Before and after", "The same frames of each video, cut to the face."),
    "quality": (
        "Quality",
        "The source clip is the anchor: read the other columns beside it. It is scored with its own"
        " sound, the results with the speech they were given. A generated clip can score better"
        " than a real one, for networks of this kind are trained to please such a scorer. Sync"
        " figures of clips under 8 s swing.",
    ),
    "flicker": ("Flicker", "How much the mouth's pixels jump back and forth from frame to frame."),
    "timeline": ("Where the face is", "Frames without a usable face are passed through untouched."),
    "sound": (
        "What the network hears",
        "The speech as a mel spectrogram. Each frame hears 0.2 s of it, the compact network 0.1 s"
        " more on both sides.",
    ),
    "mouths": (
        "The person's own mouths",
        "Which frame of the source lends its mouth to each frame. The network bends it, and draws"
        " where none is lent.",
    ),
    "network": ("One frame in the network", "What goes in and what comes out, for one frame."),
    "mask": ("Back into the frame", "Where the drawn face goes, and what it changes."),
    "times": ("Where the time went", ""),
    "origin": ("Files and versions", ""),
}
REDRAWN = (
    "The mouth was re-drawn by software to follow other speech: say so wherever you show the video."
)
PASSED = "No frame has a usable face: the pictures are the source's, with other sound."

ALLOWED = {  # how a licence starts -> what it allows
    "Apache-2.0": "They set no limit on the use of the video.",
    "research": "No commercial use of this video.",
    "": "Find out what these weights allow before you use the video.",
}
INPUTS = ("video", "audio", "run_dir")


def caution(plan: Plan) -> str:
    """What whoever shows the video has to know."""
    return REDRAWN if plan.redrawn.any() else PASSED


def facts(record: Record, plan: Plan, p: Params) -> dict[str, str]:
    """The run in short: what -> words."""
    redrawn = int(plan.redrawn.sum())
    passed = plan.frames - redrawn
    width, height = plan.size
    seconds = float(plan.duration)
    taken = sum(step["all"] for step in record["seconds"].values())

    weights = record["weights"]
    return {
        "Frames": f"{plan.frames}: {redrawn} re-drawn, {passed} passed through",
        "Duration": f"{seconds:.2f} s",
        "Picture": f"{width} x {height} pixels, {float(plan.fps):g} frames a second",
        "Face": f"box given by hand: {p.box}" if p.box else f"found by {p.detector}",
        "Lip-sync weights": weights["name"],
        "Their licence": f"{weights['licence']}. {_allowed(weights['licence'])}",
        "Restoration": _restoration(record),
        "Parameters changed": ", ".join(_changed(record)) or "none, all at their defaults",
        "Planning and rendering": f"{taken:.1f} s, {taken / seconds:.1f} times the clip's duration;"
        " looking at it in notebooks and measuring come on top",
    }


def _allowed(licence: str) -> str:
    return next(text for start, text in ALLOWED.items() if licence.startswith(start))


def _changed(record: Record) -> list[str]:
    return [
        f"{name} = {value}"
        for name, value in record["parameters"].items()
        if name in params.FIELDS and name not in INPUTS and value != params.FIELDS[name].default
    ]


def _restoration(record: Record) -> str:
    result = record["results"].get("restored")
    if not result or result["restorer"] == "none":
        return "none"

    words = [result["restorer"], f"strength {result['strength']:g}"]
    words += [f"{name} {result[name]}" for name in ("region", "steady") if name in result]
    return ", ".join(words)


def origin(record: Record) -> dict[str, str]:
    """Files with their hashes, and versions: what -> words."""
    lines = {}
    for kind, described in record["inputs"].items():
        name = os.path.basename(described["path"])
        size = megabytes(described["bytes"])
        lines[kind] = f"{name}, {size}, SHA-256 {described['sha256']}"
    for kind, result in record["results"].items():
        lines[run.OUTPUTS[kind]] = f"SHA-256 {result['sha256']}"

    weights = record["weights"]
    lines["weights"] = f"{weights['name']}, SHA-256 {weights['sha256']}"
    versions = record["versions"].items()
    lines["versions"] = ", ".join(f"{name} {os.path.basename(value)}" for name, value in versions)
    return lines


def megabytes(size: int) -> str:
    return f"{size / 1e6:.2f} MB"
