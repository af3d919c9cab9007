"""The bench's figures that do not depend on the machine."""

import json
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pytest
from support import SAMPLE_SPEECH, SAMPLE_VIDEO, made_clip

from helpers import media
from helpers.cli import main
from helpers.errors import InputError, NoFaceError, RunError
from helpers.measure.bench import ratios, scaled_clip
from helpers.measure.bench_restorers import restorer_times
from helpers.measure.bench_stages import milliseconds
from helpers.measure.bench_upstream import PAIRS, compare
from helpers.notebook.plots import bench_figure

# says what it was given, and writes the clip as its result
CHECKOUT = """
import json, shutil, sys
import beside
json.dump(sys.argv, open("given.json", "w"))
beside.write(sys.argv[sys.argv.index("--outfile") + 1])
"""


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


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "Wav2Lip"
    folder.mkdir()
    (folder / "inference.py").write_text(CHECKOUT)
    (folder / "beside.py").write_text("def write(path):\n    open(path, 'w').close()\n")
    return folder


def test_upstream_is_run_in_turn_on_the_same_clip_weights_and_box(checkout, tmp_path):
    asked = []

    def ours(video, speech, folder, **values):
        asked.append(values)
        return dict(process_s=2.0)

    place = tmp_path / "place"
    place.mkdir()
    result = compare(str(checkout), ours, SAMPLE_VIDEO, SAMPLE_SPEECH, place)
    assert len(result["pairs"]) == len(asked) == PAIRS
    assert all(
        pair["ratio"] == pytest.approx(2 / pair["upstream_s"], rel=0.2) for pair in result["pairs"]
    )

    given = json.loads((place / "given.json").read_text())
    x1, y1, x2, y2 = asked[0]["box"].split(",")
    at = given.index("--box")
    assert given[at + 1 : at + 5] == [y1, y2, x1, x2]
    assert given[given.index("--checkpoint_path") + 1] == str(asked[0]["checkpoint"])


def test_a_checkout_that_fails_is_told(checkout, tmp_path):
    (checkout / "inference.py").write_text("raise SystemExit('no such thing')")
    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(RunError, match="inference.py failed: no such thing"):
        compare(
            str(checkout), lambda *a, **b: dict(process_s=1), SAMPLE_VIDEO, SAMPLE_SPEECH, place
        )
    with pytest.raises(InputError, match="no inference.py in it"):
        compare(str(tmp_path), None, SAMPLE_VIDEO, SAMPLE_SPEECH, place)


def test_a_clip_keeps_its_shape(tmp_path):
    clip = made_clip(tmp_path / "clip.mkv", "25", 0.2, "160x120")
    info = media.probe(scaled_clip(clip, 90, tmp_path))
    assert (info.width, info.height) == (160, 90)
    frame = next(media.read_frames(info.path, Fraction(25)))
    original = next(media.read_frames(clip, Fraction(25), size=(120, 90)))
    assert np.abs(frame[:, 20:140].astype(int) - original).mean() < 10  # chroma is halved


def test_the_picture_shows_what_there_is():
    run = dict(clip_s=10.0, process_s=9.0, cpu_s=15.0, peak_mb=900)
    run["stages"] = dict(plan=dict(all=3.0), lipsync=dict(all=4.0))
    result = dict(
        machine=dict(gpu=None, processor="x", threads=2, torch="2"),
        ms_a_frame_alone={"480": dict(decode=1.0, encode=2.0), "720": dict(decode=2.0, encode=4.0)},
        ms_a_face_by_batch={"1": dict(compact=5.0, upstream=9.0)},
        runs=[run],
        upstream=dict(pairs=[dict(ours_s=1.0, upstream_s=2.0, ratio=0.5)]),
    )
    figure = bench_figure(result)
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert {" 3", " 6", " 0.9"} <= set(said)
    plt.close(figure)


def test_a_picture_replaces_nothing(tmp_path, capsys):
    (tmp_path / "mine.png").touch()
    for name, words in {"mine.png": "is there already", "mine.txt": "must end in"}.items():
        assert main(["bench", "--picture", str(tmp_path / name)]) == 2
        assert words in capsys.readouterr().err
