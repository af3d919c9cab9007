"""Install what is missing, with the standard library alone: for a fresh kernel such as Colab's.

A package that is there already is left as it is, so Colab's own torch stays.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .errors import LipSyncError

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
# basicsr's isolated build would fetch a second torch; without isolation its build needs these first.
BUILD_TOOLS = ["setuptools", "wheel"]
# Each is OpenCV; a second one beside the first breaks both.
OPENCV = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def missing() -> list[str]:
    """Lines of requirements.txt whose package is not installed, for this version of Python."""
    lines = []
    for line in REQUIREMENTS.read_text().splitlines():
        requirement, _, marker = line.partition("#")[0].partition(";")
        if not requirement.strip():
            continue
        if "python_version" in marker and sys.version_info >= (3, 13):
            continue
        name = re.split(r"[<>=!~\[ ]", requirement.strip())[0]
        if not any(map(_installed, OPENCV if name in OPENCV else (name,))):
            lines.append(requirement.strip())
    return lines


def ensure() -> list[str]:
    """Install the missing packages with pip; returns what was missing. Raises LipSyncError if pip fails."""
    lines = missing()
    for arguments in (BUILD_TOOLS, ["--no-build-isolation", *lines]) if lines else ():
        if subprocess.run([sys.executable, "-m", "pip", "install", "-q", *arguments]).returncode:
            raise LipSyncError(
                f"pip could not install {', '.join(lines)} (its own message is above); is there a network? Else install"
                " what requirements.txt names beforehand"
            )
    return lines
