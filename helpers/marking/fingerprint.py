"""What the pictures and the sound of a file are, so that they are known again when it is changed.

Of each frame there are two hashes: an exact one of its decoded picture, and a difference hash: is
each part of it brighter than the one to its left?
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..media.ffmpeg import ffmpeg_command, file_url, input_args

SIDE = 16  # parts of a picture, across and down
BITS = SIDE * SIDE
LEVELS = 4  # grey levels that count as brighter: less is the encoder's doing
EXACT_LENGTH = 16  # hex digits kept of a frame's SHA-256
PROBES = 64  # frames by which a part of a video is found in the whole
OTHER_VIDEO = 0.2  # share of bits that differ, in the median frame, from which it is another video
NOISE = 8  # bits of a frame that may differ when it is encoded again,
NOISE_GROWTH = 2  # and that many times what differs in the median frame


@dataclass(frozen=True)
class Fingerprint:
    """Of N frames at ``fps``: ``exact``, a text each; ``looks`` ``uint8 (N, 32)``, 256 bits each;
    ``sound``, the SHA-256 of its encoded sound, empty if there is none.
    """

    fps: Fraction
    exact: list[str]
    looks: np.ndarray
    sound: str

    def saved(self) -> dict[str, str]:
        """As JSON takes it: the frames' hashes as one text each."""
        return dict(
            fps=str(self.fps),
            exact="".join(self.exact),
            looks=self.looks.tobytes().hex(),
            sound=self.sound,
        )


def load(saved: dict[str, Any]) -> Fingerprint:
    """The inverse of ``saved``. Raises KeyError, TypeError, ValueError if it is none."""
    text = saved["exact"]
    looks = np.frombuffer(bytes.fromhex(saved["looks"]), np.uint8).reshape(-1, BITS // 8)
    exact = [text[at : at + EXACT_LENGTH] for at in range(0, len(text), EXACT_LENGTH)]
    if not exact or len(exact) != len(looks):
        raise ValueError("as many hashes of each kind")
    return Fingerprint(Fraction(saved["fps"]), exact, looks, str(saved["sound"]))


def take(path: str | Path, fps: Fraction, has_sound: bool = True) -> Fingerprint:
    """Decode a file once. Raises InputError if that fails."""
    graph = (
        f"[0:V:0]fps={fps},split[whole][other];"
        f"[other]scale={SIDE + 1}:{SIDE}:flags=area,format=gray[small]"
    )
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder, "frames")
        sound = Path(folder, "sound")
        outputs = ["-map", "[small]", "-f", "rawvideo", "pipe:1"]
        outputs += ["-map", "[whole]", "-f", "framehash", "-hash", "sha256", file_url(frames)]
        if has_sound:
            outputs += ["-map", "0:a:0", "-c:a", "copy"]
            outputs += ["-f", "hash", "-hash", "sha256", file_url(sound)]

        command = ffmpeg_command("-v", "error", *input_args(path), "-filter_complex", graph)
        done = subprocess.run([*command, *outputs], capture_output=True)
        if done.returncode:
            detail = done.stderr.decode(errors="replace").strip().splitlines()
            raise InputError(f"{path} cannot be decoded" + (f" ({detail[-1]})" if detail else ""))

        lines = frames.read_text().splitlines()
        exact = [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]
        heard = sound.read_text().strip().partition("=")[2] if has_sound else ""

    small = np.frombuffer(done.stdout, np.uint8).reshape(-1, SIDE, SIDE + 1).astype(np.int16)
    brighter = np.diff(small) > LEVELS
    looks = np.packbits(brighter.reshape(-1, BITS), axis=1)
    return Fingerprint(fps, [text[:EXACT_LENGTH] for text in exact], looks, heard)


@dataclass(frozen=True)
class Comparison:
    """Frames of a file beside those that were made.

    ``first``: which of them its first one is; ``added``: numbers of its frames that come before or
    after all of them; ``changed``: numbers of those that were made and look different in it;
    ``same``: how many have the very same pixels; ``bits``: the most that differ in a frame that
    does look alike; ``is_other``: another video.
    """

    frames: int
    made: int
    first: int
    added: list[int]
    changed: list[int]
    same: int
    bits: int
    is_other: bool

    @property
    def is_whole(self) -> bool:
        return self.first == 0 and self.frames == self.made


def compare(made: Fingerprint, found: Fingerprint) -> Comparison:
    """Frames of a file with those that were made, wherever it starts among them."""
    first = _place(made, found)
    numbers = np.arange(len(found.exact))
    places = numbers + first
    inside = (places >= 0) & (places < len(made.exact))
    within = numbers[inside]
    same = np.array([found.exact[n] == made.exact[n + first] for n in within], bool)
    bits = _distance(found.looks[within], made.looks[within + first])

    encoded_again = 2 * same.sum() < len(within)
    middle = float(np.median(bits[~same])) if encoded_again else 0
    limit = NOISE + NOISE_GROWTH * middle if encoded_again else -1
    changed = ~same & (bits > limit)
    alike = bits[~changed]
    return Comparison(
        frames=len(found.exact),
        made=len(made.exact),
        first=first,
        added=numbers[~inside].tolist(),
        changed=(within[changed] + first).tolist(),
        same=int(same.sum()),
        bits=int(alike.max(initial=0)),
        is_other=middle > OTHER_VIDEO * BITS,
    )


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bits that differ, of rows ``uint8 (..., 32)``."""
    return np.unpackbits(a ^ b, axis=-1).sum(-1, dtype=np.int64)


def _place(made: Fingerprint, found: Fingerprint) -> int:
    """Which of the frames that were made is a file's first (negative: others come before)."""
    count = len(made.exact)
    probes = np.unique(np.linspace(0, len(found.exact) - 1, PROBES).astype(int))
    offsets = np.arange(-len(found.exact) + 1, count)
    costs = np.zeros(len(offsets))
    exact = np.array(made.exact)

    for n in probes:
        cost = np.full(len(offsets), BITS / 2)
        at = len(found.exact) - 1 - n  # offset -n: the first that was made
        differs = _distance(made.looks, found.looks[n]) + (exact != found.exact[n])
        cost[at : at + count] = differs
        costs += cost

    best = offsets[costs == costs.min()]
    return int(best[np.abs(best).argmin()])
