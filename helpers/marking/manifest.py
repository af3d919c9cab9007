"""The C2PA manifest in a file: put in and signed, read back and checked. No network is asked."""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import ParameterError
from .certificate import Credentials, own_serial

VIDEO = "video/mp4"
RUN = "local.lipsync-notebooks.run"  # label of the assertion that holds the run's facts
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
OPENINGS = {"video": "c2pa.opened", "audio": "c2pa.placed"}  # what happened to each input
UNKNOWN = "application/octet-stream"
ROLES = {"video": "parentOf", "audio": "componentOf"}
SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
    "builder": {"thumbnail": {"enabled": False}},
}
NONE = ("ManifestNotFound", "NotSupported")  # no manifest, or a container that has none
UNTRUSTED = "signingCredential.untrusted"
# what C2PA's codes mean, by how they begin
MEANINGS = {
    "assertion.bmffHash.mismatch": "bytes of the file were changed after signing",
    "assertion.": "a signed statement was changed or is missing",
    "claimSignature": "the signature does not fit",
    "signingCredential.expired": "the certificate had expired",
    "signingCredential": "the certificate may not sign this",
}

Inputs = dict[str, dict[str, Any]]  # "video" and "audio": path and facts


class NotSigned(Exception):
    """There is no manifest in the file, for a reason that is not the user's doing."""


@dataclass(frozen=True)
class Found:
    """What a file's manifest says. ``state``: valid, invalid, missing, or unknown without c2pa.

    ``signer``: by its certificate; ``standing``: how far that is known here; ``facts``: of the run.
    """

    state: str
    signer: str = ""
    standing: str = ""
    problems: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def sign(path: Path, signed: Path, facts: dict[str, Any], inputs: Inputs, by: Credentials) -> None:
    """Write ``signed``: the MP4 file ``path`` with a manifest, the pictures as they are.

    Raises NotSigned; ``signed`` may be there in part then.
    """
    with (
        _builder(facts, inputs, by) as (builder, signer),
        open(path, "rb") as source,
        open(signed, "w+b") as target,
    ):
        builder.sign(signer, VIDEO, source, target)


def check(by: Credentials) -> None:
    """Sign a small picture, which shows whether a certificate can. Raises ParameterError."""
    _, picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))
    try:
        with _builder({}, {}, by) as (builder, signer):
            builder.sign(signer, "image/png", io.BytesIO(picture.tobytes()), io.BytesIO())
    except NotSigned as error:
        raise ParameterError(
            f"sign_cert and sign_key cannot sign by C2PA ({error}); it wants a chain, the"
            " signer's certificate first, with the key usage digitalSignature and an extended"
            " key usage such as emailProtection"
        ) from None


@contextmanager
def _builder(facts: dict[str, Any], inputs: Inputs, by: Credentials) -> Iterator[tuple[Any, Any]]:
    """A manifest in the making and its signer. Raises NotSigned for all of C2PA's errors."""
    c2pa = library()
    definition = _definition(facts, list(inputs))
    info = c2pa.C2paSignerInfo(by.algorithm.encode(), by.chain, by.key, None)
    try:
        with (
            c2pa.Context.from_dict(SETTINGS) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(definition, context) as builder,
        ):
            for kind, described in inputs.items():
                _add_ingredient(c2pa, builder, kind, described)
            yield builder, signer
    except c2pa.C2paError as error:
        raise NotSigned(" ".join(str(error).split())) from None


def library() -> Any:
    """The package c2pa. Raises NotSigned if it is not here or cannot be loaded."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError) as error:
        raise NotSigned(f"c2pa-python cannot be loaded: {error}") from None
    return c2pa


def _definition(facts: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    maker = {name: str(facts[name]) for name in ("name", "version") if name in facts}
    actions = [
        dict(action=action, parameters=dict(ingredientIds=[kind]))
        for kind, action in OPENINGS.items()
        if kind in kinds
    ]
    changed = dict(
        action="c2pa.edited" if kinds else "c2pa.created",
        digitalSourceType=SOURCE_TYPE,
        softwareAgent=maker or dict(name="check"),
        description=facts.get("what", ""),
        parameters=dict(ingredientIds=kinds),
    )

    assertions = [
        dict(label="c2pa.actions.v2", data=dict(actions=[*actions, changed])),
        dict(label=RUN, data=facts),
    ]
    return dict(claim_generator_info=[changed["softwareAgent"]], assertions=assertions)


def _add_ingredient(c2pa: Any, builder: Any, kind: str, described: dict[str, Any]) -> None:
    """An input, with its own manifest if it has one; by its name alone if C2PA cannot read it."""
    path = described["path"]
    facts = dict(label=kind, title=os.path.basename(path), relationship=ROLES[kind])
    form = mimetypes.guess_type(path)[0] or UNKNOWN
    try:
        with open(path, "rb") as file:
            builder.add_ingredient(facts, form, file)
    except c2pa.C2paError:
        builder.add_ingredient(facts, UNKNOWN, io.BytesIO())


def read(path: str, trusted: bytes = b"") -> Found:
    """What the manifest in a file says; ``trusted`` is PEM of certificates that are trusted."""
    try:
        c2pa = library()
    except NotSigned as error:
        return Found("unknown", problems=[str(error)])

    anchors = dict(trust=dict(trust_anchors=trusted.decode())) if trusted else {}
    try:
        with (
            c2pa.Context.from_dict(SETTINGS | anchors) as context,
            open(path, "rb") as file,
            c2pa.Reader(file, context=context) as reader,
        ):
            active = reader.get_active_manifest()
            results = reader.get_validation_results()
    except c2pa.C2paError as error:
        if str(error).startswith(NONE):
            return Found("missing")
        return Found("invalid", problems=[f"it cannot be read: {error}"])

    failures = [failure["code"] for failure in results["activeManifest"]["failure"]]
    problems = [code for code in failures if code != UNTRUSTED]
    found = [a["data"] for a in active.get("assertions", []) if a["label"] == RUN]
    by = active.get("signature_info", {})
    return Found(
        "invalid" if problems else "valid",
        " / ".join(filter(None, (by.get("issuer"), by.get("common_name")))),
        _standing(by, UNTRUSTED not in failures),
        [_meaning(code) for code in problems],
        found[0] if found else {},
    )


def _standing(by: dict[str, Any], is_trusted: bool) -> str:
    if is_trusted:
        return "trusted"
    own = str(own_serial()) == str(by.get("cert_serial_number"))
    return "this machine's own test certificate" if own else "not known here"


def _meaning(code: str) -> str:
    return next((text for start, text in MEANINGS.items() if code.startswith(start)), code)
