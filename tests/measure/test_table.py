"""The quality table of a run: what is measured, once, on which results."""

import math
from pathlib import Path

import numpy as np
import pytest
from support import made_clip, tone, write_wave

from helpers import media, params, run
from helpers.errors import RunError
from helpers.measure import table
from helpers.measure.measures import MEASURES, ClipMeasure, FrameMeasure
from helpers.measure.table import flicker_curves, measure_run


@pytest.fixture
def short_run(small_run, tmp_path):
    """Run 02 on a second of a made clip without sound; returns its parameters."""
    speech = write_wave(tmp_path / "speech.wav", tone(1.0))
    _, p = small_run(made_clip(tmp_path / "clip.mkv", "25", 1.0), speech)
    return p


def restore(p: params.Params, **values: object) -> None:
    run.restore(params.build(run_dir=p.run_dir, restorer="sharpen", **values))


def test_a_row_a_video_and_a_column_a_measure(short_run):
    restore(short_run)
    source, lipsync, restored = measure_run(short_run.run_dir)
    assert [row["video"] for row in (source, lipsync, restored)] == [
        "source",
        "lipsync",
        "restored",
    ]
    assert source["frames"] == lipsync["frames"] == lipsync["frames_redrawn"] == 25
    assert source["identity_drift"] == 0
    assert lipsync["length_error_ms"] == 0
    assert restored["sharpness_mouth"] > lipsync["sharpness_mouth"]
    assert not {"psnr_outside", "seam", "sync_cosine"} & set(source)  # it has no sound
    assert {"psnr_outside", "seam", "sync_cosine"} < set(lipsync)

    order = [measure.name for measure in MEASURES]
    figures = [name for name in lipsync if name in order]
    assert figures == [name for name in order if name in figures]


def test_each_video_is_decoded_once(short_run, monkeypatch):
    restore(short_run)
    decoded = []

    def noting(reader):
        def note_and_read(path, *rest):
            decoded.append(Path(path).name)
            return reader(path, *rest)

        return note_and_read

    for name in ("read_frames", "read_indexed"):
        monkeypatch.setattr(media, name, noting(getattr(media, name)))
    measure_run(short_run.run_dir)
    assert sorted(decoded) == ["clip.mkv", "lipsync.mp4", "restored.mp4"]


def test_a_new_measure_is_one_entry(short_run, monkeypatch):
    added = (
        ClipMeasure("faces_seen", "frames", "higher", 0, "", lambda clip: len(clip.face_crops)),
        FrameMeasure("brightness", "grey levels", "", 1, "", lambda still: still.crop.mean()),
        FrameMeasure("nowhere", "", "", 1, "", lambda still: None),
    )
    monkeypatch.setattr(table, "MEASURES", added)
    for row in measure_run(short_run.run_dir):
        assert row["faces_seen"] == 25
        assert 0 < row["brightness"] < 255
        assert "nowhere" not in row


def test_measures_say_what_they_are():
    names = [measure.name for measure in MEASURES]
    assert len(set(names)) == len(names)
    for measure in MEASURES:
        assert measure.unit
        assert measure.meaning
        assert measure.good in ("higher", "lower", "near the source", "near 0")


def test_results_out_of_date_are_named_and_left_out(short_run, capsys):
    restore(short_run)
    again = params.build(
        video=short_run.video,
        audio=short_run.audio,
        run_dir=short_run.run_dir,
        box=short_run.box,
        precision="fp32",
        output_size="80x60",
    )
    run.lipsync(again)
    capsys.readouterr()
    rows = measure_run(short_run.run_dir)
    assert [row["video"] for row in rows] == ["source", "lipsync"]
    assert set(flicker_curves(short_run.run_dir)) == {"source", "lipsync"}
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"{short_run.run_dir}: out of date and not measured: restored (run notebook 03 again)"
    )


def test_with_nothing_up_to_date_one_line_says_so(short_run):
    Path(short_run.run_dir, "lipsync.mp4").unlink()
    for measure in (measure_run, flicker_curves):
        with pytest.raises(RunError, match="no finished video yet; run notebook 02"):
            measure(short_run.run_dir)


def test_a_plan_of_other_parameters_leaves_nothing_to_measure(short_run):
    run.prepare(
        params.build(
            video=short_run.video,
            audio=short_run.audio,
            run_dir=short_run.run_dir,
            box=short_run.box,
            output_size="80x60",
        )
    )
    with pytest.raises(RunError, match=r"out of date .* lipsync \(run notebook 02 again\)$"):
        measure_run(short_run.run_dir)


def test_a_plan_that_is_gone_is_named(short_run):
    Path(short_run.run_dir, "plan.npz").unlink()
    with pytest.raises(RunError, match="plan.npz is gone; run notebook 02"):
        measure_run(short_run.run_dir)


def test_a_moved_run_measures_itself(short_run, tmp_path):
    rows = measure_run(short_run.run_dir)
    moved = tmp_path / "elsewhere"
    Path(short_run.run_dir).rename(moved)
    assert measure_run(moved) == rows


def test_flicker_is_not_known_at_the_ends(short_run):
    curves = flicker_curves(short_run.run_dir)
    for curve in curves.values():
        assert np.flatnonzero(np.isnan(curve)).tolist() == [0, 24]
    rows = {row["video"]: row for row in measure_run(short_run.run_dir)}
    for name, curve in curves.items():
        assert math.isclose(np.nanmean(curve), rows[name]["flicker_mouth"], abs_tol=5e-4)


def test_a_run_without_a_face_has_few_figures(small_run, pretend_faces):
    pretend_faces(lambda n: False)
    _, p = small_run(box="", allow_no_face=True)
    source, lipsync = measure_run(p.run_dir)
    assert source == dict(video="source", frames=50)
    assert lipsync == dict(
        video="lipsync",
        frames=50,
        frames_redrawn=0,
        frames_passed_through=50,
        length_error_ms=0.0,
    )
