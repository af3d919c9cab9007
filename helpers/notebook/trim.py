"""A part of a film or of a recording, as a file of its own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from .. import media
from .settings import STEM_LENGTH, files_key

CRF = 8  # of a cut film: nothing of it can be told from the source


def cut(name: str, path: str, start: float, end: float, folder: Path) -> str:
    """The part of an input ("video" or "audio") from ``start`` to ``end`` seconds.

    Returns the path of a file in ``folder``, which is not made again if it is there. A cut film has
    the frames that a run would read, and the file's own sound. Raises LipSyncError.
    """
    path = media.local_path(path)
    stem = f"{Path(path).stem[:STEM_LENGTH]}-{start:.2f}-{end:.2f}-{files_key(path)}"
    suffix = ".mp4" if name == "video" else ".flac"
    out = folder / (stem + suffix)

    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        if name == "video":
            _cut_film(path, start, end, out)
        else:
            media.cut_sound(path, out, Fraction(start), Fraction(end) - Fraction(start))
    return str(out)


def _cut_film(path: str, start: float, end: float, out: Path) -> None:
    info = media.probe(path)
    fps = media.default_fps(info)
    first = round(start * fps)
    last = max(first + 1, min(round(end * fps), media.frame_count(info, fps)))
    frames = media.read_frames(path, fps, first, last)

    if not info.has_audio:
        media.write_video(out, frames, fps, CRF)
        return

    silent = out.with_suffix(".silent.mp4")
    try:
        media.write_video(silent, frames, fps, CRF)
        media.mux([silent], path, out, (last - first) / fps, comment="", start=first / fps)
    finally:
        silent.unlink(missing_ok=True)
