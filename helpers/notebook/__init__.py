"""What the notebooks show: figures, players, and the runner that executes them headless."""

from __future__ import annotations

import os
import platform
import sys

from ..errors import LipSyncError
from ..params import Params


def one_line_errors() -> None:
    """Show the helpers' own errors in this notebook as one line, without a stack of calls. The cell still fails."""
    from IPython import get_ipython

    def show(shell, kind, error, trace, tb_offset=None):
        line = f"{kind.__name__}: {error}"
        shell._showtraceback(kind, error, [line])
        return [line]

    get_ipython().set_custom_exc((LipSyncError,), show)


def machine(p: Params) -> str:
    """In words: what computes here with these parameters, and what this Python can do."""
    import torch

    from ..networks.devices import choose_device, choose_precision

    device = choose_device(p.device)
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU with {os.cpu_count()} threads"
    )
    lines = [
        f"Networks run on: {name}, in {str(choose_precision(p.precision, device)).removeprefix('torch.')}."
    ]
    if device.type == "cpu":
        lines.append("On Colab: Runtime, Change runtime type, T4 GPU makes everything faster.")
    lines.append(f"Python {platform.python_version()}: GFPGAN loads through spandrel" + (
        "; the packages gfpgan and basicsr do not exist for it." if sys.version_info >= (3, 13)
        else ", and the packages gfpgan and basicsr serve as the reference."
    ))  # fmt: skip
    return "\n".join(lines)
