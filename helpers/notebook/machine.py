"""What computes here, in words."""

from __future__ import annotations

import os
import platform
import sys

import torch

from ..networks.devices import choose_device, choose_precision
from ..params import Params

WITHOUT_REFERENCE = (3, 13)  # the first Python for which gfpgan and basicsr have no build


def describe_machine(p: Params) -> str:
    """What computes here with these parameters, and what this Python can do."""
    device = choose_device(p.device)
    precision = str(choose_precision(p.precision, device)).removeprefix("torch.")
    name = f"CPU with {os.cpu_count()} threads"
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)

    lines = [f"Networks run on: {name}, in {precision}."]
    if device.type == "cpu":
        lines.append("On Colab: Runtime, Change runtime type, T4 GPU makes the networks faster.")

    reference = "and the packages gfpgan and basicsr, where installed, serve as the reference"
    if sys.version_info >= WITHOUT_REFERENCE:
        reference = "the packages gfpgan and basicsr do not exist for it"
    lines.append(f"Python {platform.python_version()}: GFPGAN loads by spandrel; {reference}.")
    return "\n".join(lines)
