"""Inputs and run folders at addresses."""

import json
from pathlib import Path

import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import media, run, storage
from helpers.cli import main
from helpers.errors import InputError, RunError

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """An empty storage, and a cache of its own."""
    monkeypatch.setenv(storage.CACHE, str(tmp_path / "cache"))
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def test_a_file_is_copied_once_while_it_does_not_change(bucket, tmp_path):
    bucket.pipe("memory://box/a.txt", b"one")
    first = media.local_path("memory://box/a.txt")
    copied = Path(first).stat().st_mtime_ns
    assert Path(first).read_bytes() == b"one" and Path(first).name == "a.txt"
    assert media.local_path("memory://box/a.txt") == first
    assert Path(first).stat().st_mtime_ns == copied

    bucket.pipe("memory://box/a.txt", b"three")
    assert Path(media.local_path("memory://box/a.txt")).read_bytes() == b"three"


def test_what_is_not_there_is_told_in_one_line(bucket):
    with pytest.raises(InputError, match="memory://box/none.mp4 cannot be read") as caught:
        media.local_path("memory://box/none.mp4")
    assert "\n" not in str(caught.value)


def test_a_run_from_and_to_a_storage(bucket, tmp_path, capsys, monkeypatch):
    clip = made_clip(tmp_path / "clip.mkv", "25", 0.4)
    speech = write_wave(tmp_path / "speech.wav", tone(0.4))
    bucket.put_file(str(clip), "memory://box/clip.mkv")
    bucket.put_file(str(speech), "memory://box/speech.wav")
    bucket.pipe("memory://box/run/mine.txt", b"mine")
    where = ["memory://box/clip.mkv", "memory://box/speech.wav", "--out", "memory://box/run"]
    options = ["--no-notebooks", "-p", f"box={FACE_BOX}", "-p", "restorer=none"]

    assert main(["run", *where, *options]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["lipsync"] == "memory://box/run/lipsync.mp4"
    made = bucket.cat("memory://box/run/lipsync.mp4")
    assert bucket.cat("memory://box/run/mine.txt") == b"mine"
    assert bucket.exists("memory://box/run/run.json")

    monkeypatch.setattr(media, "write_video", lambda *_: pytest.fail("rendered again"))
    assert main(["run", *where, *options]) == 0
    assert bucket.cat("memory://box/run/lipsync.mp4") == made


def test_a_batch_of_addresses_is_resumed(bucket, tmp_path, monkeypatch):
    bucket.put_file(str(made_clip(tmp_path / "clip.mkv", "25", 0.4)), "memory://box/clip.mkv")
    bucket.put_file(str(write_wave(tmp_path / "s.wav", tone(0.4))), "memory://box/s.wav")
    jobs = tmp_path / "jobs.csv"
    jobs.write_text("video,audio\nmemory://box/clip.mkv,memory://box/s.wav\n")
    where = [str(jobs), "--out", str(tmp_path / "out")]
    options = ["-p", f"box={FACE_BOX}", "-p", "restorer=none"]

    assert main(["batch", *where, *options]) == 0
    monkeypatch.setattr(media, "write_video", lambda *_: pytest.fail("rendered again"))
    assert main(["batch", *where, "--resume", *options]) == 0
    bucket.pipe("memory://box/s.wav", b"another")
    assert main(["batch", *where, "--resume", *options]) == 3


def test_a_run_that_broke_off_leaves_its_segments_there(bucket):
    with pytest.raises(KeyboardInterrupt), storage.mirrored("memory://box/run") as folder:
        Path(folder, run.UNFINISHED).mkdir()
        Path(folder, run.UNFINISHED, "000000.mp4").write_bytes(b"part")
        raise KeyboardInterrupt

    with storage.mirrored("memory://box/run") as folder:
        part = Path(folder, run.UNFINISHED, "000000.mp4")
        assert part.read_bytes() == b"part"
        part.unlink()

    assert bucket.find("memory://box/run") == []


def test_a_storage_that_cannot_be_written_is_told(bucket, monkeypatch):
    def full(*_, **__):
        raise OSError("no space\nleft")

    monkeypatch.setattr(type(bucket), "put_file", full)
    with (
        pytest.raises(RunError, match="memory://box/run cannot be written .no space left"),
        storage.mirrored("memory://box/run") as folder,
    ):
        Path(folder, "a").write_text("x")


def test_a_folder_of_this_machine_is_itself(tmp_path):
    with storage.mirrored(str(tmp_path)) as folder:
        assert folder == str(tmp_path)
