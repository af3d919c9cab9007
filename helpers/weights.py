"""Weights: what is known (``weights/registry.json``), what is here, and loading it safely.

Checkpoints in upstream's format are pickles, so they are read with ``weights_only=True``: no code in them can run.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from . import download
from .compact_restorer import CompactRestorer
from .download import Progress, sha256
from .errors import WeightsError
from .lse import SyncNet
from .params import ROOT
from .syncnet import SyncExpert
from .wav2lip import CompactWav2Lip, Wav2Lip

FOLDER = ROOT / "weights"
ARCHITECTURES = {
    "Wav2Lip": Wav2Lip,
    "CompactWav2Lip": CompactWav2Lip,
    "SyncExpert": SyncExpert,
    "CompactRestorer": CompactRestorer,
    "SyncNet": SyncNet,
}
PICKLED = {".model": "SyncNet"}  # architecture by file extension; any other is Wav2Lip
STATE_KEYS = ("state_dict", "params_ema")  # where Wav2Lip's and GFPGAN's checkpoints keep their tensors
AUTO = ("wav2lip_gan", "wav2lip", "compact")  # first one that is here


@dataclass(frozen=True)
class Found:
    """Weights that are on this machine."""

    name: str
    path: Path
    licence: str


@functools.cache
def registry() -> dict[str, dict]:
    return json.loads((FOLDER / "registry.json").read_text())


def entry_of(name: str) -> dict:
    """A file's entry in the registry. Raises WeightsError for an unknown name."""
    if name not in registry():
        near = difflib.get_close_matches(name, registry(), 1, 0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(registry())}"
        raise WeightsError(f"no weights are known as {name}: {hint}")
    return registry()[name]


def here(name: str) -> bool:
    """Is a file of the registry on this machine, whole (by size)?"""
    entry = registry()[name]
    path = FOLDER / entry["file"]
    return path.exists() and path.stat().st_size == entry.get("bytes", path.stat().st_size)


def locate(checkpoint: str) -> Found:
    """``auto``, a name of the registry, or a path -> the file. Raises WeightsError if it is not here."""
    if checkpoint == "auto":
        checkpoint = next((name for name in AUTO if here(name)), AUTO[-1])
    entry = registry().get(checkpoint)
    if entry is None:
        path = Path(checkpoint).expanduser()
        if not path.is_file():
            names = ", ".join(n for n, e in registry().items() if e["job"] == "lip-sync")
            raise WeightsError(f"checkpoint={checkpoint} is neither a file nor one of auto, {names}")
        return Found(path.stem, path, "unknown: see where it came from")
    path = FOLDER / entry["file"]
    if not path.exists():
        other = ", or use checkpoint=compact" if entry["job"] == "lip-sync" and "urls" in entry else ""
        raise WeightsError(f"{path} is not here; get it by: {way_to_get(checkpoint)}{other}")
    if not here(checkpoint):
        raise WeightsError(
            f"{path} has {path.stat().st_size} bytes instead of {entry['bytes']}; "
            f"get it again by: {way_to_get(checkpoint)}"
        )
    return Found(checkpoint, path, entry["licence"])


def way_to_get(name: str) -> str:
    """The command that brings a file of the registry here."""
    entry = entry_of(name)
    return f"python -m helpers weights fetch {name}" if "urls" in entry else f"git checkout -- weights/{entry['file']}"


def fault(name: str, folder: Path | None = None) -> str:
    """What is wrong with a file of the registry in ``folder`` (weights/): "" if nothing, "not here" if it is missing.

    A bundled file has no SHA-256 in the registry and is read instead.
    """
    entry = entry_of(name)
    path = (folder or FOLDER) / entry["file"]
    if not path.is_file():
        return "not here"
    if "sha256" not in entry:
        try:
            _read_safetensors(path)
        except WeightsError as error:
            return str(error)
        return ""
    if path.stat().st_size != entry["bytes"]:
        return f"{path.stat().st_size} bytes instead of {entry['bytes']}"
    return "" if sha256(path) == entry["sha256"] else "wrong SHA-256"


