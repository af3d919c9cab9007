"""Everything that can be wrong with an input: one line, exit status 2, no half-written result."""

import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support import FACE_BOX, SAMPLE_SPEECH, SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave

from helpers import checkpoints, media, params, run
from helpers.errors import LipSyncError
from helpers.media.ffmpeg import give_up

BLANK = np.full((96, 128, 3), 128, np.uint8)


def text_file(folder: Path, name: str, text: str = "these are words") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def no_frames(folder: Path) -> str:
    """A video stream in name only: an mp4 whose media data has been cut away."""
    whole = Path(made_clip(folder / "whole.mp4", "25", 0.4))
    data = whole.read_bytes()
    start = data.index(b"mdat")
    (folder / "hollow.mp4").write_bytes(data[: start + 4] + bytes(len(data) - start - 4))
    return str(folder / "hollow.mp4")


def grey(folder: Path) -> str:
    cv2.imwrite(str(folder / "grey.png"), BLANK)
    return str(folder / "grey.png")


def silent_track(folder: Path) -> str:
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=16000:d=0", "-t", "0", folder / "empty.wav")
    return str(folder / "empty.wav")


def saved(folder: Path, name: str, value) -> str:
    torch.save(value, folder / name)
    return str(folder / name)


def scripted(folder: Path) -> str:
    torch.jit.script(torch.nn.Linear(2, 2)).save(folder / "script.pth")
    return str(folder / "script.pth")


