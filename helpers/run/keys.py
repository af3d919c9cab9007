"""What a plan and a result were made from, as short keys: where a key changes, it is made again."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from .. import __version__, checkpoints
from ..params import Params
from .record import digest

# parameters without influence on pixels, beyond what the hashes of inputs and weights say; a GPU's
# differ from a processor's by rounding
NO_INFLUENCE = (
    "run_dir",
    "video",
    "audio",
    "checkpoint",
    "device",
    "fetch",
    "accept_licences",
    "clips",
    "steps",
    "max_pixels",
    "max_duration",
    "max_faces",
    "sign_key",
)
# parameters of the restoration alone
RESTORE_ONLY = (
    "restorer",
    "restorer_checkpoint",
    "region",
    "steady",
    "restore_unsynced",
    "strength",
)
# parameters that the plan does not ask for
RENDER_ONLY = (
    "blend",
    "passes",
    "pads",
    "batch_size",
    "precision",
    "crf",
    "encoder",
    "mark",
    "label",
    "consent",
    "sign_cert",
)

PACKAGES = Path(__file__).resolve().parent.parent
DECIDING = (
    "parsing.py",
    "media",
    "sound",
    "face",
    "networks",
    "checkpoints",
    "plan",
    "engines",
    "restore",
    "run/render.py",
    "run/label.py",
)
# weights that a plan asks besides the engine's own
PLANNING = ("whisper-base-2blocks", "sync-compact", "silero-vad")


@functools.cache
def code_fingerprint() -> str:
    """SHA-256 of the sources that decide pixels."""
    sources = []
    for name in DECIDING:
        path = PACKAGES / name
        sources += sorted(path.glob("*.py")) if path.is_dir() else [path]

    state = hashlib.sha256()
    for path in sources:
        state.update(path.relative_to(PACKAGES).as_posix().encode())
        state.update(path.read_bytes())

    return state.hexdigest()


def plan_key(p: Params, record: dict[str, Any]) -> str:
    """What a plan is made from: inputs, weights, code, the parameters that it asks for."""
    hashes = [facts["sha256"] for _, facts in sorted(record["inputs"].items())]
    asked = (*PLANNING, "s3fd") if p.detector == "s3fd" else PLANNING
    here = filter(checkpoints.here, asked)
    hashes += [checkpoints.sha256(checkpoints.path_of(name)) for name in here]
    skipped = (*NO_INFLUENCE, *RESTORE_ONLY, *RENDER_ONLY)
    values = _values(p, [f.name for f in fields(p) if f.name not in skipped])
    return digest([__version__, code_fingerprint(), hashes, record["weights"]["sha256"], values])


def render_key(p: Params, plan: str) -> str:
    """What a lip-synced video is made from: the key of its plan, and the rest of the parameters."""
    return digest([plan, _values(p, RENDER_ONLY)])


def _values(p: Params, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(p, name) for name in names}
