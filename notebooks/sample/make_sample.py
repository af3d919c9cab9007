"""Make the bundled sample: ``astronaut.mp4`` and ``speech.flac``.

The picture is scikit-image's astronaut (Eileen Collins, NASA, public domain), slowly moved and zoomed, with one second
of a title card that has no face; the voice is espeak-ng's (a Debian package, needed only here).

    python notebooks/sample/make_sample.py
"""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import skimage.data

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent))

from helpers import media  # noqa: E402

FPS = Fraction(25)
SIZE = 480  # px
SECONDS = 6
TITLE = range(75, 100)  # frames of the title card
TEXT = "Hello there. My name is Eileen, and I would like to show you how a mouth can follow a voice. Watch my lips!"


def title_card() -> np.ndarray:
    card = np.full((SIZE, SIZE, 3), (24, 40, 72), np.uint8)
    for row, text in enumerate(("A title card", "has no face:", "it passes through.")):
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.1, 2)[0][0]
        place = ((SIZE - width) // 2, 200 + 50 * row)
        cv2.putText(
            card, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.1, (235, 235, 235), 2, cv2.LINE_AA
        )
    return card


def frames():
    picture = skimage.data.astronaut()
    for n in range(SECONDS * int(FPS)):
        if n in TITLE:
            yield title_card()
            continue
        turn = 2 * np.pi * n / 100
        matrix = cv2.getRotationMatrix2D(
            (224, 205), 1.5 * np.sin(turn), 1.45 + 0.15 * np.sin(turn / 2)
        )
        matrix[:, 2] += (SIZE / 2 - 232 + 8 * np.sin(turn / 1.7), SIZE / 2 - 205 + 5 * np.cos(turn))
        yield cv2.warpAffine(
            picture, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )


if __name__ == "__main__":
    media.write_video(FOLDER / "astronaut.mp4", frames(), FPS, crf=20, preset="slow")
    wave = subprocess.run(
        ["espeak-ng", "-v", "en-us+f3", "-s", "150", "--stdout", TEXT],
        capture_output=True,
        check=True,
    )
    subprocess.run(
        [media.ffmpeg_exe(), "-v", "error", "-y", "-i", "pipe:0", "-ar", "16000", str(FOLDER / "speech.flac")],
        input=wave.stdout, check=True,
    )  # fmt: skip
