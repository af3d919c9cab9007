"""A weights file -> its network, safely.

Checkpoints in upstream's format are pickles, so they are read with ``weights_only=True``: no code
in them can run.
"""

from __future__ import annotations

import functools
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..errors import WeightsError
from ..networks.audio_encoder import AudioEncoder
from ..networks.compact import CompactWav2Lip
from ..networks.restorer import CompactRestorer
from ..networks.sync_expert import SyncExpert
from ..networks.syncnet import SyncNet
from ..networks.voice import VoiceDetector
from ..networks.wav2lip import Wav2Lip
from .download import is_web_page
from .registry import here, locate, path_of

ARCHITECTURES = {
    "Wav2Lip": Wav2Lip,
    "CompactWav2Lip": CompactWav2Lip,
    "SyncExpert": SyncExpert,
    "CompactRestorer": CompactRestorer,
    "SyncNet": SyncNet,
    "AudioEncoder": AudioEncoder,
    "VoiceDetector": VoiceDetector,
}
UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile)
PICKLED = {".model": "SyncNet"}  # architecture by file extension; any other is Wav2Lip
EARLIER_KEYS = {  # how keys begin in a file -> in its network
    "eyes.": "face_encoder.",
    "encoder.": "",  # of Whisper, beside its decoder
}
# where Wav2Lip's and GFPGAN's checkpoints keep their tensors
STATE_KEYS = ("state_dict", "params_ema")


def load(path: str | os.PathLike) -> Any:
    """A network in eval mode, float32, channels_last (SyncNet is not).

    From a ``.safetensors`` of ours, SyncNet's ``.model`` or a checkpoint of Wav2Lip's. A checkpoint
    may be a plain state dict or hold one under ``state_dict``, its keys may start with ``module.``.
    Raises WeightsError for anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights at {path}")

    if path.suffix == ".safetensors":
        name, sizes, state = read_safetensors(path)
    else:
        name, sizes, state = PICKLED.get(path.suffix, "Wav2Lip"), {}, read_pickle(path)

    net = ARCHITECTURES[name](**sizes)
    try:
        missing, unexpected = net.load_state_dict(state, strict=False)
    except RuntimeError:
        missing, unexpected = ["shapes"], []

    if unexpected or any(not k.endswith("num_batches_tracked") for k in missing):
        raise WeightsError(
            f"{path} holds weights of another architecture or of an earlier version,"
            f" not of this {name}"
        )

    net.eval().requires_grad_(False)
    if isinstance(net, SyncNet):  # there is no such format for its 3D layers
        return net
    return net.to(memory_format=torch.channels_last)


def renamed(key: str) -> str:
    """A key of our weights, by the names of today's modules."""
    for earlier, now in EARLIER_KEYS.items():
        if key.startswith(earlier):
            return now + key.removeprefix(earlier)
    return key


def read_safetensors(path: Path) -> tuple[str, dict, dict]:
    """Architecture, what its constructor is given, and tensors."""
    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata() or {}
            name = facts.get("architecture", "")
            sizes = {key: float(value) for key, value in facts.items() if key == "width"}
            state = {
                renamed(key): file.get_tensor(key).float()
                for key in file.keys()  # noqa: SIM118
            }
    except SafetensorError as error:
        raise WeightsError(
            f"{path} is damaged or no safetensors file ({error}); get it again"
        ) from None

    if name not in ARCHITECTURES:
        raise WeightsError(
            f"{path} names the architecture '{name}'; known are {', '.join(ARCHITECTURES)}"
        )

    return name, sizes, state


def check_archive(path: str | os.PathLike) -> None:
    """Raises ValueError if a zip file, such as ``.pth`` or ``.npz``, unpacks to more than it is.

    PyTorch and NumPy store without compression; what is compressed may fill the memory.
    """
    if not zipfile.is_zipfile(path):
        return

    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > os.path.getsize(path):
            raise ValueError("it is compressed")


def read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """A checkpoint's state dict, without ``module.``; no code in it runs. Raises WeightsError."""
    with path.open("rb") as file:
        if is_web_page(file.read(64)):
            raise WeightsError(
                f"{path} is a web page saved under the name of weights; download the file itself"
            )

    try:
        check_archive(path)
        with warnings.catch_warnings(action="ignore"):  # torch's own word on TorchScript
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        kind = (
            "a TorchScript archive"
            if "TorchScript" in str(error)
            else "damaged or no plain checkpoint"
        )
        raise WeightsError(
            f"{path} is {kind}; expected is a state dict as saved by PyTorch"
        ) from None

    state = state if isinstance(state, dict) else {}
    state = next((state[name] for name in STATE_KEYS if name in state), state)
    if not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise WeightsError(f"{path} holds no state dict")

    return {k.removeprefix("module."): v for k, v in state.items()}


@functools.cache
def audio_encoder() -> AudioEncoder:
    """The bundled audio encoder, read once."""
    return load(locate("whisper-base-2blocks").path)


@functools.cache
def voice_detector() -> VoiceDetector:
    """The bundled voice activity detector, read once."""
    return load(locate("silero-vad").path)


def sync_expert() -> SyncExpert | None:
    """The bundled sync expert, or None if its file is not here."""
    path = path_of("sync-compact")
    return load(path) if path.exists() else None


def upstream_syncnet(device: torch.device) -> SyncNet | None:
    """Upstream's SyncNet on a device, or None if its file is not here."""
    return load(locate("syncnet").path).to(device) if here("syncnet") else None