def fetch(name: str, accept: bool, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Download a file of the registry into ``folder`` (weights/), unless it is there and right; its path.

    ``accept`` says that the file's licence has been read and accepted. A damaged file of that name is replaced.
    Raises WeightsError: unknown name, licence not accepted, every mirror failed, or the file cannot be written.
    """
    entry, folder = entry_of(name), folder or FOLDER
    path = folder / entry["file"]
    if not fault(name, folder):
        return path
    if "urls" not in entry:
        raise WeightsError(f"{path} comes with the repository; get it again by: {way_to_get(name)}")
    if not accept:
        raise WeightsError(
            f"{name} has the licence '{entry['licence']}'; "
            "accept it by --yes on the command line or accept_licences=true in notebook 01"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with download.alone(folder):
        if fault(name, folder):
            download.download(entry["urls"], path, entry["bytes"], entry["sha256"], progress)
    return path


def fetch_all(names: str, accept: bool, bar: Callable[[str], Progress] | None = None) -> list[Found]:
    """``fetch`` for names with commas between them. ``bar`` makes the progress callback of one file from its name."""
    found = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        progress = bar(name) if bar and accept and fault(name) else None
        found.append(Found(name, fetch(name, accept, progress=progress), entry_of(name)["licence"]))
    return found


def load(path: str | os.PathLike) -> nn.Module:
    """A network in eval mode, float32, channels_last (SyncNet is not).

    From a ``.safetensors`` of ours, SyncNet's ``.model`` or a checkpoint of Wav2Lip's. A checkpoint may be a plain
    state dict or hold one under ``state_dict``, its keys may start with ``module.``.
    Raises WeightsError for anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}")
    if path.suffix == ".safetensors":
        name, sizes, state = _read_safetensors(path)
    else:
        name, sizes, state = PICKLED.get(path.suffix, "Wav2Lip"), {}, read_pickle(path)
    net = ARCHITECTURES[name](**sizes)
    try:
        missing, unexpected = net.load_state_dict(state, strict=False)
    except RuntimeError:
        missing, unexpected = ["shapes"], []
    if unexpected or any(not k.endswith("num_batches_tracked") for k in missing):
        raise WeightsError(f"{path} holds weights of another architecture or of an earlier version, not of this {name}")
    net.eval().requires_grad_(False)
    return net if name == "SyncNet" else net.to(memory_format=torch.channels_last)  # no such format for 3D layers


def _read_safetensors(path: Path) -> tuple[str, dict, dict]:
    """Architecture, what its constructor is given, and tensors."""
    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            name, sizes = facts.get("architecture", ""), {k: float(v) for k, v in facts.items() if k == "width"}
            state = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged or no safetensors file ({error}); get it again") from None
    if name not in ARCHITECTURES:
        raise WeightsError(f"{path} names the architecture '{name}'; known are {', '.join(ARCHITECTURES)}")
    return name, sizes, state


def read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of a checkpoint, keys without ``module.``; no code in the file can run. Raises WeightsError."""
    with path.open("rb") as file:
        if download.is_web_page(file.read(64)):
            raise WeightsError(f"{path} is a web page saved under the name of weights; download the file itself")
    try:
        with warnings.catch_warnings(action="ignore"):  # torch's own word on TorchScript: ours follows
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        kind = "a TorchScript archive" if "TorchScript" in str(error) else "damaged or no plain checkpoint"
        raise WeightsError(f"{path} is {kind}; expected is a state dict as saved by PyTorch") from None
    state = state if isinstance(state, dict) else {}
    state = next((state[name] for name in STATE_KEYS if name in state), state)
    if not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds no state dict")
    return {k.removeprefix("module."): v for k, v in state.items()}


def sync_expert() -> SyncExpert | None:
    """The bundled sync expert, or None if its file is not here."""
    path = FOLDER / registry()["sync-compact"]["file"]
    return load(path) if path.exists() else None


def upstream_syncnet(device: torch.device) -> SyncNet | None:
    """Upstream's SyncNet on a device, or None if its file is not here."""
    return load(locate("syncnet").path).to(device) if here("syncnet") else None
