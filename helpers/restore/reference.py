"""The gfpgan package of GFPGAN's authors on whole frames."""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from .. import checkpoints
from ..errors import ParameterError, WeightsError
from .gfpgan import OTHER_NETWORK

REFERENCE_WEIGHTS = ("gfpgan-detection", "gfpgan-parsing")


def import_gfpgan() -> Any:
    """The module ``gfpgan.utils``. Raises ParameterError if the package is not installed."""

    import torchvision

    # basicsr imports this module; torchvision 0.17 took it away.
    sys.modules.setdefault(
        "torchvision.transforms.functional_tensor", torchvision.transforms.functional
    )
    try:
        return importlib.import_module("gfpgan.utils")
    except ModuleNotFoundError:
        raise ParameterError(
            "restorer=gfpgan_reference: the gfpgan package is not installed (gfpgan and basicsr do not exist for Python"
            " 3.13 and later); use restorer=gfpgan, which loads the same weights through spandrel"
        ) from None


@functools.cache
def load_reference(path: Path, device: torch.device, folder: Path | None = None) -> Any:
    """The gfpgan package's own ``GFPGANer``, with all its weights from our folder, so that it never downloads any.

    Another ``folder`` may hold those of detection and parsing.

    Raises WeightsError, or ParameterError if the package is not installed.
    """
    package = import_gfpgan()
    for name in REFERENCE_WEIGHTS if folder is None else ():
        checkpoints.locate(name)
    checkpoints.read_pickle(path)
    helper = importlib.import_module("facexlib.utils.face_restoration_helper").FaceRestoreHelper
    # GFPGANer looks for the helper's weights under the working directory, and takes no other folder.
    package.FaceRestoreHelper = lambda *values, **more: helper(
        *values,
        **{
            **more,
            "model_rootpath": str(folder or checkpoints.path_of(REFERENCE_WEIGHTS[0]).parent),
        },
    )
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # torchvision's on arguments that facexlib still uses
            return package.GFPGANer(str(path), upscale=1, device=device)
    except (KeyError, RuntimeError):
        raise WeightsError(f"{path} {OTHER_NETWORK}") from None


def enhance(
    tool: Any, frame: np.ndarray, strength: float = 1.0, landmarks: np.ndarray | None = None
) -> np.ndarray:
    """A frame as ``GFPGANer.enhance`` restores it: all faces that its detector finds, or the one with ``landmarks``.

    The package draws new noise for each call; here it depends on the frame's pixels, so that a run can be repeated.
    """
    helper = tool.face_helper
    if landmarks is not None:
        helper.get_face_landmarks_5 = lambda **_: helper.all_landmarks_5.append(
            np.asarray(landmarks)
        )
    try:
        with torch.random.fork_rng():
            torch.manual_seed(zlib.crc32(frame))
            made = tool.enhance(
                np.ascontiguousarray(frame[..., ::-1]), has_aligned=False, paste_back=True
            )[2]
    finally:
        helper.__dict__.pop("get_face_landmarks_5", None)
    return cv2.addWeighted(frame, 1 - strength, np.ascontiguousarray(made[..., ::-1]), strength, 0)