def cut_off(folder: Path) -> str:
    data = checkpoints.locate("compact").path.read_bytes()
    (folder / "cut.safetensors").write_bytes(data[: len(data) // 2])
    return str(folder / "cut.safetensors")


def file_in_the_way(folder: Path) -> str:
    return text_file(folder, "taken") + "/run"


CASES = {
    "no such file": (lambda f: dict(video=f / "none.mp4"), "none.mp4"),
    "a folder": (lambda f: dict(video=f), "is a folder"),
    "not a video": (lambda f: dict(video=text_file(f, "notes.mp4")), "notes.mp4 is not a video"),
    "empty file": (lambda f: dict(video=text_file(f, "empty.mp4", "")), "empty.mp4 is empty"),
    "no frames": (lambda f: dict(video=no_frames(f)), "hollow.mp4"),
    "sound as video": (lambda f: dict(video=SAMPLE_SPEECH), "sound only"),
    "no face": (
        lambda f: dict(video=grey(f), box=""),
        "no face found by retinaface.*allow_no_face=true",
    ),
    "nobody has this number": (lambda f: dict(video=SAMPLE_VIDEO, box="", face="3"), "face=3"),
    "no sound track": (
        lambda f: dict(audio=made_clip(f / "mute.mp4", "25", 0.4)),
        "no sound track",
    ),
    "empty sound": (lambda f: dict(audio=silent_track(f)), "empty.wav"),
    "unreadable sound": (lambda f: dict(audio=text_file(f, "words.wav")), "words.wav"),
    "unknown parameter": (lambda f: dict(smoth="true"), "did you mean smooth"),
    "unknown value": (lambda f: dict(fill="pingpog"), "did you mean pingpong"),
    "impossible crop": (lambda f: dict(crop="0,0,4000,10"), "crop=0,0,4000,10"),
    "impossible box": (lambda f: dict(box="0,0,4000,10"), "box=0,0,4000,10"),
    "crop of no numbers": (lambda f: dict(crop="nan,0,10,10"), "crop=nan,0,10,10"),
    "pads of no numbers": (lambda f: dict(pads="nan,0,0,0"), "pads=nan,0,0,0"),
    "quality without end": (lambda f: dict(crf="inf"), "crf=inf"),
    "size of no digits": (lambda f: dict(output_size="²00"), "output_size=²00"),
    "weights missing": (lambda f: dict(checkpoint=f / "none.pth"), "none.pth"),
    "weights not fetched": (lambda f: dict(checkpoint="wav2lip"), "weights fetch wav2lip"),
    "weights cut off": (lambda f: dict(checkpoint=cut_off(f)), "cut.safetensors is damaged"),
    "weights are a page": (
        lambda f: dict(checkpoint=text_file(f, "page.pth", "<html>no</html>")),
        "web page",
    ),
    "weights scripted": (lambda f: dict(checkpoint=scripted(f)), "TorchScript"),
    "other architecture": (
        lambda f: dict(checkpoint=saved(f, "o.pth", {"a": torch.zeros(2)})),
        "another architecture",
    ),
    "a judge as generator": (lambda f: dict(checkpoint="sync-compact"), "no lip-sync network"),
    "weights are no tensors": (
        lambda f: dict(checkpoint=saved(f, "n.pth", {"a": 1})),
        "no state dict",
    ),
    "folder not writable": (lambda f: dict(run_dir=file_in_the_way(f)), "cannot be written"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line(tmp_path, name):
    make, words = CASES[name]
    good = dict(
        video=made_clip(tmp_path / "good.mkv", "25", 0.4),
        audio=write_wave(tmp_path / "good.wav", tone(0.4)),
    )
    usual = dict(run_dir=tmp_path / "run", box=FACE_BOX, checkpoint="compact")
    values = good | usual | make(tmp_path)
    inputs = set(tmp_path.rglob("*"))

    with pytest.raises(LipSyncError, match=words) as caught:
        run.lipsync(params.build(**values))
    assert caught.value.exit_status == 2 and "\n" not in str(caught.value)

    left = {path.name for path in set(tmp_path.rglob("*")) - inputs if path.is_file()}
    assert left <= {"run.json"}


def test_a_gpu_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    values = dict(
        video=made_clip(tmp_path / "a.mkv", "25", 0.4),
        audio=write_wave(tmp_path / "a.wav", tone(0.4)),
    )
    p = params.build(**values, run_dir=tmp_path / "run", device="cuda", checkpoint="compact")
    with pytest.raises(LipSyncError, match="device=cuda: torch finds no GPU here") as caught:
        run.lipsync(p)
    assert caught.value.exit_status == 2 and not list(tmp_path.rglob("lipsync.mp4"))


def test_a_folder_of_another_input(tmp_path):
    values = dict(
        video=made_clip(tmp_path / "a.mkv", "25", 0.4),
        audio=write_wave(tmp_path / "a.wav", tone(0.4)),
    )
    run.open_folder(params.build(**values, run_dir=tmp_path / "run"))
    other = made_clip(tmp_path / "b.mkv", "30", 0.4)
    with pytest.raises(LipSyncError, match="belongs to another video.*a.mkv"):
        run.lipsync(params.build(**dict(values, video=other), run_dir=tmp_path / "run"))


@pytest.mark.parametrize("where", ["plan", "mux"])
def test_a_full_disk(tmp_path, monkeypatch, where):
    values = dict(
        video=made_clip(tmp_path / "a.mkv", "25", 0.4),
        audio=write_wave(tmp_path / "a.wav", tone(0.4)),
    )

    def full(*args, **more):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    owner, name = {"plan": (np, "savez"), "mux": (media, "mux")}[where]
    monkeypatch.setattr(owner, name, full)
    p = params.build(**values, run_dir=tmp_path / "run", box=FACE_BOX, checkpoint="compact")
    with pytest.raises(LipSyncError, match="disk is full.*run") as caught:
        run.lipsync(p)
    assert caught.value.exit_status == 2 and not list(tmp_path.rglob("lipsync.mp4"))


def test_what_ffmpeg_says_of_a_full_disk_is_understood(tmp_path):
    words = (  # of ffmpeg 7
        "[out#0/mp4 @ 0x1] Error writing trailer: No space left on device\nConversion failed!"
    )
    with pytest.raises(OSError) as caught:
        give_up(tmp_path / "a.part.mp4", tmp_path / "a.mp4", words)
    assert caught.value.errno == errno.ENOSPC
