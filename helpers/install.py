"""Install what is missing, with the standard library alone: for a fresh kernel such as Colab's.

A package that is there already is left as it is, so Colab's own torch stays.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements.txt"
# basicsr's isolated build would fetch a second torch; without isolation its build needs these first.
BUILD_TOOLS = ["setuptools", "wheel"]


def missing() -> list[str]:
    """Lines of requirements.txt whose package is not installed, for this version of Python."""
    lines = []
    for line in REQUIREMENTS.read_text().splitlines():
        requirement, _, marker = line.partition("#")[0].partition(";")
        if not requirement.strip():
            continue
        if "python_version" in marker and sys.version_info >= (3, 13):
            continue
        try:
            version(re.split(r"[<>=!~\[ ]", requirement.strip())[0])
        except PackageNotFoundError:
            lines.append(requirement.strip())
    return lines


def ensure() -> list[str]:
    """Install the missing packages with pip; returns what was missing."""
    lines = missing()
    if lines:
        pip = [sys.executable, "-m", "pip", "install", "-q"]
        subprocess.run([*pip, *BUILD_TOOLS], check=True)
        subprocess.run([*pip, "--no-build-isolation", *lines], check=True)
    return lines
