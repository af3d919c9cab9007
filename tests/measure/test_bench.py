"""The bench's figures that do not depend on the machine."""

import pytest
from support import made_clip

from helpers.errors import NoFaceError
from helpers.measure.bench import ratios
from helpers.measure.bench_restorers import restorer_times
from helpers.measure.bench_stages import milliseconds


@pytest.mark.parametrize("lend, summed", [({}, 30), (dict(lend=2), 16)])
def test_a_donors_mouth_gets_one_pass(lend, summed):
    alone = dict(decode=4, encode=6, compact=20, compact_one_pass=4) | lend
    upstream = dict(upstream_fp32=9, upstream_fastest=3)
    runs = [
        dict(seconds=9, frames=1, peak_mb=100),
        dict(seconds=2 * summed / 1000 * 50, frames=50, peak_mb=150),
    ]
    assert ratios(alone | upstream, runs) == dict(
        whole_to_summed_stages=2.0, peak_memory_last_to_first=1.5, upstream_fp32_to_fastest=3.0
    )


def test_work_is_warmed_up_and_repeated():
    calls = []
    milliseconds(lambda: calls.append(1), 10, 3)
    assert len(calls) == 4


def test_restorers_want_a_face(tmp_path):
    clip = made_clip(tmp_path / "clip.mkv", "25", 0.2)
    with pytest.raises(NoFaceError, match="no face in the first frame; give a clip that starts"):
        restorer_times(clip)
