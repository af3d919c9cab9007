"""A run folder: no-face patterns, lengths, sizes, resume, memory."""

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st
from support import FACE_BOX, SAMPLE_SPEECH, SAMPLE_VIDEO, made_clip, tone, write_wave

from helpers import checkpoints, media, params, run
from helpers.engines.compact import CompactEngine, draw_maps
from helpers.errors import InputError, NoFaceError, ParameterError, RunError, Stopped
from helpers.face.detect import DETECTORS, box_detection
from helpers.networks.encode import encode_faces, is_talking, neutral_code
from helpers.plan.geometry import face_rectangle, source_pictures
from helpers.plan.make import make_plan
from helpers.plan.plan import load_plan
from helpers.plan.scene import source_frames
from helpers.restore.base import make_restorer

PATTERNS = {
    "all": lambda n: True,
    "first": lambda n: n >= 12,
    "last": lambda n: n < 38,
    "alternating blocks": lambda n: n // 12 % 2 == 0,
    "a whole batch": lambda n: not 14 <= n < 34,
    "one": lambda n: n == 20,
}


@pytest.mark.parametrize("name", PATTERNS)
def test_frames_without_a_face_pass_through(small_run, pretend_faces, name, monkeypatch):
    rule = PATTERNS[name]
    pretend_faces(rule)
    sizes = []
    monkeypatch.setattr(
        "helpers.engines.compact.draw_maps",
        lambda net, batch, *more: sizes.append(len(batch)) or draw_maps(net, batch, *more),
    )
    record, p = small_run(box="", batch_size=8)
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    want = np.array([rule(n) for n in range(50)])
    if name == "alternating blocks":  # gaps of 12 frames are longer than 0.4 s
        assert record["plan"]["states"][1][0] == "passed"
    assert (plan.redrawn == want).all()
    assert record["plan"]["frames_redrawn"] == want.sum()
    batches = [want[a : a + 8].any() for a in range(0, 50, 8)]
    assert sizes == [8] * sum(batches)  # a batch without a face costs no network time
    engine = run.prepare(p)[2]
    source = list(source_pictures(plan, p.video, 0, 50))
    made = list(run.render_frames(plan, p.video, engine, p, 0, 50))
    for n in range(50):
        assert (made[n] == source[n]).all() or want[n], n
    assert record["results"]["lipsync"]["frames"] == 50


def test_no_face_at_all(small_run, pretend_faces):
    pretend_faces(lambda n: False)
    with pytest.raises(NoFaceError, match="retinaface.*allow_no_face"):
        small_run(box="")
    pretend_faces(lambda n: False)
    record, _ = small_run(box="", allow_no_face=True, name="through")
    assert (record["plan"]["frames_redrawn"], record["plan"]["frames_passed_through"]) == (0, 50)


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60"])
def test_length_error_is_under_one_frame(small_run, tmp_path, rate):
    video = made_clip(tmp_path / "rate.mkv", rate, 1.0)
    speech = write_wave(tmp_path / "s.wav", tone(1.37))
    record, p = small_run(video, speech)
    info = media.probe(record["results"]["lipsync"]["path"])
    assert info.fps == Fraction(rate)
    assert abs(info.duration - 1.37) < 1 / info.fps
    assert abs(len(media.read_audio(info.path)) / 16000 - info.duration) < 1 / info.fps


def test_variable_rate_becomes_25(small_run, tmp_path):
    video = made_clip(
        tmp_path / "v.mp4", "30", 2.0, "160x120", "-vf", "select=mod(n\\,3)", "-fps_mode", "vfr"
    )
    record, _ = small_run(video, length="video")
    assert record["plan"]["fps"] == "25"
    assert abs(record["results"]["lipsync"]["duration_s"] - media.probe(video).duration) < 1 / 25


@pytest.mark.parametrize("length, seconds, frames", [
    ("audio", 3.1, 78), ("audio", 0.05, 1), ("video", 3.1, 50),
    ("video", 0.7, 50), ("shortest", 3.1, 50), ("shortest", 0.7, 18),
])  # fmt: skip
def test_length_follows_what_was_asked(small_run, tmp_path, length, seconds, frames):
    record, _ = small_run(audio=write_wave(tmp_path / "s.wav", tone(seconds)), length=length)
    assert record["results"]["lipsync"]["frames"] == frames
    assert (
        abs(len(media.read_audio(record["results"]["lipsync"]["path"])) / 16000 - frames / 25)
        < 1 / 25
    )


