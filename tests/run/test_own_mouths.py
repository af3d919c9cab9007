"""What a run makes of a person's own mouths."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import write_wave

from helpers import media, params, run
from helpers.networks.encode import encode_faces
from helpers.plan.geometry import source_pictures
from helpers.plan.plan import load_plan, save_plan


@pytest.fixture(scope="module")
def dubbed(clips, tmp_path_factory):
    """A GRID speaker with another one's sentence: (record, plan, engine, parameters)."""
    folder = tmp_path_factory.mktemp("dubbed")
    p = params.build(
        video=clips / "grid_v1.mpg", audio=clips / "grid_v2.mpg", run_dir=folder, restorer="none"
    )
    record, plan, engine = run.prepare(p)
    return record, plan, engine, p


def test_a_talking_clip_lends_its_mouths(dubbed, tmp_path):
    _, plan, engine, p = dubbed
    lent = plan.donors[0]
    assert (lent >= 0).all() and len(np.unique(lent)) > 20
    pieces = np.split(lent, np.flatnonzero(np.diff(lent) != 1) + 1)
    assert 3 <= len(pieces) <= len(lent) / 2
    whole = list(run.render_frames(plan, p.video, engine, p, 0, plan.frames))
    part = list(run.render_frames(plan, p.video, engine, p, 32, 48))
    assert all((a == b).all() for a, b in zip(whole[32:48], part, strict=True))
    drawn = replace(plan, donors=np.full_like(plan.donors, -1))
    view, plain = (run.preview(q, p.video, engine, 40) for q in (plan, drawn))
    assert (view["made"] == whole[40]).all()
    assert (view["patch"][2] == 0).all() and plain["patch"][2].max() > 0.1
    assert (plain["seen"] == plain["face"]).all() and (view["face"] == plain["face"]).all()
    changed = np.abs(view["seen"].astype(int) - view["face"]).mean(axis=2)
    assert changed[60:70, 36:60].mean() > 3 * changed[:30].mean()
    save_plan(plan, tmp_path / "plan.npz")
    again = load_plan(tmp_path / "plan.npz")
    assert (
        (again.donors == plan.donors).all()
        and (again.target_codes == plan.target_codes).all()
        and plan.target_codes.std() > 0.5
    )


def test_mouths_follow_the_new_speech_not_the_old(dubbed, clips):
    """The mean code that the eyes see in the result goes with what the ear hears, more than with
    the source's.
    """
    _, plan, engine, p = dubbed
    numbers = np.arange(plan.frames)
    frames = list(run.render_frames(plan, p.video, engine, p, 0, plan.frames))
    made = encode_faces(engine.net, np.stack([engine.face(frames[n], plan, n) for n in numbers]))
    source = list(source_pictures(plan, p.video, 0, plan.frames))
    old = encode_faces(engine.net, np.stack([engine.face(source[n], plan, n) for n in numbers]))
    with_it = lambda other: np.mean([np.corrcoef(made[:, k], other[:, k])[0, 1] for k in range(8)])  # noqa: E731
    assert with_it(plan.target_codes) > 0.6 and with_it(plan.target_codes) > with_it(old) + 0.2


def test_bars_stay_black_and_cuts_change_the_lenders(clips, tmp_path):
    """Each shot has its own lenders, between black bars too."""
    p = params.build(
        video=clips / "cuts_noface.mp4",
        audio=clips / "speech_2.wav",
        run_dir=tmp_path,
        restorer="none",
        output_size="320x400",
        fit="letterbox",
        length="video",
    )
    _, plan, engine = run.prepare(p)
    lent, shot = plan.donors[0], plan.faces.shot
    assert (lent[~plan.redrawn] == -1).all() and (lent[80:] >= 75).all()
    first = lent[:50]
    assert ((first == -1) | (shot[first] == 0)).all()
    x, y, w, h = plan.place
    frames = list(run.render_frames(plan, p.video, engine, p, 80, 96))
    assert y > 20 and all((np.delete(f, np.s_[y : y + h], 0) == 0).all() for f in frames)
    sources = source_pictures(plan, p.video, 80, 96)
    assert all((f != s).any() for f, s in zip(frames, sources, strict=True))


@pytest.mark.parametrize("what", ["picture", "switched off", "keeps silent"])
def test_who_does_not_talk_lends_nothing(clips, tmp_path, what):
    frame = next(media.read_frames(clips / "grid_v1.mpg", Fraction(25)))
    video, more = clips / "grid_v1.mpg", {}
    if what == "picture":
        video = tmp_path / "still.png"
        cv2.imwrite(str(video), frame[..., ::-1])
    elif what == "keeps silent":
        video = tmp_path / "still.mp4"
        media.write_video(
            video, (np.roll(frame, n // 9 % 3, axis=1) for n in range(60)), Fraction(25), 15
        )
    else:
        more = dict(own_mouths=False)
    p = params.build(
        video=video, audio=clips / "grid_v2.mpg", run_dir=tmp_path / "run", restorer="none", **more
    )
    plan = run.prepare(p)[1]
    assert (plan.donors == -1).all() and plan.redrawn.all()


def test_short_speech_still_finds_mouths(clips, tmp_path):
    """Source frames after the end of the speech lend too; a clip that is too short lends
    nothing.
    """
    sound = Path(tmp_path, "short.wav")
    write_wave(sound, media.read_audio(clips / "grid_v2.mpg")[4000:20000])
    p = params.build(video=clips / "vr_2.mp4", audio=sound, run_dir=tmp_path / "a", restorer="none")
    plan = run.prepare(p)[1]
    assert plan.frames == 25 and len(plan.faces.shot) > 100 and plan.donors.max() > 25
    short = tmp_path / "short.mp4"
    media.write_video(
        short, media.read_frames(clips / "grid_v1.mpg", Fraction(25), 0, 30), Fraction(25), 15
    )
    p = params.build(video=short, audio=sound, run_dir=tmp_path / "b", restorer="none")
    assert (run.prepare(p)[1].donors == -1).all()
