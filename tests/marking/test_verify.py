"""What is read back from a result, and from what becomes of it."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from support import SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave

from helpers.cli import main
from helpers.marking import certificate

pytestmark = pytest.mark.slow

GONE = "the C2PA manifest that it was made with is gone"
DIFFERENT = r"drawbox=enable='eq(n,20)':x=100:y=60:w=140:h=120:t=fill:color=black"


def told(capsys, *arguments: object) -> tuple[int, dict[str, tuple[str, str]], str]:
    """Exit status, rows by what they are about (state, details), and the last line."""
    status = main(["verify", *map(str, arguments)])
    printed = capsys.readouterr().out.splitlines()
    if not printed:
        return status, {}, ""

    state, details = (printed[0].index(name) for name in ("state", "details"))
    rows = {
        line[:state].strip(): (line[state:details].strip(), line[details:])
        for line in printed[1:-2]
    }
    return status, rows, printed[-1]


@pytest.fixture
def result(marked) -> Path:
    return marked / "lipsync.mp4"


@pytest.fixture
def sidecar(result) -> Path:
    return result.with_name("lipsync.mp4.json")


def test_a_fresh_result_is_as_it_was_made(result, capsys):
    status, rows, last = told(capsys, result)
    assert (status, last) == (0, "as it was made")
    assert "re-drawn by software" in rows["comment"][1]
    assert rows["C2PA manifest"] == ("valid", "")
    assert rows["signed by"][0] == "this machine's own test certificate"
    assert [rows[what][0] for what in ("file", "pictures", "sound")] == ["as made"] * 3
    assert rows["consent"] == ("signed", "the speaker, by GRID's licence")
    assert rows["label"] == ("signed", "lips re-drawn")
    assert rows["lips re-drawn"] == ("signed", "frames 0 to 49 of 50")
    assert rows["video"][1].startswith("clip.mp4, SHA-256 ")


@pytest.mark.parametrize(
    ("name", "how", "pictures", "said"),
    [
        (
            "remuxed.mp4",
            ("-map", "0", "-c", "copy"),
            ("as made", "all 50 frames, the same pixels"),
            f"{GONE}; re-muxed or re-tagged: the same pictures and sound in another file",
        ),
        (
            "remuxed.mkv",
            ("-map", "0", "-c", "copy"),
            ("as made", "all 50 frames, the same pixels"),
            f"{GONE}; re-muxed or re-tagged: the same pictures and sound in another file",
        ),
        (
            "encoded.mp4",
            ("-crf", 23),
            ("changed", "all 50 frames, encoded again"),
            f"{GONE}; pictures: all 50 frames, encoded again",
        ),
        (
            "small.mp4",
            ("-crf", 28, "-vf", "scale=192:-2", "-r", 30, "-c:a", "copy"),
            ("changed", "all 50 frames, encoded again"),
            f"{GONE}; pictures: all 50 frames, encoded again",
        ),
        (
            "trimmed.mp4",
            ("-ss", "0.4", "-t", "1.2", "-crf", 20),
            ("changed", "trimmed: frames 10 to 39 of 50, encoded again"),
            "pictures: trimmed: frames 10 to 39 of 50",
        ),
        (
            "cut.mp4",
            ("-t", "1", "-c:v", "copy"),
            ("changed", "trimmed: frames 0 to 2"),  # of which the last lack some they refer to
            "sound: encoded again, cut or another",
        ),
        (
            "changed.mp4",
            ("-crf", 18, "-vf", DIFFERENT),
            ("changed", "all 50 frames, encoded again"),
            "other pictures in frame 20; sound",
        ),
        ("silent.mp4", ("-an", "-c", "copy"), ("as made", "all 50 frames"), "sound: gone"),
    ],
)
def test_what_was_done_to_it_is_told(name, how, pictures, said, result, sidecar, tmp_path, capsys):
    ffmpeg("-i", result, *how, tmp_path / name)
    shutil.copy(sidecar, tmp_path / f"{name}.json")
    status, rows, last = told(capsys, tmp_path / name)
    assert status == 1 and said in last
    assert "re-drawn by software" in rows["comment"][1]
    assert rows["C2PA manifest"] == ("missing", "it was made with one")
    assert rows["file"][0] == "changed" and rows["consent"][0] == "not signed"
    assert rows["pictures"][0] == pictures[0] and rows["pictures"][1].startswith(pictures[1])
    assert "other pictures" not in last or name in ("changed.mp4", "cut.mp4")


def test_a_changed_byte_breaks_the_signature(result, sidecar, tmp_path, capsys):
    changed = bytearray(result.read_bytes())
    changed[len(changed) // 2] ^= 255
    (tmp_path / "changed.mp4").write_bytes(changed)
    status, rows, last = told(capsys, tmp_path / "changed.mp4", "--sidecar", sidecar)
    assert status == 1 and "bytes of the file were changed after signing" in last
    assert rows["C2PA manifest"][0] == "invalid" and rows["file"][0] == "changed"
    assert told(capsys, tmp_path / "changed.mp4")[0] == 1  # without the sidecar, too


def test_a_lost_sidecar(result, tmp_path, capsys):
    """The signed manifest tells the same; where that is lost, too, nothing does."""
    copy = shutil.copy(result, tmp_path / "copy.mp4")
    status, rows, last = told(capsys, copy)
    assert (status, last) == (0, "as it was made")
    assert rows["sidecar"] == ("missing", "the manifest tells the facts")
    assert rows["consent"][0] == "signed" and "pictures" not in rows

    ffmpeg("-i", copy, "-c", "copy", tmp_path / "bare.mp4")
    status, rows, last = told(capsys, tmp_path / "bare.mp4")
    assert status == 1 and "nothing in it or beside it says how it was made" in last
    assert "re-drawn by software" in rows["comment"][1] and rows["sidecar"] == ("missing", "")


def test_a_forged_sidecar(result, sidecar, tmp_path, capsys):
    copy = shutil.copy(result, tmp_path / "copy.mp4")
    forged = json.loads(sidecar.read_text())
    forged["facts"]["consent"] = "everybody \x1b[2J"
    Path(f"{copy}.json").write_text(json.dumps(forged))
    status, rows, last = told(capsys, copy)
    assert status == 1 and "the sidecar and the signed manifest differ in consent" in last
    assert rows["sidecar"][0] == "another" and rows["consent"] == ("not signed", "everybody ?[2J")


def test_another_video_beside_the_sidecar(sidecar, tmp_path, capsys):
    ffmpeg("-t", 2, "-i", SAMPLE_VIDEO, tmp_path / "other.mp4")
    status, rows, last = told(capsys, tmp_path / "other.mp4", "--sidecar", sidecar)
    assert status == 1 and "another video" in rows["pictures"][1]
    assert rows["comment"] == ("missing", "")


def test_who_signed_it(result, tmp_path, capsys, monkeypatch):
    """Its own machine, one that knows nothing of it, and one that trusts it."""
    pem = certificate.own_path().read_bytes()
    (tmp_path / "authority.pem").write_bytes(pem[pem.rindex(b"-----BEGIN CERT") :])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    status, rows, _ = told(capsys, result)
    assert (status, rows["signed by"][0]) == (0, "not known here")
    status, rows, _ = told(capsys, result, "--trust", tmp_path / "authority.pem")
    assert (status, rows["signed by"][0]) == (0, "trusted")
    assert not (tmp_path / "elsewhere").exists()  # looking makes no certificate


def test_without_the_package_c2pa(result, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    status, rows, _ = told(capsys, result)
    assert status == 0 and rows["C2PA manifest"][0] == "not looked at"
    assert "c2pa-python cannot be loaded" in rows["C2PA manifest"][1]
    assert rows["file"][0] == "as made" and rows["consent"][0] == "not signed"


def test_a_clip_that_was_never_made_here(tmp_path, capsys):
    status, rows, last = told(capsys, made_clip(tmp_path / "clip.mp4", "25", 0.4))
    assert status == 1 and "nothing in it or beside it says how it was made" in last
    assert rows == {name: ("missing", "") for name in ("comment", "C2PA manifest", "sidecar")}


@pytest.mark.parametrize("text", [
    "no JSON", "[]", "{}", '{"facts": {}, "fingerprint": {}}',
    '{"facts": {}, "fingerprint": {"fps": "0/0", "exact": "", "looks": "", "sound": ""}}',
])  # fmt: skip
def test_a_sidecar_that_is_none_is_told(text, result, tmp_path, capsys):
    copy = shutil.copy(result, tmp_path / "copy.mp4")
    Path(f"{copy}.json").write_text(text)
    assert main(["verify", str(copy)]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and "copy.mp4.json is no sidecar" in printed.err


def test_bad_input_is_told(result, tmp_path, capsys):
    sound = write_wave(tmp_path / "sound.wav", tone(0.2))
    (tmp_path / "text.pem").write_text("none")
    for arguments, words in (
        ([tmp_path / "gone.mp4"], "gone.mp4"),
        ([sound], "is no video"),
        ([result, "--sidecar", tmp_path / "gone.json"], "gone.json is no sidecar"),
        ([result, "--trust", tmp_path / "gone.pem"], "gone.pem"),
        ([result, "--trust", tmp_path / "text.pem"], "no certificate"),
        ([os.devnull], os.devnull),
    ):
        assert main(["verify", *map(str, arguments)]) == 2
        printed = capsys.readouterr()
        assert printed.out == "" and printed.err.count("\n") == 1 and words in printed.err
