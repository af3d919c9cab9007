"""The quality table in words."""

import pytest

from helpers.measure.measures import MEASURES
from helpers.notebook import plots, verdicts


@pytest.mark.parametrize(
    ("name", "value", "source", "state", "words"),
    [
        ("distance", 0.3, None, "right", "like a true clip"),
        ("distance", 2.0, None, "look", "look closer"),
        ("seam", 0.5, None, "right", "like a true clip"),
        ("seam", 1.5, None, "", "a little off"),
        ("seam", 3.0, None, "look", "look closer"),
        ("sync_offset", -1, 0, "right", "like a true clip"),
        ("sharpness_mouth", 10.5, 10.0, "right", "like a true clip"),
        ("sharpness_mouth", 8.0, 10.0, "", "a little off (-20% to the source)"),
        ("sharpness_mouth", 16.0, 10.0, "look", "look closer (+60% to the source)"),
        ("sync_confidence", 0.6, 0.4, "right", "like a true clip"),
        ("sync_confidence", 0.2, 0.4, "look", "look closer"),
        ("lse_d", 7.0, 9.0, "right", "better than the source"),
        ("lse_c", 5.0, 9.0, "look", "worse than the source"),
        ("niqe", 5.0, 5.1, "right", "as good as the source"),
        ("lse_c", 5.0, None, "", ""),
        ("frames", 50, 50, "", ""),
        ("seam", None, None, "", ""),
    ],
)
def test_a_figure_beside_the_sources(name, value, source, state, words):
    assert verdicts.verdict(name, value, source) == (state, words)


def test_every_measure_has_a_meaning():
    assert all(verdicts.MEANINGS[measure.name] for measure in MEASURES)


def test_a_table_has_a_measure_a_row():
    rows = [
        dict(video="source", frames=50),
        dict(video="lipsync", frames=50, seam=0.25, other="a<b"),
    ]
    markup = plots.quality_table(rows).data
    cells = "<td>seam</td><td></td><td>0.25</td><td>near 0</td><td>like a true clip</td>"
    assert cells in markup and "<td>a&lt;b</td>" in markup and "niqe" not in markup


def test_a_training_is_told_better_or_worse_by_what_is_good():
    before = dict(mouth_l1=0.03, mouth_psnr=26.0, sync_offset=2, flicker_ratio=0.8)
    after = dict(mouth_l1=0.02, mouth_psnr=25.0, sync_offset=2, flicker_ratio=1.3, weights="after")
    told = {
        row["measure"]: (row["good_is"], row["verdict"]) for row in verdicts.changes(before, after)
    }
    assert told == {
        "mouth l1": ("near 0", "better"),
        "mouth psnr": ("higher", "worse"),
        "sync offset": ("near 0", "the same"),
        "flicker ratio": ("near 1", "worse"),
    }