def test_fill_rules():
    assert source_frames(9, 4, "pingpong").tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert source_frames(6, 4, "hold").tolist() == [0, 1, 2, 3, 3, 3]
    assert source_frames(6, 4, "loop").tolist() == [0, 1, 2, 3, 0, 1]
    assert source_frames(3, 1, "pingpong").tolist() == [0, 0, 0]


@given(st.integers(1, 300), st.integers(1, 60), st.sampled_from(["pingpong", "hold", "loop"]))
def test_fill_stays_in_the_clip(count, available, fill):
    got = source_frames(count, available, fill)
    assert len(got) == count and got.min() >= 0 and got.max() < available
    assert got[: min(count, available)].tolist() == list(range(min(count, available)))
    if fill == "pingpong":
        assert np.abs(np.diff(got)).max(initial=0) <= 1


@pytest.mark.parametrize("size, fit, want, place", [
    ("source", "keep", (160, 120), (0, 0, 160, 120)),
    ("240", "keep", (320, 240), (0, 0, 320, 240)),
    ("200x200", "keep", (200, 150), (0, 0, 200, 150)),
    ("200x200", "letterbox", (200, 200), (0, 25, 200, 150)),
    ("200x200", "stretch", (200, 200), (0, 0, 200, 200)),
    ("101x77", "stretch", (101, 77), (0, 0, 101, 77)),
])  # fmt: skip
def test_output_sizes(small_run, size, fit, want, place):
    record, p = small_run(output_size=size, fit=fit)
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    assert (plan.size, plan.place) == (want, place)
    info = media.probe(record["results"]["lipsync"]["path"])
    assert (info.width, info.height) == tuple(v + v % 2 for v in want)
    # The network sees the same face, whatever the size of the result.
    engine = run.prepare(p)[2]
    inputs = []
    for q in (plan, make_plan(params.build(box=FACE_BOX), p.video, p.audio, engine)[0]):
        frame = next(source_pictures(q, p.video, 10, 11))
        inputs.append(engine.face(frame, q, 10).astype(int))
    assert np.abs(inputs[0] - inputs[1]).mean() < 12


def test_turned_and_cropped_source(small_run):
    record, p = small_run(rotate="90", crop="0,10,120,150", box="10,20,100,110", length="video")
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    assert plan.source_size == (120, 140) and plan.view == media.View(90, (0, 10, 120, 150))
    info = media.probe(record["results"]["lipsync"]["path"])
    assert (info.width, info.height) == (120, 140)
    frame = next(media.read_frames(p.video, Fraction(25)))
    shown = next(source_pictures(plan, p.video, 0, 1))
    assert np.abs(np.rot90(frame, -1)[10:150, :120].astype(int) - shown).mean() < 1


def test_two_faces_both_talk(small_run, monkeypatch):
    pair = np.concatenate(
        [box_detection(b, 160, 120) for b in ((4, 20, 74, 100), (84, 20, 154, 100))]
    )
    monkeypatch.setitem(DETECTORS, "retinaface", lambda frames, device: [pair for _ in frames])
    record, p = small_run(box="", face="all")
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    engine = run.prepare(p)[2]
    frame = list(run.render_frames(plan, p.video, engine, p, 0, 16))[10]
    source = next(source_pictures(plan, p.video, 10, 11))
    changed = (frame != source).any(axis=(0, 2))
    assert len(plan.layers) == 2 and changed[:78].any() and changed[82:].any()
    alone = replace(p, face="left")
    frame = list(run.render_frames(plan.layers[0], p.video, engine, alone, 0, 16))[10]
    sides = (frame != source).any(axis=(0, 2))
    assert sides[:78].any() != sides[82:].any()


def test_everybodys_own_mouth_is_known(small_run, monkeypatch):
    """One code for each track, of its first frames; nothing where there is no face."""
    boxes = [box_detection(b, 160, 120) for b in ((4, 20, 74, 100), (84, 20, 154, 100))]
    monkeypatch.setattr("helpers.plan.mouths.NEUTRAL_FRAMES", 3)
    found = [boxes[n >= 30] if not 10 <= n < 30 else boxes[0][:0] for n in range(50)]
    monkeypatch.setattr(
        "helpers.plan.scene.detect_clip",
        lambda frames, *_: (found[n] for n, _ in enumerate(frames)),
    )
    _, p = small_run(box="")
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    assert (plan.faces.neutral[10:30] == 0).all()
    engine = CompactEngine(checkpoints.load(checkpoints.locate("compact").path), p)
    source = list(source_pictures(plan, p.video, 0, 50))
    for first, last in ((0, 10), (30, 50)):
        squares = [engine.face(source[n], plan, n) for n in range(first, first + 3)]
        codes = encode_faces(engine.net, np.stack(squares))
        own = neutral_code(engine.net, codes)
        assert (plan.faces.is_photo[first:last] != is_talking(codes)).all()
        assert (
            np.allclose(plan.faces.neutral[first:last], own, atol=1e-3) and np.abs(own).max() > 0.1
        )


