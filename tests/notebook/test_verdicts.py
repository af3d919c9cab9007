"""The quality table in words."""

import pytest

from helpers.measure.measures import MEASURES
from helpers.notebook import plots, verdicts


@pytest.mark.parametrize(
    ("name", "value", "source", "state", "words"),
    [
        ("seam", 0.5, None, "right", "right"),
        ("seam", 1.5, None, "look", "over 1: look closer"),
        ("sync_offset", -1, 0, "right", "right"),
        ("psnr_outside", 44.0, None, "right", "hard to see"),
        ("psnr_outside", 33.0, None, "look", "may be seen: try a lower crf"),
        ("sharpness_mouth", 9.0, 10.0, "right", "like the source"),
        ("sharpness_mouth", 14.0, 10.0, "look", "+40% to the source"),
        ("sync_confidence", 0.6, 0.4, "right", "better than the source"),
        ("sync_confidence", 0.2, 0.4, "look", "worse than the source"),
        ("lse_d", 7.0, 9.0, "right", "better than the source"),
        ("niqe", 5.0, 5.1, "right", "as good as the source"),
        ("lse_c", 5.0, None, "", "higher is better"),
        ("frames", 50, 50, "", ""),
        ("seam", None, None, "", ""),
    ],
)
def test_a_figure_beside_the_sources(name, value, source, state, words):
    assert verdicts.verdict(name, value, source) == (state, words)


def test_every_measure_has_a_meaning_and_a_verdict():
    for measure in MEASURES:
        assert verdicts.MEANINGS[measure.name]
        assert verdicts.verdict(measure.name, 0.5, 0.5)[1]


def test_a_table_has_a_measure_a_row():
    rows = [
        dict(video="source", frames=50),
        dict(video="lipsync", frames=50, seam=0.25, other="a<b"),
    ]
    markup = plots.quality_table(rows).data
    cells = "<td>seam</td><td></td><td>0.25</td><td>right</td>"
    assert cells in markup and "<td>a&lt;b</td>" in markup and "niqe" not in markup
