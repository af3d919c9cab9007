"""Ctrl+C, SIGTERM and a full disk, told by the command line."""

import errno
import os
import signal

import pytest
from support import made_clip

from helpers import cli
from helpers.batch.page import write_page
from helpers.commands import runs


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_is_one_line(number, status, monkeypatch, capsys):
    tidied = []

    def work(args):
        try:
            os.kill(os.getpid(), number)
            pytest.fail("it went on")
        finally:
            tidied.append(True)

    monkeypatch.setattr(runs, "params", work)
    before = signal.getsignal(signal.SIGTERM)
    assert cli.main(["params"]) == status
    assert tidied and signal.getsignal(signal.SIGTERM) == before
    said = capsys.readouterr().err
    assert said == "stopped; the same command goes on from what is finished\n"


@pytest.mark.parametrize("command", [
    ["run", "a", "b", "--out", "FOLDER"], ["batch", "a", "--out", "FOLDER"],
    ["train", "expert", "--data", "a", "--out", "FOLDER"], ["report", "FOLDER"],
])  # fmt: skip
def test_a_full_disk_is_one_line_of_every_command(command, monkeypatch, capsys):
    def full(args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for module, name in (("runs", "run"), ("runs", "report"), ("batch", "run_batch")):
        monkeypatch.setattr(f"helpers.commands.{module}.{name}", full)
    monkeypatch.setattr("helpers.commands.train.train", full)
    assert cli.main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the disk is full: FOLDER could") and said.count("\n") == 1


def test_names_and_errors_are_escaped_on_a_batchs_page(tmp_path):
    tag = "<script>alert(1)</script>"
    values = dict(video=tag, audio="a", crf=tag)
    rows = [dict(row=1, values=values, folder=tag, state="failed", error=f"no {tag}: '\"")]
    page = write_page(tmp_path, rows).read_text()
    assert "<script" not in page and page.count("&lt;script&gt;") == 3


def test_names_are_escaped_under_a_player(tmp_path, monkeypatch):
    from helpers.notebook import player

    monkeypatch.setattr(player, "playable", lambda path: b"")
    path = made_clip(tmp_path / "<img src=x onerror=alert(1)>.mp4", "25", 0.2)
    shown = player.show_video(path).data
    assert "<img" not in shown and "&lt;img src=x onerror=alert(1)&gt;.mp4" in shown
