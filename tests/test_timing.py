"""What is told of how far a run is."""

from helpers import timing
from helpers.timing import counted, share_of, stage_bars, stage_lines


def test_items_pass_and_their_number_is_told(monkeypatch):
    monkeypatch.setattr(timing, "TOLD_EVERY", 0)
    told = []
    items = list(counted(iter("abc"), lambda *args: told.append(args), "faces", 3))
    assert items == ["a", "b", "c"]
    assert told == [("faces", done, 3) for done in range(4)]


def test_parts_of_a_stage_are_told_as_shares_of_it():
    told = []
    tell = share_of(share_of(lambda *args: told.append(args), 0.5, 1), 0.2, 0.6)
    for done in (0, 5, 10):
        tell("sound", done, 10)
    assert told == [("sound", done, 1000) for done in (600, 700, 800)]


def test_a_log_gets_lines_with_the_seconds_left(capsys, monkeypatch):
    clock = iter([0, 0, 1, 10, 12, 20])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    show = stage_lines(every=5)
    for done in (0, 1, 10, 11, 20):
        show("draw", done, 40)
    assert capsys.readouterr().err.splitlines() == [
        "draw: 10 of 40, about 30 s left",
        "draw: 20 of 40, about 20 s left",
    ]


def test_each_stage_has_a_bar(capsys):
    with stage_bars() as show:
        for stage, done in [("faces", 1), ("faces", 2), ("draw", 1), ("draw", 2), ("draw", 1)]:
            show(stage, done, 2)
    said = capsys.readouterr().err
    assert "faces: 100%" in said and "draw: 100%" in said and "draw:  50%" in said
