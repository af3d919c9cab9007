"""A person's own mouths: which are chosen, how they are laid over a frame, what a run makes of them."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from support import SAMPLE_VIDEO, write_wave

from helpers import checkpoints, media, params, run
from helpers.engines.base import face_input
from helpers.engines.compact import generate
from helpers.engines.lend import cut_donor_mouth, lend_mouth
from helpers.face.detect import detect_in_frame
from helpers.face.mask import DONOR_REACH, local_mask
from helpers.face.square import crop_square, square_matrix
from helpers.networks.encode import encode_faces
from helpers.plan.geometry import source_pictures
from helpers.plan.make import make_plan
from helpers.plan.plan import load_plan, save_plan
from helpers.plan.selection import _standard, donor_codes, own_offset, select_donors
from helpers.sound.mel import mel_windows

RNG = np.random.default_rng(0)


def choose(wanted, known, lips=None, shown=None, lent=None, around=None, speech=None, opened=None):
    count = len(known)
    return select_donors(
        wanted,
        known,
        np.zeros((count, 4)) if lips is None else lips,
        np.zeros((len(wanted), 4)) if shown is None else shown,
        np.zeros((count, 4)) if lent is None else lent,
        np.zeros((count, 4)) if around is None else around,
        np.ones(len(wanted)) if speech is None else speech,
        np.zeros(count) if opened is None else opened,
    )


@given(st.permutations([0, 1, 2, 3, 4]), st.integers(3, 40))
@settings(max_examples=25, deadline=None)
def test_pieces_are_found_again(order, block):
    """Wishes cut from the known mouths in another order are answered with those, in blocks of any length."""
    known = np.random.default_rng(1).normal(size=(50, 8)) * 3
    path = np.concatenate([np.arange(10 * k, 10 * k + 10) for k in order])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helpers.plan.selection.SEARCH_BLOCK", block)
        assert (choose(known[path], known) == path).all()


def test_cuts_poses_and_pauses_cost():
    known = np.zeros((20, 8))
    known[12] = 0.5
    wanted = np.zeros((6, 8))
    wanted[3] = 0.5
    path = choose(wanted, known)
    assert (np.diff(path) == 1).all()  # no cut for so little
    turned = np.zeros((20, 4))
    turned[:10, 0] = 30  # the first ten look another way
    assert (choose(wanted, known, lent=turned) >= 10).all()
    smiling = np.zeros((20, 4))
    smiling[:10, 0] = 2
    seen = np.zeros((20, 4))
    seen[10, 0] = 5  # the pose of the frame that is shown, and of one that does not smile
    assert (choose(wanted, known, shown=seen[[10] * 6], lent=seen, around=smiling) >= 10).all()
    opened = np.full(20, 2.0)
    opened[15:] = 0
    assert (choose(wanted, known, speech=np.zeros(6), opened=opened)[1:] >= 15).all()
    lips = np.zeros((20, 4))
    lips[10:] = 5  # looks that do not join
    known[:10], wanted[3:] = 0, 1
    known[10:] = 1
    apart = choose(wanted, known, lips=lips)
    assert not ((apart[:-1] < 9) & (apart[1:] >= 10)).any()


def test_a_person_is_read_by_what_is_heard():
    """Eyes that see noise: the pixels are read all the same, as their own sound teaches."""
    true = np.cumsum(RNG.normal(size=(300, 8)), axis=0)
    true = _standard(true)
    lips = (true @ RNG.normal(size=(8, 60))).astype(np.float32)
    codes = RNG.normal(size=(300, 8))
    heard = true + 0.5 * RNG.normal(size=true.shape)
    right = lambda known: np.mean([np.corrcoef(known[:, k], true[:, k])[0, 1] for k in range(8)])  # noqa: E731
    assert abs(right(donor_codes(codes, lips, None))) < 0.2
    assert right(donor_codes(codes, lips, heard)) > 0.6


def sample():
    frame = next(media.read_frames(SAMPLE_VIDEO, Fraction(25)))
    return frame, detect_in_frame(frame)[0, 5:].reshape(5, 2).astype(np.float64)


@given(st.floats(-4, 4), st.floats(-4, 4), st.floats(0.95, 1.05), st.floats(-12, 12))
@settings(max_examples=12, deadline=None)
def test_a_lent_mouth_lies_where_its_own_lay(right, down, scale, light):
    """A frame gets its mouth back from a moved, larger and brighter copy whose landmarks are the frame's."""
    frame, points = sample()
    middle = points.mean(axis=0)
    move = np.array(
        [[scale, 0, middle[0] * (1 - scale) + right], [0, scale, middle[1] * (1 - scale) + down]]
    )
    other = cv2.warpAffine(
        frame, move, frame.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    other = np.clip(other + light, 0, 255).astype(np.uint8)
    (x1, y1, x2, y2), mask = local_mask(points, *frame.shape[1::-1], DONOR_REACH)
    spoilt = frame.copy()
    (a1, b1, a2, b2), hole = local_mask(points, *frame.shape[1::-1], 0.4)
    spoilt[b1:b2, a1:a2][hole > 0.02] = 90
    made = lend_mouth(spoilt, points, cut_donor_mouth(other, points))
    assert made is not None
    assert (made[y1:y2, x1:x2][mask == 0] == frame[y1:y2, x1:x2][mask == 0]).all()
    assert (np.delete(made, np.s_[y1:y2], 0) == np.delete(frame, np.s_[y1:y2], 0)).all()
    error = np.abs(made[b1:b2, a1:a2].astype(float) - frame[b1:b2, a1:a2])[hole > 0.5].mean()
    assert error < 9  # grey levels; 4 mostly, laid over without alignment 11 to 33


def test_no_mouth_of_another_picture():
    frame, points = sample()
    noise = RNG.integers(0, 255, frame.shape, dtype=np.uint8)
    assert lend_mouth(frame, points, cut_donor_mouth(noise, points)) is None
    outside = points + 10 * frame.shape[0]
    assert lend_mouth(frame, outside, cut_donor_mouth(frame, points)) is None


def test_a_lent_mouth_is_bent_by_half_a_step():
    net = checkpoints.load(checkpoints.locate("compact").path)
    pictures = RNG.integers(0, 255, (3, 96, 96, 3), dtype=np.uint8)
    codes = RNG.normal(size=(3, 8)).astype(np.float32)
    lent = np.array([False, True, False])
    one = generate(net, codes, pictures, passes=1)
    two = generate(net, codes, pictures, passes=2)
    pauses = np.array(
        [0, 1, 0], np.float32
    )  # the most shut of the person's own mouths is chosen for them
    made = generate(net, codes, pictures, passes=2, lent=lent, pauses=pauses)
    assert np.abs(made[1, :2] - 0.5 * one[1, :2]).max() < 1e-5 and (made[1, 2] == 0).all()
    assert np.abs(made[[0, 2]] - two[[0, 2]]).max() < 5e-4


@pytest.fixture(scope="module")
def dubbed(clips, tmp_path_factory):
    """A GRID speaker with another one's sentence: (record, plan, network, parameters)."""
    folder = tmp_path_factory.mktemp("dubbed")
    p = params.build(
        video=clips / "grid_v1.mpg", audio=clips / "grid_v2.mpg", run_dir=folder, restorer="none"
    )
    record, plan, net = run.prepare(p)
    return record, plan, net, p


def test_a_talking_clip_lends_its_mouths(dubbed, tmp_path):
    _, plan, net, p = dubbed
    lent = plan.donors[0]
    assert (lent >= 0).all() and len(np.unique(lent)) > 20
    pieces = np.split(lent, np.flatnonzero(np.diff(lent) != 1) + 1)
    assert 3 <= len(pieces) <= len(lent) / 2
    whole = list(run.render_frames(plan, p.video, net, p, 0, plan.frames))
    part = list(run.render_frames(plan, p.video, net, p, 32, 48))
    assert all((a == b).all() for a, b in zip(whole[32:48], part, strict=True))
    drawn = replace(plan, donors=np.full_like(plan.donors, -1))
    view, plain = (run.preview(q, p.video, net, p, 40) for q in (plan, drawn))
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
    """The mean code that the eyes see in the result goes with what the ear hears, more than with the source's."""
    _, plan, net, p = dubbed
    numbers = np.arange(plan.frames)
    frames = list(run.render_frames(plan, p.video, net, p, 0, plan.frames))
    made = encode_faces(
        net, np.stack([face_input(frames[n], plan, n, net, (0, 0, 0, 0)) for n in numbers])
    )
    source = list(source_pictures(plan, p.video, 0, plan.frames))
    old = encode_faces(
        net, np.stack([face_input(source[n], plan, n, net, (0, 0, 0, 0)) for n in numbers])
    )
    with_it = lambda other: np.mean([np.corrcoef(made[:, k], other[:, k])[0, 1] for k in range(8)])  # noqa: E731
    assert with_it(plan.target_codes) > 0.6 and with_it(plan.target_codes) > with_it(old) + 0.2


def test_own_sound_is_known(clips):
    """The clip's sound belongs to it, another's does not."""
    expert = checkpoints.sync_expert()
    squares, windows = {}, {}
    for name in ("grid_v2.mpg", "vr_2.mp4"):
        p = params.build(video=clips / name, audio=clips / name, run_dir="unused")
        plan, _ = make_plan(p, p.video, p.audio, "centred")
        frames = media.read_frames(p.video, plan.fps, 0, 70)
        matrices = [square_matrix(points, 96) for points in plan.faces.landmarks]
        squares[name] = np.stack(
            [crop_square(f, m, 96) for f, m in zip(frames, matrices, strict=False)]
        )
        windows[name] = mel_windows(plan.mel, plan.mel_start[:70])
    first, second = squares
    assert own_offset(expert, squares[first], windows[first], Fraction(25)) in (-1, 0, 1)
    assert own_offset(expert, squares[second], windows[second], Fraction(25)) in (-1, 0, 1)
    assert own_offset(expert, squares[first], windows[second], Fraction(25)) is None
    assert own_offset(expert, squares[second], windows[first], Fraction(25)) is None
    assert own_offset(None, squares[first], windows[first], Fraction(25)) is None


def test_bars_stay_black_and_cuts_change_the_lenders(clips, tmp_path):
    """Each shot has its own lenders, between black bars too."""
    p = params.build(
        video=clips / "cuts_noface.mp4", audio=clips / "speech_2.wav", run_dir=tmp_path, restorer="none",
        output_size="320x400", fit="letterbox", length="video",
    )  # fmt: skip
    _, plan, net = run.prepare(p)
    lent, shot = plan.donors[0], plan.faces.shot
    assert (lent[~plan.redrawn] == -1).all() and (lent[80:] >= 75).all()
    first = lent[:50]
    assert ((first == -1) | (shot[first] == 0)).all()
    x, y, w, h = plan.place
    frames = list(run.render_frames(plan, p.video, net, p, 80, 96))
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
    """Source frames after the end of the speech lend too; a clip that is too short lends nothing."""
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
