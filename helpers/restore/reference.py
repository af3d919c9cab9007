"""The gfpgan package of GFPGAN's authors on whole frames: the only user of gfpgan and basicsr."""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import cv2
import numpy as np
import torch

from .. import checkpoints
from ..checkpoints import Found
from ..errors import ParameterError, WeightsError
from ..networks.devices import choose_device
from ..params import Params
from .gfpgan import OTHER_NETWORK, gfpgan_square, locate_gfpgan
from .paste import Arrays, Square

REFERENCE_WEIGHTS = ("gfpgan-detection", "gfpgan-parsing")


class ReferenceRestoration:
    """Every face that the package finds in the frame; see ``base.Restorer``.

    Landmarks, crop matrices and runs are not used.
    """

    parameters: ClassVar[tuple[str, ...]] = ("strength",)
    needs_memory = True
    region = "face"

    def __init__(self, p: Params):
        self.tool = load_reference(self.locate(p).path, choose_device(p.device))
        self.strength = p.strength

    @staticmethod
    def locate(p: Params) -> Found:
        return locate_gfpgan(p.restorer_checkpoint)

    def __call__(
        self, frames: Arrays, landmarks: Arrays, matrices: Arrays, runs: Sequence[int]
    ) -> list[np.ndarray]:
        return [enhance(self.tool, frame, self.strength) for frame in frames]

    def square(self, landmarks: np.ndarray, matrix: np.ndarray) -> Square:
        return gfpgan_square(landmarks, self.region)


def import_reference(name: str) -> ModuleType:
    """A module of gfpgan or basicsr. Raises ImportError where these packages are not installed."""
    import torchvision

    # basicsr imports this module; torchvision 0.17 took it away.
    gone = "torchvision.transforms.functional_tensor"
    sys.modules.setdefault(gone, torchvision.transforms.functional)
    return importlib.import_module(name)


def import_gfpgan() -> ModuleType:
    """The module ``gfpgan.utils``. Raises ParameterError if the package is not installed."""
    try:
        return import_reference("gfpgan.utils")
    except ImportError as error:
        raise ParameterError(
            f"restorer=gfpgan_reference: gfpgan and basicsr cannot be imported ({error}); install"
            " them by: make reference (Python before 3.13), or use restorer=gfpgan, which loads the"
            " same weights through spandrel"
        ) from None


@functools.cache
def load_reference(path: Path, device: torch.device, folder: Path | None = None) -> Any:
    """The gfpgan package's own ``GFPGANer``; it never downloads anything.

    The weights of detection and parsing come from weights/, or from another ``folder``. Raises
    WeightsError, or ParameterError if the package is not installed.
    """
    package = import_gfpgan()
    if folder is None:
        folder = checkpoints.path_of(REFERENCE_WEIGHTS[0]).parent
        for name in REFERENCE_WEIGHTS:
            checkpoints.locate(name)
    checkpoints.read_pickle(path)

    # GFPGANer looks for the helper's weights under the working directory and takes no other folder.
    helper = importlib.import_module("facexlib.utils.face_restoration_helper").FaceRestoreHelper

    def helper_with_folder(*values: Any, **more: Any) -> Any:
        return helper(*values, **{**more, "model_rootpath": str(folder)})

    setattr(package, "FaceRestoreHelper", helper_with_folder)  # noqa: B010
    try:
        # torchvision's on arguments that facexlib still uses
        with warnings.catch_warnings(action="ignore"):
            return package.GFPGANer(str(path), upscale=1, device=device)
    except (KeyError, RuntimeError):
        raise WeightsError(f"{path} {OTHER_NETWORK}") from None


def enhance(
    tool: Any, frame: np.ndarray, strength: float = 1.0, landmarks: np.ndarray | None = None
) -> np.ndarray:
    """A frame as ``GFPGANer.enhance`` restores it.

    All faces that its detector finds, or the one with ``landmarks``. The package draws new noise
    for each call; here it depends on the frame's pixels, so that a run can be repeated.
    """
    helper = tool.face_helper
    if landmarks is not None:
        points = np.asarray(landmarks)
        helper.get_face_landmarks_5 = lambda **_: helper.all_landmarks_5.append(points)

    bgr = np.ascontiguousarray(frame[..., ::-1])
    try:
        with torch.random.fork_rng():
            torch.manual_seed(zlib.crc32(frame.data))
            restored = tool.enhance(bgr, has_aligned=False, paste_back=True)[2]
    finally:
        helper.__dict__.pop("get_face_landmarks_5", None)

    rgb = np.ascontiguousarray(restored[..., ::-1])
    return cv2.addWeighted(frame, 1 - strength, rgb, strength, 0)