def test_nothing_is_planned_for_a_network_without_codes(small_run, seeded_wav2lip):
    _, p = small_run(checkpoint=seeded_wav2lip)
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    assert not plan.target_codes.any() and not plan.faces.neutral.any()
    assert (plan.donors == -1).all()


def test_a_cut_and_a_blue_second(clips, tmp_path):
    p = params.build(
        video=clips / "cuts_noface.mp4",
        audio=clips / "speech_2.wav",
        run_dir=tmp_path,
        length="video",
    )
    record, plan, engine = run.prepare(p)
    assert [s[0] for s in record["plan"]["states"]] == ["redrawn", "passed", "redrawn"]
    assert (
        set(plan.faces.shot[:50]) == {0}
        and set(plan.faces.shot[50:75]) == {1}
        and set(plan.faces.shot[75:]) == {2}
    )
    blue = list(run.render_frames(plan, p.video, engine, p, 48, 80))
    source = list(source_pictures(plan, p.video, 48, 80))
    assert all((blue[n - 48] == source[n - 48]).all() for n in range(50, 75))
    assert (blue[49 - 48] != source[49 - 48]).any() and (blue[75 - 48] != source[75 - 48]).any()


def test_odd_source_size(small_run, tmp_path):
    record, _ = small_run(made_clip(tmp_path / "odd.mkv", "25", 1.0, "161x121"), length="video")
    info = media.probe(record["results"]["lipsync"]["path"])
    assert (info.width, info.height, info.frames) == (162, 122, 25)


@pytest.mark.slow
def test_a_picture_talks(tmp_path):
    frame = next(media.read_frames(SAMPLE_VIDEO, Fraction(25)))
    cv2.imwrite(str(tmp_path / 'it\'s a "face".v2.png'), frame[..., ::-1])
    p = params.build(
        video=tmp_path / 'it\'s a "face".v2.png',
        audio=SAMPLE_SPEECH,
        run_dir=tmp_path / "out dir é",
    )
    record = run.lipsync(p)
    assert record["plan"]["frames_redrawn"] == record["plan"]["frames"] == 189
    pictures = list(media.read_frames(record["results"]["lipsync"]["path"], Fraction(25)))
    mask = load_plan(Path(p.run_dir, "plan.npz"))
    x1, y1, x2, y2 = face_rectangle(mask, 0)
    mouths = np.stack(pictures)[:, y1:y2, x1:x2].astype(np.float32)
    assert mouths.std(axis=0).max() > 8  # something moves in it
    assert (
        np.stack(pictures)[:, :20].astype(np.float32).std(axis=0).max() < 6
    )  # and nothing above it


def test_a_killed_run_goes_on_with_the_same_pixels(small_run, monkeypatch):
    whole, p = small_run(batch_size=8, name="whole")
    monkeypatch.setattr("helpers.run.produce.SEGMENT_FRAMES", 16)
    written = []
    real = media.write_video

    def dies(path, frames, *more, **options):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(Path(path).name)
        return real(path, frames, *more, **options)

    monkeypatch.setattr(media, "write_video", dies)
    with pytest.raises(Stopped, match="stopped at 32 of 50 frames; run again to go on"):
        small_run(p.video, p.audio, batch_size=8, name="killed")
    assert not Path(p.run_dir).with_name("killed").joinpath("lipsync.mp4").exists()
    rest = []

    def noted(path, frames, *more, **options):
        rest.append(Path(path).name)
        return real(path, frames, *more, **options)

    monkeypatch.setattr(media, "write_video", noted)
    resumed, q = small_run(p.video, p.audio, batch_size=8, name="killed")
    assert written == ["000000.mp4", "000016.mp4"] and rest == ["000032.mp4", "000048.mp4"]
    plan = load_plan(Path(q.run_dir, "plan.npz"))
    engine = run.prepare(q)[2]
    at_once = list(run.render_frames(plan, q.video, engine, q, 0, 50))
    later = list(run.render_frames(plan, q.video, engine, q, 32, 50))
    assert all((a == b).all() for a, b in zip(at_once[32:], later, strict=True))
    ends = [
        run.frames_of(r["results"]["lipsync"]["path"], plan, [0, 20, 40, 49])
        for r in (whole, resumed)
    ]
    assert all(np.abs(a.astype(int) - b).mean() < 3 for a, b in zip(*ends, strict=True))
    assert not Path(q.run_dir, run.UNFINISHED).exists()


