"""What the run tells of itself in a result and beside it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from .. import __version__, media
from ..marking import certificate, fingerprint, manifest
from ..media.ffmpeg import warn
from ..params import Params
from ..plan.plan import Plan
from ..restore.base import describe_restorer
from .files import remove, writing
from .keys import NO_INFLUENCE
from .record import MARKS, Record, stored

NAME = "lipsync-notebooks"
WHAT = "The lips in this video were re-drawn by software to follow a recording of speech."
# parameters that are told apart from the others, or are not about the result
APART = (*NO_INFLUENCE, "mark", "label", "consent", "sign_cert")
SPARE = 1.05  # of a file's size, that its signed copy may take


def comment(p: Params, key: str) -> str:
    """The text that a result's container carries."""
    if not p.mark:
        return media.COMMENT
    return f"{WHAT} {NAME} {__version__}, result {key}"


def check_signer(p: Params) -> None:
    """Raises ParameterError, before anything is planned, if the user's certificate cannot sign."""
    if p.mark and (p.sign_cert or p.sign_key):
        by = certificate.credentials(p)
        try:
            manifest.library()
        except manifest.NotSigned:
            return  # told when it is to be signed
        manifest.check(by)


def mark(p: Params, record: Record, plan: Plan, key: str, part: Path) -> Record:
    """Sign a result that has no name yet; what is to be written beside it, empty without marks.

    The pictures stay as they are. Where it cannot be signed, one line says why.
    """
    if not p.mark:
        return {}

    facts = _facts(p, record, plan, key)
    prints = fingerprint.take(part, plan.fps).saved()
    return dict(facts=facts, signed=_sign(p, part, facts, record["inputs"]), fingerprint=prints)


def _sign(p: Params, part: Path, facts: Record, inputs: Record) -> bool:
    signed = media.partial_path(part)
    free = shutil.disk_usage(part.parent).free
    try:
        if free < SPARE * part.stat().st_size:
            raise manifest.NotSigned(f"there is no room for a copy beside {part}")

        manifest.sign(part, signed, facts, inputs, certificate.credentials(p))
        os.replace(signed, part)
    except (manifest.NotSigned, OSError) as error:
        warn(f"the result is not signed by C2PA: {error}")
        return False
    finally:
        signed.unlink(missing_ok=True)
    return True


def _facts(p: Params, record: Record, plan: Plan, key: str) -> Record:
    """What a mark says of a result."""
    weights = {name: record["weights"][name] for name in ("name", "sha256", "licence")}
    redrawn = [
        [first, first + count - 1]
        for state, first, count in record["plan"]["states"]
        if state == "redrawn"
    ]
    inputs = {
        kind: dict(
            name=os.path.basename(found["path"]), bytes=found["bytes"], sha256=found["sha256"]
        )
        for kind, found in record["inputs"].items()
    }
    parameters = {name: value for name, value in vars(p).items() if name not in APART}
    return dict(
        name=NAME,
        version=__version__,
        what=WHAT,
        source_type=manifest.SOURCE_TYPE,
        key=key,
        inputs=inputs,
        weights=weights,
        restoration=describe_restorer(p),
        parameters=parameters,
        frames=plan.frames,
        fps=str(plan.fps),
        redrawn=redrawn,
        consent=p.consent,
        label=p.label,
    )


def write_beside(output: Path, marks: Record) -> None:
    """The sidecar of a finished result; without marks, that of an earlier one is removed."""
    name = MARKS[output.name]
    folder = output.parent
    if not marks:
        remove(folder, name)
        return

    digest = stored(folder)["files"][output.name]
    told = dict(file=output.name, bytes=output.stat().st_size, sha256=digest) | marks
    with writing(folder, name) as part:
        part.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
