"""Reads back what a result says of itself, and finds what was done to it since."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import checkpoints, media
from ..errors import InputError
from ..media.ffmpeg import ffmpeg_command, input_args
from . import fingerprint, manifest
from .fingerprint import Comparison, Fingerprint

Row = dict[str, str]
Facts = dict[str, Any]
LONGEST_SIDECAR = 256 << 20  # bytes: some 30 hours
SHOWN_RANGES = 8
BROKEN = (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError)


@dataclass(frozen=True)
class Sidecar:
    """What was written beside a result."""

    path: Path
    sha256: str
    signed: bool
    facts: Facts
    prints: Fingerprint


@dataclass(frozen=True)
class Verdict:
    """``rows`` of a table: what, state, details; ``changes``: what does not fit, in words."""

    rows: list[Row]
    changes: list[str]


def verify(path: str | os.PathLike, sidecar: str = "", trust: str = "") -> Verdict:
    """What a video says of itself, and whether it is as it was made.

    ``sidecar``: its JSON file, by default FILE.json; ``trust``: PEM of certificates that are
    trusted. Raises InputError for files that cannot be read.
    """
    info = media.probe(path)
    if info.kind != "video":
        raise InputError(f"{path} is no video; give a result such as lipsync.mp4")

    beside = _find_sidecar(Path(path), sidecar)
    signed = manifest.read(os.fspath(path), _pem(trust))
    comment = _comment(info.path)
    rows = [_row("comment", "there" if comment else "missing", comment)]
    changes: list[str] = []

    rows += _about_manifest(signed, beside, changes)
    rows.append(_about_sidecar(beside, signed, changes))
    if beside:
        found = fingerprint.take(info.path, beside.prints.fps, info.has_audio)
        rows += _about_content(info.path, beside, found, changes)

    facts = beside.facts if beside else signed.facts
    told = _about_making(facts, signed.state == "valid" and facts == signed.facts)
    if not told:
        changes.append("nothing in it or beside it says how it was made")
    return Verdict(rows + told, changes)


def _row(what: str, state: str, details: str = "") -> Row:
    """A row whose details, which may be a stranger's, hold nothing that steers a terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in details)
    return dict(what=what, state=state, details=shown)


def _pem(path: str) -> bytes:
    if not path:
        return b""

    try:
        text = Path(path).expanduser().read_bytes()
        text.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--trust {path} is no PEM file that can be read ({error})") from None

    if b"BEGIN CERTIFICATE" not in text:
        raise InputError(f"--trust {path} holds no certificate in PEM")
    return text


def _find_sidecar(video: Path, given: str) -> Sidecar | None:
    path = Path(given).expanduser() if given else Path(f"{video}.json")
    if not given and not path.is_file():
        return None

    try:
        if path.stat().st_size > LONGEST_SIDECAR:
            raise ValueError("it is too large")
        told = json.loads(path.read_text(encoding="utf-8"))
        prints = fingerprint.load(told["fingerprint"])
        facts = told["facts"]
        _told(facts)
    except (OSError, *BROKEN) as error:
        raise InputError(
            f"{path} is no sidecar of a result ({error}); move it away, or name the right one"
            " by --sidecar"
        ) from None
    return Sidecar(path, str(told["sha256"]), told["signed"] is True, facts, prints)


def _comment(path: str) -> str:
    """The comment in a file's container."""
    command = ffmpeg_command("-v", "error", *input_args(path), "-f", "ffmetadata", "pipe:1")
    text = subprocess.run(command, capture_output=True, text=True, errors="replace").stdout
    lines = [line for line in text.splitlines() if line.lower().startswith("comment=")]
    return lines[0].partition("=")[2].replace("\\", "") if lines else ""


def _about_manifest(
    signed: manifest.Found, beside: Sidecar | None, changes: list[str]
) -> list[Row]:
    problems = ", ".join(signed.problems)
    if signed.state == "unknown":
        return [_row("C2PA manifest", "not looked at", problems)]

    if signed.state == "missing":
        if not beside or not beside.signed:
            return [_row("C2PA manifest", "missing")]
        changes.append("the C2PA manifest that it was made with is gone")
        return [_row("C2PA manifest", "missing", "it was made with one")]

    if signed.state == "invalid":
        changes.append(f"C2PA: {problems}")
    row = _row("C2PA manifest", signed.state, problems)
    return [row, _row("signed by", signed.standing, signed.signer)] if signed.signer else [row]


