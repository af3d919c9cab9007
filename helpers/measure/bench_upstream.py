"""Wav2Lip's own ``inference.py``, of a checkout that the user has, in turn with a run of ours.

As a program (``bench_upstream.py FOLDER --face ...``) this file is that script with two things made
good: librosa's mel filters take keywords only by now, and it finds what it imports in its folder.
It then imports nothing of ours, so what is timed is the checkout's.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PAIRS = 3


def compare(folder: str, ours: Any, video: str, speech: str, place: Path) -> dict[str, Any]:
    """Seconds of both, whole processes in turn, on the same clip, weights and box.

    ``ours(video, speech, run_dir, **parameters)`` gives a run's facts, with "process_s". Raises
    InputError for a folder without the script, RunError where it fails.
    """
    from .. import checkpoints, media
    from ..errors import InputError
    from ..face.square import padded_box
    from .bench_restorers import first_face, save_random

    script = Path(folder, "inference.py")
    if not script.is_file():
        raise InputError(f"--upstream {folder}: no inference.py in it; give a checkout of Wav2Lip")

    frame, found = first_face(video)
    box = padded_box(found[:4], (0, 10, 0, 0), frame.shape[1], frame.shape[0])
    weights = place / "random.pth"
    if checkpoints.here("wav2lip_gan"):
        weights = checkpoints.path_of("wav2lip_gan")
    else:
        from ..networks.wav2lip import Wav2Lip

        save_random(Wav2Lip(), weights, "state_dict")

    (place / "temp").mkdir()
    (place / "face.mp4").symlink_to(os.path.abspath(video))
    (place / "speech.wav").symlink_to(os.path.abspath(speech))
    (place / "bin").mkdir()
    (place / "bin" / "ffmpeg").symlink_to(media.ffmpeg_exe())

    pairs = []
    for number in range(PAIRS):
        own = ours(
            video,
            speech,
            place / f"run{number}",
            checkpoint=weights,
            box=",".join(map(str, box)),
        )
        theirs = run_upstream(script.parent, weights, box, place)
        ratio = round(own["process_s"] / theirs, 3)
        pairs.append(dict(ours_s=own["process_s"], upstream_s=round(theirs, 2), ratio=ratio))

    return dict(weights=weights.stem, box=list(box), pairs=pairs)


def run_upstream(folder: Path, weights: Path, box: tuple[int, int, int, int], place: Path) -> float:
    """Seconds of the script on ``face.mp4`` and ``speech.wav`` in ``place``. Raises RunError."""
    from ..errors import RunError

    x1, y1, x2, y2 = map(str, box)
    command = [sys.executable, __file__, str(folder.resolve())]
    command += ["--checkpoint_path", str(weights), "--face", "face.mp4", "--audio", "speech.wav"]
    command += ["--box", y1, y2, x1, x2, "--outfile", "upstream.mp4"]
    paths = os.pathsep.join([str(place / "bin"), os.environ["PATH"]])

    started = time.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=place,
        env=os.environ | dict(PATH=paths),
        stdin=subprocess.DEVNULL,
    )
    taken = time.perf_counter() - started

    if done.returncode or not (place / "upstream.mp4").exists():
        said = done.stderr.strip().splitlines() or ["it wrote no video"]
        raise RunError(f"{folder / 'inference.py'} failed: {said[-1]}")
    return taken


def main(folder: str, *arguments: str) -> None:
    """Run the script of a folder, as ``python inference.py ARGUMENTS`` there would."""
    import librosa.filters

    mel = librosa.filters.mel

    def mel_of_old(sr: int, n_fft: int, **more: Any) -> Any:
        return mel(sr=sr, n_fft=n_fft, **more)

    setattr(librosa.filters, "mel", mel_of_old)  # noqa: B010
    sys.path[0] = folder
    sys.argv = ["inference.py", *arguments]
    runpy.run_path(os.path.join(folder, "inference.py"), run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
