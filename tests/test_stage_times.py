"""Seconds by stage."""

import pytest

from helpers.timing import StageTimes


def test_a_wait_is_told_as_the_work_that_was_waited_for():
    times = StageTimes()
    times["blend"] = 1.0
    times["draw"] = 3.0
    times.share_out("draw", dict(network=8.0, blend=4.0))
    assert times == pytest.approx(dict(blend=2.0, network=2.0))


def test_a_wait_for_nothing_is_nobodys():
    times = StageTimes()
    times["draw"] = 3.0
    times.share_out("draw", {})
    assert times == {}
