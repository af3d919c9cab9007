"""The parameter sweep: its grid, its order, its page."""

import json
from pathlib import Path

import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import run
from helpers.cli import main
from helpers.errors import ParameterError
from helpers.notebook import report, sweep


def test_a_grid_is_all_combinations():
    made = sweep.grid(["output_size=480,720", "smooth=true,false"])
    assert len(made) == 4 and made[1] == dict(output_size="480", smooth="false")


def test_equal_combinations_are_run_once_and_said(capsys):
    assert sweep.grid(["smooth=true,True,no"]) == [dict(smooth="true"), dict(smooth="no")]
    assert "run once: {'smooth': 'True'}" in capsys.readouterr().err


def test_values_that_hold_commas_can_be_swept():
    boxes = ["0,0,90,90", "10,10,80,80"]
    assert sweep.grid(["box=" + ";".join(boxes)]) == [dict(box=box) for box in boxes]
    assert sweep.grid(["pads=0,20,0,0"]) == [dict(pads="0,20,0,0")]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["output_size"], "name=value"),
        (["ouput_size=1"], "did you mean output_size"),
        (["run_dir=a,b"], "run_dir"),
        (["crf=18,99"], "crf=99"),
        (["box=1,2;3,4"], "box=1,2 is not 4 numbers"),
    ],
)
def test_wrong_grids_are_told(texts, words):
    with pytest.raises(ParameterError, match=words):
        sweep.grid(texts)


@pytest.fixture
def pretend_runs(monkeypatch):
    """Call with a row of measures for each run; then they are what the runs measure."""

    def use(*measured, source=None):
        rows = iter(measured)

        def stands_in(run_dir):
            folder = Path(run_dir)
            folder.mkdir(parents=True)
            quality = [dict(source or {}, video="source"), dict(next(rows), video="restored")]
            (folder / "quality.json").write_text(json.dumps(dict(quality=quality)))

        monkeypatch.setattr(run, "lipsync_and_restore", lambda p: None)
        monkeypatch.setattr(report, "write", stands_in)
        monkeypatch.setattr(sweep, "_contact_sheet", lambda out, rows: "data:,")

    return use


def order(folder, combinations, sort):
    sweep.sweep("v", "a", folder, combinations, sort)
    rows = json.loads((folder / "sweep.json").read_text())["rows"]
    return [row["crf"] for row in rows]


def test_rows_are_sorted_by_a_parameter_as_numbers(tmp_path, pretend_runs):
    pretend_runs({}, {}, {})
    assert order(tmp_path, sweep.grid(["crf=35,9,18"]), "crf") == ["9", "18", "35"]


@pytest.mark.parametrize(
    ("sort", "values", "best"),
    [
        ("sync_confidence", (0.1, 0.3, 0.2), ["9", "18", "35"]),
        ("niqe", (7.0, 5.0, 6.0), ["9", "18", "35"]),
        ("sync_offset", (-3, 1, 2), ["9", "18", "35"]),
        ("sharpness_mouth", (14.0, 9.5, 8.0), ["9", "18", "35"]),  # the source has 10
        ("lse_d", (None, 8.0, None), ["9", "35", "18"]),
    ],
)
def test_the_best_comes_first(tmp_path, pretend_runs, sort, values, best):
    pretend_runs(*({sort: value} for value in values), source={sort: 10.0})
    assert order(tmp_path, sweep.grid(["crf=35,9,18"]), sort) == best


def test_a_misspelt_measure_is_refused_before_any_run(tmp_path, pretend_runs, capsys):
    pretend_runs()
    grid = ["--grid", "crf=20,30", "--out", str(tmp_path / "out"), "--sort", "sync_confidense"]
    assert main(["sweep", "v.mp4", "a.wav", *grid]) == 2
    assert "did you mean sync_confidence?" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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
    assert page.count("report.html") == 2 and page.count("<video ") == 2
    assert "data:image/png" in page and "160x120" in page
