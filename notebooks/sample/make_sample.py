"""Make the bundled samples: a talking person and another person's speech, and a photograph.

    python notebooks/sample/make_sample.py GRID

``talking.mp4``: two sentences of speaker 4 of the GRID corpus with a title card between, and her
own sound; ``speech.flac``: two sentences of speaker 33. ``GRID`` is a folder with the files named
below, the high-bit-rate version (720x576) of speaker 4's. ``photograph.mp4`` is scikit-image's
astronaut (Eileen Collins, NASA, public domain), slowly moved and zoomed; ``voice.flac`` says its
text in espeak-ng's voice (a Debian package, needed only here). README.md has the corpus's
attribution.
"""

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import skimage.data

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent.parent))

from helpers import media  # noqa: E402

SENTENCES = ("lbaq2s.mkv", "sgib6s.mkv")  # of speaker 4
SPOKEN = ("s33_0.mpg", "s33_1.mpg")

FPS = Fraction(25)
SIZE = (768, 576)  # px, of the corpus's pictures with square pixels
SENTENCE_FRAMES = 75
TITLE_FRAMES = 25
TITLE = ("A title card has no face:", "it passes through.")

PHOTOGRAPH_SIDE = 480  # px
PHOTOGRAPH_FRAMES = 150
PHOTOGRAPH_TITLE = range(75, 100)
TEXT = (
    "Hello there. My name is Eileen, and I would like to show you how a mouth can follow a voice."
    " Watch my lips!"
)


def title_card(width: int, height: int) -> np.ndarray:
    card = np.full((height, width, 3), (24, 40, 72), np.uint8)
    font = (cv2.FONT_HERSHEY_SIMPLEX, 1.0)
    for row, text in enumerate(TITLE):
        wide = cv2.getTextSize(text, *font, 2)[0][0]
        place = ((width - wide) // 2, height // 2 - 20 + 50 * row)
        cv2.putText(card, text, place, *font, (235, 235, 235), 2, cv2.LINE_AA)
    return card


def talking_frames(folder: Path) -> Iterator[np.ndarray]:
    first, second = (
        media.read_frames(folder / name, FPS, 0, SENTENCE_FRAMES, SIZE) for name in SENTENCES
    )
    yield from first
    yield from [title_card(*SIZE)] * TITLE_FRAMES
    yield from second


def sentence(path: Path) -> np.ndarray:
    """The sound of three seconds."""
    length = SENTENCE_FRAMES * media.SAMPLE_RATE // int(FPS)
    wave = media.read_audio(path)[:length]
    return np.pad(wave, (0, length - len(wave)))


def photograph_frames() -> Iterator[np.ndarray]:
    picture = skimage.data.astronaut()
    side = PHOTOGRAPH_SIDE
    for n in range(PHOTOGRAPH_FRAMES):
        if n in PHOTOGRAPH_TITLE:
            yield title_card(side, side)
            continue

        turn = 2 * np.pi * n / 100
        zoom = 1.45 + 0.15 * np.sin(turn / 2)
        matrix = cv2.getRotationMatrix2D((224, 205), 1.5 * np.sin(turn), zoom)
        matrix[0, 2] += side / 2 - 232 + 8 * np.sin(turn / 1.7)
        matrix[1, 2] += side / 2 - 205 + 5 * np.cos(turn)
        yield cv2.warpAffine(
            picture, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )


def ffmpeg(*arguments: object, sound: np.ndarray) -> None:
    raw = ("-f", "f32le", "-ar", media.SAMPLE_RATE, "-ac", 1, "-i", "pipe:0")
    command = [media.ffmpeg_exe(), "-v", "error", "-y", *raw, *arguments]
    subprocess.run([*map(str, command)], input=sound.astype("<f4").tobytes(), check=True)


def make_talking(folder: Path) -> None:
    silent = FOLDER / "silent.mp4"
    media.write_video(silent, talking_frames(folder), FPS, crf=20, preset="slow")

    first, second = (sentence(folder / name) for name in SENTENCES)
    title = np.zeros(TITLE_FRAMES * media.SAMPLE_RATE // int(FPS), np.float32)
    sound = np.concatenate([first, title, second])
    both = ("-i", silent, "-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac")
    ffmpeg(*both, FOLDER / "talking.mp4", sound=sound)
    silent.unlink()

    ffmpeg(FOLDER / "speech.flac", sound=np.concatenate([sentence(folder / s) for s in SPOKEN]))


def make_photograph() -> None:
    media.write_video(FOLDER / "photograph.mp4", photograph_frames(), FPS, crf=20, preset="slow")
    spoken = ["espeak-ng", "-v", "en-us+f3", "-s", "150", "--stdout", TEXT]
    wave = FOLDER / "voice.wav"
    wave.write_bytes(subprocess.run(spoken, capture_output=True, check=True).stdout)
    ffmpeg(FOLDER / "voice.flac", sound=media.read_audio(wave))
    wave.unlink()


if __name__ == "__main__":
    make_talking(Path(sys.argv[1]))
    make_photograph()