def _about_sidecar(beside: Sidecar | None, signed: manifest.Found, changes: list[str]) -> Row:
    if not beside:
        return _row("sidecar", "missing", "the manifest tells the facts" if signed.facts else "")

    ours = signed.facts
    if not ours or ours == beside.facts:
        return _row("sidecar", "there", str(beside.path))

    names = {*ours, *beside.facts}
    differing = sorted(name for name in names if ours.get(name) != beside.facts.get(name))
    changes.append(f"the sidecar and the signed manifest differ in {', '.join(differing)}")
    return _row("sidecar", "another", f"{beside.path} differs in {', '.join(differing)}")


def _about_content(path: str, beside: Sidecar, found: Fingerprint, changes: list[str]) -> list[Row]:
    """Bytes, pictures and sound, beside those that were made."""
    made = beside.prints
    compared = fingerprint.compare(made, found)
    pictures = describe_pictures(compared)
    sound = "encoded again, cut or another" if found.sound else "gone"
    same_file = checkpoints.sha256(path) == beside.sha256
    same_pictures = compared.is_whole and compared.same == compared.frames
    same_sound = found.sound == made.sound

    if not same_pictures:
        changes.append(f"pictures: {pictures}")
    if not same_sound:
        changes.append(f"sound: {sound}")
    if same_pictures and same_sound and not same_file:
        changes.append("re-muxed or re-tagged: the same pictures and sound in another file")

    return [
        _row("file", "as made" if same_file else "changed", f"made with SHA-256 {beside.sha256}"),
        _row("pictures", "as made" if same_pictures else "changed", pictures),
        _row("sound", "as made" if same_sound else "changed", "" if same_sound else sound),
    ]


def describe_pictures(compared: Comparison) -> str:
    """What was done to the frames, in words."""
    if compared.is_other:
        return "another video, or too much changed to tell"

    kept = compared.frames - len(compared.added)
    words = [f"all {compared.made} frames"]
    if kept < compared.made:
        start = max(0, compared.first)
        words = [f"trimmed: frames {start} to {start + kept - 1} of {compared.made}"]
    if compared.added:
        words.append(f"{len(compared.added)} frames added")

    alike = kept - len(compared.changed)
    if compared.same == alike:
        words.append("the same pixels")
    else:
        words.append(f"encoded again ({compared.bits} of {fingerprint.BITS} bits differ at most)")

    if compared.changed:
        words.append(f"other pictures in frame {_ranges(compared.changed)}")
    return ", ".join(words)


def _ranges(numbers: list[int]) -> str:
    """Sorted numbers as ``"3, 7 to 9"``."""
    ranges: list[list[int]] = []
    for n in numbers:
        if ranges and n == ranges[-1][1] + 1:
            ranges[-1][1] = n
        else:
            ranges.append([n, n])
    return _listed(ranges)


def _listed(ranges: list[list[int]]) -> str:
    texts = [str(a) if a == b else f"{a} to {b}" for a, b in ranges]
    more = len(texts) - SHOWN_RANGES
    return ", ".join(texts[:SHOWN_RANGES]) + (f" and {more} more ranges" if more > 0 else "")


def _about_making(facts: Facts, signed: bool) -> list[Row]:
    """What a run told of itself; nothing if these are no such facts."""
    try:
        told = _told(facts)
    except BROKEN:
        return []
    return [_row(what, "signed" if signed else "not signed", text) for what, text in told.items()]


def _told(facts: Facts) -> dict[str, str]:
    inputs, weights = facts["inputs"], facts["weights"]
    return {
        "made by": f"{facts['name']} {facts['version']}, result {facts['key']}",
        "video": f"{inputs['video']['name']}, SHA-256 {inputs['video']['sha256']}",
        "audio": f"{inputs['audio']['name']}, SHA-256 {inputs['audio']['sha256']}",
        "weights": f"{weights['name']}, SHA-256 {weights['sha256']}",
        "restoration": str(facts["restoration"]["restorer"]),
        "lips re-drawn": f"frames {_listed(facts['redrawn']) or 'none'} of {facts['frames']}",
        "consent": str(facts["consent"]) or "not stated",
        "label": str(facts["label"]) or "none",
    }
