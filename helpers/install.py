"""Install what is missing or too old, for a fresh kernel such as Colab's. Imports nothing slow.

What is new enough stays as it is, also where it is newer than pyproject.toml asks for, so Colab's
own torch and OpenCV stay. Extras such as ``reference`` are never installed: no notebook needs them.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from .errors import LipSyncError

try:
    from packaging.requirements import Requirement
    from packaging.version import Version
except ImportError:  # pip brings its own
    from pip._vendor.packaging.requirements import Requirement  # type: ignore[assignment]
    from pip._vendor.packaging.version import Version  # type: ignore[assignment]

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
# Of the running kernel, which they cannot be replaced under. The form works with ipywidgets 7 too.
KERNEL = ("ipykernel", "ipywidgets")
# Each is OpenCV; a second one beside the first breaks both.
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def missing() -> list[str]:
    """Requirements of the project that are not installed or too old, as pip takes them."""
    lines = []
    for text in _dependencies():
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate():
            continue

        name, installed = _installed(requirement.name)
        if installed is None:
            lines.append(f"{requirement.name}{requirement.specifier}")
        elif name not in KERNEL and _too_old(installed, requirement):
            lines.append(f"{name}{requirement.specifier}")
    return lines


def ensure() -> list[str]:
    """Install what is missing with pip; returns what that was.

    Raises LipSyncError if pip fails, or if it replaced a package that the kernel had loaded.
    """
    lines = missing()
    if not lines:
        return []

    loaded = [name for name in (Requirement(line).name for line in lines) if _is_loaded(name)]
    command = [sys.executable, "-m", "pip", "install", "-q", *lines]
    if subprocess.run(command).returncode:
        raise LipSyncError(
            f"pip could not install {', '.join(lines)} (its own message is above);"
            " is there a network? Else install what requirements.txt names beforehand"
        )

    if loaded:
        raise LipSyncError(
            f"{', '.join(loaded)} was upgraded, but this kernel has loaded the earlier version;"
            " restart the kernel (Colab: Runtime, Restart session) and run this cell again"
        )
    return lines


def _dependencies() -> list[str]:
    if not PROJECT.is_file():  # installed as a package, and its dependencies with it
        return []
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]


def _installed(name: str) -> tuple[str, Version | None]:
    """Name and version of the package that fills a requirement, None if there is none."""
    for candidate in OPENCV if name in OPENCV else (name,):
        try:
            return candidate, Version(version(candidate))
        except PackageNotFoundError:
            continue
    return name, None


def _too_old(installed: Version, requirement: Requirement) -> bool:
    floors = [part.version for part in requirement.specifier if part.operator in (">=", "~=", "==")]
    return any(installed < Version(floor) for floor in floors)


def _is_loaded(name: str) -> bool:
    modules = packages_distributions().items()
    return any(name in packages and module in sys.modules for module, packages in modules)