def test_restored_is_rendered_from_the_source(small_run):
    record, p = small_run()
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    restored = run.restore(params.build(run_dir=p.run_dir, restorer="sharpen", strength=0.8))
    assert restored["results"]["restored"]["frames"] == 50
    engine = run.prepare(p)[2]
    plain = list(run.render_frames(plan, p.video, engine, p, 0, 8))
    q = run.with_run(params.build(run_dir=p.run_dir, strength=0.0))
    untouched = list(run.render_frames(plan, p.video, engine, q, 0, 8, restorer=make_restorer(q)))
    assert all((a == b).all() for a, b in zip(plain, untouched, strict=True))
    q = run.with_run(params.build(run_dir=p.run_dir, restorer="sharpen", strength=1.0))
    sharp = list(run.render_frames(plan, p.video, engine, q, 0, 8, restorer=make_restorer(q)))
    assert any((a != b).any() for a, b in zip(plain, sharp, strict=True))


def test_record_names_everything(small_run, tmp_path):
    record, p = small_run()
    assert record == run.read(p.run_dir)
    assert str(tmp_path) in json.dumps(record["inputs"])
    assert {len(record["inputs"][k]["sha256"]) for k in ("video", "audio")} == {64}
    assert len(record["weights"]["sha256"]) == 64 and record["versions"]["torch"]
    assert {"decode", "network", "blend", "encode"} <= set(record["seconds"]["lipsync"])
    assert sorted(x.name for x in Path(p.run_dir).iterdir()) == [
        "lipsync.mp4",
        "plan.npz",
        "run.json",
    ]


def test_a_folder_of_another_input_is_refused(small_run, tmp_path):
    _, p = small_run()
    other = write_wave(tmp_path / "other.wav", tone(1.0))
    with pytest.raises(RunError, match="belongs to another audio"):
        small_run(p.video, other)


def test_restoring_before_lipsync_is_told(tmp_path):
    with pytest.raises(RunError, match="run notebook 02"):
        run.restore(params.build(run_dir=tmp_path))


def test_sound_given_as_video_is_told(small_run, tmp_path):
    with pytest.raises(InputError, match="sound only"):
        small_run(write_wave(tmp_path / "v.wav", tone(1.0)))


@pytest.mark.parametrize("values, words", [
    (dict(ouput_size="720"), "did you mean output_size"),
    (dict(fill="pingpongs"), "did you mean pingpong"),
    (dict(crf="high"), "not of type int"), (dict(crf=52), "outside 0 to 51"),
    (dict(smooth="maybe"), "not of type bool"),
    (dict(batch_size=1.5), "not of type int"),
])  # fmt: skip
def test_wrong_parameters_are_told(values, words):
    with pytest.raises(ParameterError, match=words):
        params.build(**values)


@pytest.mark.parametrize("values, words", [
    (dict(fps="fast"), "fps=fast"), (dict(output_size="big"), "output_size=big"),
    (dict(box="1,2,3"), "4 numbers"), (dict(box="0,0,500,50"), "160x120"),
    (dict(pads="1,2"), "4 numbers"), (dict(crop="0,0,999,9"), "160x120"),
    (dict(face="larges"), "face=larges"), (dict(rotate="45"), "0, 90, 180, 270"),
])  # fmt: skip
def test_impossible_values_are_told(small_run, values, words):
    with pytest.raises(ParameterError, match=words):
        small_run(**values)


MEASURE = """
import resource, sys
from helpers import params, run
names = ("video", "audio", "run_dir")
given = dict(zip(names, sys.argv[1:]))
run.lipsync(params.build(**given, box="150,40,330,260", fps="10"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip(tmp_path):
    peaks = []
    for seconds in (10, 60):
        speech = write_wave(tmp_path / f"{seconds}.wav", np.tile(tone(2.0), seconds // 2))
        args = [
            sys.executable,
            "-c",
            MEASURE,
            SAMPLE_VIDEO,
            speech,
            str(tmp_path / f"run{seconds}"),
        ]
        done = subprocess.run(args, capture_output=True, text=True, check=True, cwd=params.ROOT)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < 1.15 * peaks[0]
