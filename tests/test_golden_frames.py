"""Decoded frames of small runs against ``golden/frames.json``: is every pixel as it was?

Where torch, ffmpeg and processor are those that the file was made with, frames must be equal to
the bit; elsewhere they must look the same. ``python tests/test_golden_frames.py`` renews the file.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support import FACE_BOX, SAMPLE_SPEECH, SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave

from helpers import media, params, run

GOLDEN = Path(__file__).parent / "golden" / "frames.json"
RENEW = "RENEW_GOLDEN_FRAMES"  # environment variable
DECIDING = ("torch", "cpu_capability", "processor", "ffmpeg")  # same here, same bits

THUMBNAIL = (16, 12)  # pixels, width and height
THUMBNAILS = 8  # at most, spread over a result
TOLERANCE = 2.0  # grey levels, mean over a result's thumbnails
EXACT = ("-c:v", "libx264", "-crf", 0, "-threads", 1)  # the same clip on every machine

FIXED = dict(device="cpu", precision="fp32", crf=0, batch_size=8)
UPSTREAM = dict(box=FACE_BOX, own_mouths=False)
COMPACT = dict(checkpoint="compact", own_mouths=False, passes=2)
PAIR = dict(face="all", output_size="480x360", fit="letterbox")

# name: (clip, sound, parameters of the run, parameters of a restoration or None)
CASES = {
    "upstream_feather": ("test_card", "tone", UPSTREAM | dict(pads="4,14,6,2"), None),
    "upstream_box": ("test_card", "tone", UPSTREAM | dict(blend="box"), None),
    "pause": ("test_card", "pause", COMPACT | dict(box=FACE_BOX), None),
    "restored_compact": ("person", "speech", COMPACT, dict(restorer="compact")),
    "restored_sharpen": ("person", "speech", COMPACT, dict(restorer="sharpen")),
    "own_mouths": ("talking", "later", COMPACT | dict(own_mouths=True), None),
    "two_faces": ("pair", "speech", COMPACT | PAIR, None),
    "no_face_between": ("gap", "speech", COMPACT | dict(length="video"), None),
}


def make_clip(kind: str, path: Path) -> str:
    if kind == "test_card":
        return made_clip(path, "25", 0.6, "160x120", *map(str, EXACT))

    if kind == "talking":  # the sample's mouth hardly moves by itself
        audio = make_sound("first", path.with_name("first.wav"))
        given = dict(video=SAMPLE_VIDEO, audio=audio, run_dir=str(path.parent / "first"))
        run.lipsync(params.build(**given, **COMPACT, **FIXED))
        return str(path.parent / "first" / "lipsync.mp4")

    filters = {
        "person": "scale=240:240",
        "pair": "scale=240:240,split[a][b];[b]hflip[c];[a][c]hstack",
        "gap": "scale=240:240,split=3[a][b][c];[b]drawbox=c=black:t=fill[n];[a][n][c]concat=n=3",
    }
    ffmpeg("-t", 0.4, "-i", SAMPLE_VIDEO, "-filter_complex", filters[kind], *EXACT, path)
    return str(path)


def make_sound(kind: str, path: Path) -> str:
    if kind == "tone":
        return write_wave(path, tone(0.9))
    start, seconds = {"first": (0, 2.0), "later": (3.0, 1.4)}.get(kind, (0.5, 0.6))
    silence = ("-af", "apad=pad_dur=0.6") if kind == "pause" else ()
    ffmpeg("-ss", start, "-t", seconds, "-i", SAMPLE_SPEECH, *silence, path)
    return str(path)


def origin() -> dict[str, str]:
    """What the bits of a frame depend on."""
    version = subprocess.check_output([media.ffmpeg_exe(), "-version"], text=True)
    listed = Path("/proc/cpuinfo")
    models = re.findall(r"^model.*?: (.*)", listed.read_text(), re.M) if listed.exists() else []
    return dict(
        torch=torch.__version__,
        numpy=np.__version__,
        opencv=cv2.__version__,
        ffmpeg=version.split()[2],
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        processor=", ".join(models[:2]) or platform.processor(),
    )


def describe(path: Path) -> dict:
    """Shape, hash and thumbnails of a video's frames."""
    frames = np.stack(list(media.read_frames(path, media.probe(path).fps)))
    chosen = np.unique(np.linspace(0, len(frames) - 1, THUMBNAILS).round().astype(int))
    grey = (cv2.cvtColor(frames[n], cv2.COLOR_RGB2GRAY) for n in chosen)
    small = [cv2.resize(image, THUMBNAIL, interpolation=cv2.INTER_AREA) for image in grey]
    return dict(
        shape="x".join(map(str, frames.shape)),
        sha256=hashlib.sha256(frames.tobytes()).hexdigest()[:16],
        thumbnails=np.stack(small).tobytes().hex(),
    )


def renew(name: str, found: dict) -> None:
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else dict(cases={})
    commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True)
    golden["origin"] = dict(commit=commit.strip()) | origin()
    golden["cases"][name] = found
    GOLDEN.write_text(json.dumps(golden, indent=1) + "\n")


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", CASES)
def test_frames_are_those_of_the_golden_file(name, tmp_path, one_thread, seeded_wav2lip):
    clip, sound, values, restoration = CASES[name]
    given = dict(checkpoint=seeded_wav2lip, run_dir=str(tmp_path / "run")) | FIXED | values
    given |= dict(video=make_clip(clip, tmp_path / "clip.mkv"))
    run.lipsync(params.build(**given, audio=make_sound(sound, tmp_path / "sound.wav")))
    if restoration:
        run.restore(params.build(run_dir=given["run_dir"], **restoration))

    found = describe(tmp_path / "run" / ("restored.mp4" if restoration else "lipsync.mp4"))
    if RENEW in os.environ:
        return renew(name, found)

    golden = json.loads(GOLDEN.read_text())
    expected = golden["cases"][name]
    assert found["shape"] == expected["shape"]
    if all(value == golden["origin"][key] for key, value in origin().items() if key in DECIDING):
        assert found["sha256"] == expected["sha256"]
    else:
        grey = [np.frombuffer(bytes.fromhex(x["thumbnails"]), "u1") for x in (found, expected)]
        assert np.abs(grey[0].astype(float) - grey[1]).mean() <= TOLERANCE


if __name__ == "__main__":
    os.environ[RENEW] = "1"
    GOLDEN.unlink(missing_ok=True)
    sys.exit(pytest.main([__file__]))
