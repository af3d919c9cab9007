"""A batch's jobs: a table, a file of JSON lines, or a folder of pairs -> values of parameters."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

from .. import media
from ..errors import InputError, LipSyncError
from ..params import FIELDS
from ..storage import is_address

INPUTS = ("video", "audio")
VIDEO_ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m4v", ".ts", ".gif")
PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".bmp")
SOUND_ENDINGS = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aac")

Values = dict[str, Any]


def read_jobs(path: str | os.PathLike) -> list[Values]:
    """Values of parameters, a dictionary a job, at least "video" and "audio" in each.

    ``path``: a CSV file whose columns are parameters, a file of JSON lines, or a folder in which
    each video lies beside a sound of the same name. Relative paths in a file are relative to its
    folder. Raises InputError.
    """
    path = Path(os.path.abspath(media.local_path(path)))
    rows = _pairs(path) if path.is_dir() else _rows(path)
    if not rows:
        raise InputError(f"{path} holds no jobs: no rows, or no video beside a sound of its name")

    return [_with_paths(row, path.parent) for row in rows]


def _pairs(folder: Path) -> list[Values]:
    files = sorted(folder.iterdir())
    sounds = {file.stem: file for file in files if file.suffix.lower() in SOUND_ENDINGS}
    return [
        dict(video=str(file), audio=str(sounds[file.stem]))
        for file in files
        if file.suffix.lower() in (*VIDEO_ENDINGS, *PICTURE_ENDINGS) and file.stem in sounds
    ]


def _rows(path: Path) -> list[Values]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a table of jobs ({error})") from None

    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return _json_lines(path, text)

    return _table(path, text)


def _json_lines(path: Path, text: str) -> list[Values]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue

        try:
            row = json.loads(line)
        except ValueError:
            row = None

        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number} is not a JSON object of parameters")

        rows.append(row)

    _check_names(path, {name for row in rows for name in row})
    return rows


def _table(path: Path, text: str) -> list[Values]:
    """Rows of a CSV file; an empty field is the parameter's default."""
    table = csv.DictReader(text.splitlines(), skipinitialspace=True)
    _check_names(path, set(table.fieldnames or ()))
    rows = []

    for row in table:
        if None in row or None in row.values():
            raise InputError(f"{path}, line {table.line_num}: not as many fields as the first line")
        rows.append({name: value for name, value in row.items() if value})

    return rows


def _check_names(path: Path, names: set[str]) -> None:
    unknown = sorted(names - FIELDS.keys())
    if unknown or "run_dir" in names:
        raise InputError(
            f"{path}: {', '.join(unknown) or 'run_dir'} is no parameter of a job;"
            " see python -m helpers params"
        )


def _with_paths(job: Values, folder: Path) -> Values:
    """The job with absolute paths or addresses of its inputs."""
    paths = {name: _absolute(str(job[name]), folder) for name in INPUTS if job.get(name)}
    return job | paths


def _absolute(path: str, folder: Path) -> str:
    """A path as a person means it, relative to a folder; an address stays as it is."""
    if is_address(path) and not path.lower().startswith("file:"):
        return path
    return os.path.abspath(folder / media.local_path(path))


def check_job(values: Values) -> None:
    """Raises InputError if a job lacks one of its inputs."""
    for name in INPUTS:
        if not values.get(name):
            raise InputError(f"no {name} is given")


def is_users_fault(error: Exception) -> bool:
    """Would the same job fail again?"""
    return isinstance(error, LipSyncError) and error.exit_status == 2
