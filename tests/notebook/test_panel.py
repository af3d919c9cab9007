"""Work in a thread: progress, a stop, errors in one line."""

import sys

import ipywidgets
import pytest

from helpers.errors import InputError, Stopped
from helpers.notebook import panel, stages


@pytest.fixture
def board() -> panel.Panel:
    return panel.Panel(ipywidgets.Button(description="Run"), [ipywidgets.Button()])


def ready(board: panel.Panel) -> bool:
    return board.stop_button.disabled and not any(b.disabled for b in (board.main, *board.others))


def test_work_shows_what_it_returns_and_what_it_says(board):
    def work():
        assert not ready(board) and not board.stop_button.disabled
        print("a <remark>", file=sys.stderr)
        print("a <remark>", file=sys.stderr)
        board.progress("x, ")("draw", 3, 4)
        return panel.line("made")

    board.start(work)
    board.wait()
    assert "made" in board.result.children[0].value and ready(board)
    assert board.remarks.value.count("a &lt;remark&gt;") == 1
    assert (board.status.value, board.bar.value) == ("x, drawing: 3 of 4", 0.75)


def test_a_stop_ends_the_work_at_its_next_batch(board):
    told = []

    def work():
        show = board.progress()
        show("draw", 1, 4)
        board.stop()
        told.append("last")
        show("draw", 2, 4)
        told.append("too late")

    board.start(work)
    board.wait()
    assert told == ["last"] and ready(board) and board.result.children == ()
    assert board.main.description == "Go on" and board.status.value.startswith("stopped by you")

    board.start(lambda: panel.line("made"))
    board.wait()
    assert board.main.description == "Run" and board.result.children


def test_the_line_of_a_stopped_run_is_shown(board):
    def work():
        raise Stopped("stopped at 128 of 750 frames; run again to go on")

    board.start(work)
    board.wait()
    assert board.status.value == "stopped at 128 of 750 frames; run again to go on"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("no such file: <b>"), "no such file: &lt;b&gt;"),
        (ZeroDivisionError("x"), "this should not happen (ZeroDivisionError: x)"),
    ],
)
def test_an_error_is_one_line(board, error, words):
    def work():
        raise error

    board.start(work)
    board.wait()
    (line,) = board.result.children
    assert words in line.value and panel.RED in line.value and "Traceback" not in line.value
    assert board.status.value == "nothing was made" and ready(board)


def test_time_left_follows_each_stage(monkeypatch):
    now = iter([0.0, 10.0, 100.0, 101.0, 200.0])
    monkeypatch.setattr(stages.time, "monotonic", lambda: next(now))
    told = []
    show = stages.in_words(lambda *line: told.append(line), "first, ")
    show("faces", 0, 50)
    show("faces", 10, 50)
    show("draw", 100, 500)
    show("draw", 101, 500)
    show("finish", 1, 1)
    assert told == [
        ("first, finding faces: 0 of 50", 0.0),
        ("first, finding faces: 10 of 50, about 40 s left", 0.2),
        ("first, drawing: 100 of 500", 0.2),
        ("first, drawing: 101 of 500, about 7 min left", 0.202),
        ("first, putting the video together", 1.0),
    ]
