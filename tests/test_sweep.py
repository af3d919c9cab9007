"""The parameter sweep: its grid, its table, its page."""

import json

import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers.errors import ParameterError
from helpers.notebook import sweep


def test_a_grid_is_all_combinations():
    made = sweep.grid(["output_size=480,720", "smooth=true,false"])
    assert len(made) == 4 and made[1] == dict(output_size="480", smooth="false")


@pytest.mark.parametrize("texts, words", [
    (["output_size"], "name=value"), (["ouput_size=1"], "did you mean output_size"), (["run_dir=a,b"], "run_dir"),
    (["crf=18,99"], "crf=99"),
])  # fmt: skip
def test_wrong_grids_are_told(texts, words):
    with pytest.raises(ParameterError, match=words):
        sweep.grid(texts)


@pytest.mark.notebook
def test_a_sweep_compares_and_goes_on_after_a_failure(tmp_path):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.8)
    speech = write_wave(tmp_path / "s.wav", tone(0.8))
    combinations = sweep.grid(["crf=35,10", "restorer=none"])
    combinations = [dict(c, box=FACE_BOX) for c in combinations] + [dict(box="0,0,999,9")]
    result = sweep.sweep(video, speech, tmp_path / "out", combinations, "psnr_outside")
    assert result["best"]["crf"] == "10"
    rows = json.loads((tmp_path / "out" / "sweep.json").read_text())["rows"]
    assert [r.get("crf") for r in rows] == ["10", "35", None] and "160x120" in rows[2]["error"]
    assert rows[0]["psnr_outside"] > rows[1]["psnr_outside"] > 20
    page = (tmp_path / "out" / "sweep.html").read_text()
    assert page.count("report.html") == 2 and "data:image/png" in page and "160x120" in page
