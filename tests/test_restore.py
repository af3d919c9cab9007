"""Restoration: the aligned face, GFPGAN against its authors' network, and the way back into the frame."""

import functools
import itertools
import json
import sys
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from support import SAMPLE_VIDEO, ffmpeg, made_clip, tone, write_wave
from torch import nn

from helpers import checkpoints, media, params, run
from helpers.errors import ParameterError, WeightsError
from helpers.face.detect import DETECTORS, box_detection, detect_in_frame
from helpers.face.square import crop_square, square_matrix
from helpers.measure.bench import save_random_helpers
from helpers.networks.restorer import DETAIL_GAIN, CompactRestorer
from helpers.plan.geometry import source_pictures
from helpers.plan.plan import load_plan
from helpers.restore.base import choose_restorer, describe_restorer, make_restorer
from helpers.restore.compact import compact_faces
from helpers.restore.gfpgan import (
    ALIGNED_SIZE,
    FFHQ_TEMPLATE,
    align_matrix,
    load_gfpgan,
    paste_aligned,
    run_gfpgan,
)
from helpers.restore.inspect import beside_reference, inspect_face
from helpers.restore.paste import steadied
from helpers.restore.reference import enhance, import_gfpgan, load_reference
from helpers.training import restorer as training

CPU = torch.device("cpu")


def seeded(key: str, value: torch.Tensor) -> torch.Tensor:
    """Random weights by key name. The gains keep the picture within about -1 to 1 and the noise's share large."""
    noise = torch.randn(
        value.shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode()))
    )
    if ".noises." in key or "constant_input" in key:
        return noise
    if value.ndim == 5:  # modulated convolutions
        return noise * (0.3 if "rgb" in key else 1) / value[0, 0].numel() ** 0.5
    if value.ndim > 1 and value.shape[0] > 1:
        return noise * 0.8 / value[0].numel() ** 0.5
    return (1 if key.endswith("modulation.bias") else 0) + 0.1 * noise


@pytest.fixture(scope="session")
def seeded_gfpgan(tmp_path_factory) -> Path:
    """A checkpoint in upstream's format with random weights."""
    from spandrel.architectures.GFPGAN import GFPGAN

    net = GFPGAN(
        out_size=512,
        channel_multiplier=2,
        fix_decoder=False,
        input_is_latent=True,
        different_w=True,
        sft_half=True,
    )
    path = tmp_path_factory.mktemp("gfpgan") / "seeded.pth"
    torch.save({"params_ema": {k: seeded(k, v) for k, v in net.state_dict().items()}}, path)
    return path


@pytest.fixture(scope="session")
def sample() -> tuple[np.ndarray, np.ndarray]:
    """A frame of the sample and its landmarks."""
    frame = next(media.read_frames(SAMPLE_VIDEO, media.probe(SAMPLE_VIDEO).fps, 0, 1))
    return frame, detect_in_frame(frame)[0, 5:].reshape(5, 2).astype(np.float64)


@pytest.fixture(scope="session")
def drawn(seeded_gfpgan, sample) -> torch.Tensor:
    """What our network makes of the sample's face."""
    frame, points = sample
    square = crop_square(frame, align_matrix(points), ALIGNED_SIZE)
    return run_gfpgan(load_gfpgan(seeded_gfpgan, CPU), [square], torch.float32)


@given(
    st.floats(0.05, 4),
    st.floats(-3.1, 3.1),
    st.floats(-500, 4000),
    st.floats(-500, 4000),
    st.integers(0, 2**32 - 1),
)
def test_landmarks_land_on_the_template(scale, angle, x, y, seed):
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = FFHQ_TEMPLATE @ turn.T + (x, y)
    matrix = align_matrix(points)
    assert np.abs(points @ matrix[:, :2].T + matrix[:, 2] - FFHQ_TEMPLATE).max() < 1e-6
    # With landmarks that do not fit, no similarity near it fits better.
    rng = np.random.default_rng(seed)
    shaken = points + rng.normal(0, 8 * scale, points.shape)
    matrix = align_matrix(shaken)
    error = lambda m: ((shaken @ m[:, :2].T + m[:, 2] - FFHQ_TEMPLATE) ** 2).sum()  # noqa: E731
    a, b, c, d = rng.normal(0, 1e-3, 4)
    nudge = np.array([[1 + a, -b, c], [b, 1 + a, d]])
    assert error(matrix) <= error(
        nudge[:, :2] @ matrix + [[0, 0, nudge[0, 2]], [0, 0, nudge[1, 2]]]
    )


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="no gfpgan for this Python")
def test_same_face_as_the_authors_network(seeded_gfpgan, sample, drawn):
    import_gfpgan()
    from gfpgan.archs.gfpganv1_clean_arch import GFPGANv1Clean

    theirs = GFPGANv1Clean(
        out_size=512,
        channel_multiplier=2,
        fix_decoder=False,
        input_is_latent=True,
        different_w=True,
        sft_half=True,
    )
    theirs.load_state_dict(torch.load(seeded_gfpgan, weights_only=True)["params_ema"])
    frame, points = sample
    square = crop_square(frame, align_matrix(points), ALIGNED_SIZE)
    pixels = (torch.from_numpy(square / np.float32(255)).permute(2, 0, 1)[None] - 0.5) / 0.5
    with torch.no_grad():
        expected = theirs.eval()(pixels, return_rgb=False, randomize_noise=False)[0]
    assert 0.1 < float(expected.std()) < 1
    assert float((drawn - expected).abs().max()) < 1e-4


def test_a_frame_is_restored_the_same_each_time(seeded_gfpgan, sample, drawn):
    frame, points = sample
    p = params.build(
        restorer="gfpgan",
        restorer_checkpoint=seeded_gfpgan,
        device="cpu",
        precision="fp32",
        strength=1,
    )
    made = make_restorer(p)([frame], [points], [None], [0])
    face = ((drawn[0].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    expected = paste_aligned(frame, face, align_matrix(points), points, "mouth", 1.0)
    assert (
        len(made) == 1 and np.array_equal(made[0], expected) and not np.array_equal(made[0], frame)
    )


def test_half_precision_that_overflows_is_drawn_in_full():
    class Overflows(nn.Conv2d):
        def forward(self, x, return_rgb, randomize_noise):
            assert not randomize_noise
            return x * (float("inf") if torch.is_autocast_enabled("cpu") else 1), []

    square = np.full((512, 512, 3), 255, np.uint8)
    assert run_gfpgan(Overflows(3, 3, 1), [square], torch.bfloat16).unique().tolist() == [1]


@pytest.mark.parametrize("restorer", ("gfpgan", "gfpgan_reference", "sharpen", "compact"))
def test_strength_0_leaves_the_frames_alone(restorer, sample):
    frame, points = sample
    made = make_restorer(params.build(restorer=restorer, strength=0))(
        [frame], [points], [square_matrix(points, 96)], [0]
    )
    assert made[0] is frame


@pytest.mark.parametrize("region", ("mouth", "face"))
def test_only_the_region_changes(region, sample):
    frame, points = sample
    matrix = align_matrix(points)
    face = 255 - crop_square(frame, matrix, ALIGNED_SIZE)
    made = [
        paste_aligned(frame, face, matrix, points, region, s).astype(int) for s in (0.0, 0.5, 1.0)
    ]
    assert np.array_equal(made[0], frame)
    changed = (made[2] != frame).any(axis=2)
    rows, columns = np.nonzero(changed)
    inside = np.stack([columns, rows], axis=1) @ matrix[:, :2].T + matrix[:, 2]
    assert inside.min() > 0 and inside.max() < ALIGNED_SIZE - 1
    at = lambda p: tuple(np.round(p).astype(int)[::-1])  # noqa: E731
    assert changed[at(points[3:].mean(axis=0))] and changed[at(points[:2].mean(axis=0))] == (
        region == "face"
    )
    step = np.abs(np.diff(made[2] - frame.astype(int), axis=1)).max()
    assert (
        step < 60 + np.abs(np.diff(frame.astype(int), axis=1)).max() * 2
    )  # no hard line around it
    assert np.abs(made[1] - (made[2] + frame) / 2).max() <= 1.01


@pytest.mark.parametrize("region", ("mouth", "face"))
@pytest.mark.parametrize("scale", (0.4, 1.0, 3.3))
def test_an_unchanged_face_goes_back_to_its_place(region, scale, sample):
    frame, points = sample
    frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = cv2.GaussianBlur(frame, (0, 0), max(2.5, 4 * scale))
    points = (points + 0.5) * scale - 0.5
    matrix = align_matrix(points)
    made = paste_aligned(
        frame, crop_square(frame, matrix, ALIGNED_SIZE), matrix, points, region, 1.0
    )
    assert np.abs(made.astype(int) - frame).max() <= 2


def test_a_face_outside_the_frame_changes_nothing(sample):
    frame, points = sample
    far = points + 5000
    made = paste_aligned(
        frame, np.zeros((512, 512, 3), np.uint8), align_matrix(far), far, "face", 1.0
    )
    assert np.array_equal(made, frame)


def test_only_redrawn_frames_are_restored(
    seeded_gfpgan, small_run, pretend_faces, monkeypatch, tmp_path
):
    pretend_faces(lambda n: n < 12)
    _, p = small_run(
        made_clip(tmp_path / "clip.mkv", "25", 0.8),
        write_wave(tmp_path / "s.wav", tone(0.8)),
        box="",
    )
    plan, net = load_plan(Path(p.run_dir, "plan.npz")), run.prepare(p)[2]
    negative = lambda net, squares, precision: (
        1 - torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2) / 127.5
    )  # noqa: E731
    monkeypatch.setattr("helpers.restore.gfpgan.run_gfpgan", negative)
    q = run.with_run(
        params.build(
            run_dir=p.run_dir, restorer="gfpgan", restorer_checkpoint=seeded_gfpgan, strength=1
        )
    )
    plain = list(run.render_frames(plan, p.video, net, p, 0, plan.frames))
    made = list(run.render_frames(plan, p.video, net, q, 0, plan.frames, make_restorer(q)))
    changed = [not np.array_equal(a, b) for a, b in zip(plain, made, strict=True)]
    assert changed == plan.redrawn.tolist() and any(changed) and not all(changed)
    result = run.restore(q)["results"]["restored"]
    assert (result["restorer"], result["region"], result["weights"]) == (
        "gfpgan",
        "mouth",
        "seeded",
    )
    assert result["weights_sha256"] == checkpoints.sha256(seeded_gfpgan)


def test_missing_weights_are_told(tmp_path, monkeypatch):
    checkpoints.entries()
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)
    for checkpoint in ("auto", "gfpgan-1.4"):
        with pytest.raises(
            WeightsError,
            match=r"GFPGANv1\.4\.pth is not here.* python -m helpers weights fetch gfpgan-1\.4",
        ):
            describe_restorer(params.build(restorer="gfpgan", restorer_checkpoint=checkpoint))
    with pytest.raises(
        WeightsError,
        match="restorer_checkpoint=/no/such.pth is neither a file nor one of auto, gfpgan-1.4",
    ):
        make_restorer(params.build(restorer="gfpgan", restorer_checkpoint="/no/such.pth"))
    assert choose_restorer("auto") == "compact"
    monkeypatch.setattr(checkpoints, "here", lambda name: name == "gfpgan-1.3")
    assert choose_restorer("auto") == "gfpgan"


def test_files_that_are_no_weights_of_gfpgan_are_told(tmp_path):
    bad = {
        "page.pth": (b"<!DOCTYPE html><html>", "a web page"),
        "torn.pth": (b"PK\x03\x04torn", "damaged"),
    }
    for name, (content, message) in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=message):
            load_gfpgan(tmp_path / name, CPU)
    torch.save({"params_ema": {"conv.weight": torch.zeros(3)}}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="other.pth holds weights of another architecture"):
        load_gfpgan(tmp_path / "other.pth", CPU)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="no gfpgan for this Python")
def test_the_reference_never_downloads(seeded_gfpgan, tmp_path, monkeypatch):
    checkpoints.entries()
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)
    with pytest.raises(WeightsError, match="weights fetch gfpgan-detection"):
        load_reference(seeded_gfpgan, CPU)


def test_without_the_package_the_other_way_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "gfpgan.utils", None)
    with pytest.raises(
        ParameterError, match=r"^restorer=gfpgan_reference: .* use restorer=gfpgan, .* spandrel$"
    ):
        load_reference(Path("any.pth"), CPU)


def negative_restorer() -> CompactRestorer:
    """A restorer whose change is easy to see: it darkens by 0.25."""
    net = CompactRestorer().eval()
    net.body[-2].bias.data.fill_(-0.25 * DETAIL_GAIN)
    return net


@pytest.mark.parametrize("region", ("mouth", "face"))
def test_compact_changes_the_region_alone(region, sample):
    frame, points = sample
    frame = frame // 2 + 90  # nothing gets darker than black
    matrix = square_matrix(points, 96)
    how = dict(precision=torch.float32, region=region, steady=0.0)
    rows = [frame], [points], [matrix], [0]
    (made,) = compact_faces(negative_restorer(), *rows, strength=1.0, **how)
    (half,) = compact_faces(negative_restorer(), *rows, strength=0.5, **how)
    change = frame.astype(int) - made
    assert 50 < change.max() <= 65 and change.min() >= 0
    assert np.abs(frame - half.astype(int) - change / 2).max() <= 1
    at = lambda p: tuple(np.round(p).astype(int)[::-1])  # noqa: E731
    assert change[at(points[3:].mean(axis=0))].max() > 40
    assert (change[at(points[:2].mean(axis=0))].max() > 0) == (region == "face")
    square = np.argwhere(change.max(axis=2) > 0)[:, ::-1] @ matrix[:, :2].T + matrix[:, 2]
    assert square.min() > -10 and square.max() < 106
    assert np.abs(np.diff(change, axis=1)).max() < 25  # no hard line around it


def test_a_new_compact_restorer_changes_nothing(sample):
    frame, points = sample
    rows = [frame], [points], [square_matrix(points, 96)], [0]
    how = dict(precision=torch.float32, region="face", strength=1.0, steady=0.3)
    assert np.array_equal(compact_faces(CompactRestorer().eval(), *rows, **how)[0], frame)


def test_changes_are_steadied_in_a_run_only():
    changes = [np.full((2, 2, 3), v, np.float32) for v in (0, 9, 0, 30)]
    assert [c[0, 0, 0] for c in steadied(changes, [0, 0, 0, 1], 1.0)] == [3, 3, 3, 30]
    assert [c[0, 0, 0] for c in steadied(changes, [0, 0, 0, 1], 0.0)] == [0, 9, 0, 30]


def test_people_who_do_not_talk_are_restored_when_asked(small_run, monkeypatch):
    pair = np.concatenate(
        [box_detection(b, 160, 120) for b in ((4, 20, 74, 100), (84, 20, 154, 100))]
    )
    monkeypatch.setitem(DETECTORS, "retinaface", lambda frames, device: [pair for _ in frames])
    _, p = small_run(box="", face="left")
    plan, net = load_plan(Path(p.run_dir, "plan.npz")), run.prepare(p)[2]
    assert [layer.faces.box[0, 0] for layer in plan.bystanders(p)] == [84]
    darker = functools.partial(
        compact_faces,
        negative_restorer(),
        precision=torch.float32,
        region="mouth",
        strength=1.0,
        steady=0.0,
    )
    source = next(source_pictures(plan, p.video, 10, 11))
    for asked in (False, True):
        q = replace(p, restore_unsynced=asked)
        frame = list(run.render_frames(plan, p.video, net, q, 0, 16, darker))[10]
        changed = (frame != source).any(axis=(0, 2))
        assert changed[:78].any() and changed[84:].any() == asked


def test_runs_end_at_cuts_and_jumps(small_run):
    _, p = small_run()
    plan = load_plan(Path(p.run_dir, "plan.npz"))
    assert run.continuous_runs(plan, [0, 1, 2, 4, 5]) == [0, 0, 0, 1, 1]
    cut = replace(plan, faces=replace(plan.faces, track=(np.arange(50) > 2).astype(np.int32)))
    assert run.continuous_runs(cut, [1, 2, 3, 4]) == [0, 0, 1, 1]
    jump = replace(plan, source=np.array([0, 1, 2, 20, 21]))
    assert run.continuous_runs(jump, [0, 1, 2, 3, 4]) == [0, 0, 0, 1, 1]


def test_training_runs_and_its_weights_load(tmp_path):
    (tmp_path / "clips" / "her").mkdir(parents=True)
    for n in range(2):
        ffmpeg("-t", "1", "-i", SAMPLE_VIDEO, "-c", "copy", tmp_path / "clips" / "her" / f"{n}.mp4")
    index = training.collect(tmp_path / "clips", tmp_path / "faces")
    assert index["train"].count(True) and index["train"].count(False)
    path = training.train(tmp_path / "faces", tmp_path, steps=4, every=2)
    rows = [json.loads(line) for line in (tmp_path / "restorer.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [2, 4] and all(
        np.isfinite(list(r.values())).all() for r in rows
    )
    assert rows[0]["bicubic_sharpness"] < 0.9  # a round trip is softer than the face
    assert isinstance(checkpoints.load(path), CompactRestorer)


def test_the_bundled_restorer_sharpens_a_96_px_round_trip_of_strangers(clips):
    """Faces of four speakers that it never saw, at their own size. A sharp face is left alone."""
    true = []
    for n in (1, 2, 3, 4):
        for frame in itertools.islice(
            media.read_frames(clips / f"grid_v{n}.mpg", Fraction(25)), 5, 60, 10
        ):
            matrix = square_matrix(detect_in_frame(frame)[0, 5:].reshape(5, 2), training.SQUARE)
            true.append(crop_square(frame, matrix, training.SQUARE))
    pictures = torch.from_numpy(np.stack(true)).permute(0, 3, 1, 2).float() / 255
    net = checkpoints.load(checkpoints.locate("restore-compact").path)
    result = training.validate(net, pictures)
    assert (
        result["gain_db"] > 1
        and 0.7 < result["sharpness"] < 1.2
        and result["bicubic_sharpness"] < 0.6
    )
    with torch.no_grad():
        assert float((net(pictures) - pictures).abs().mean()) < 0.2 / 255


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="no gfpgan for this Python")
def test_the_reference_repeats_its_own_pixels(seeded_gfpgan, sample, tmp_path):
    """Its noise hangs on the frame alone: the same frame comes out the same, whatever was drawn in between."""
    import_gfpgan()
    save_random_helpers(tmp_path)
    frame, points = sample
    tool = load_reference(seeded_gfpgan, CPU, tmp_path)
    first = enhance(tool, frame, 1.0, points)
    torch.randn(7)
    assert np.array_equal(first, enhance(tool, frame, 1.0, points)) and not np.array_equal(
        first, frame
    )


@pytest.mark.parametrize(
    ("restorer", "region"), [("compact", "mouth"), ("compact", "face"), ("sharpen", "mouth")]
)
def test_what_is_shown_of_a_restorer_is_what_it_does(restorer, region, sample):
    frame, points = sample
    p = params.build(restorer=restorer, region=region, strength=0.2)
    view = inspect_face(p, frame, points, square_matrix(points, 96))
    changed = (view["made"] != frame).any(axis=2)
    assert changed.any() and view["mask"].shape == frame.shape[:2] and view["mask"].max() > 0.99
    assert not (changed & (view["mask"] == 0)).any()
    assert (
        view["aligned"].shape == view["restored"].shape
        and (view["aligned"] != view["restored"]).any()
    )


def test_no_restorer_has_no_mask(sample):
    frame, points = sample
    view = inspect_face(params.build(restorer="none"), frame, points, square_matrix(points, 96))
    assert np.array_equal(view["made"], frame) and not view["mask"].any()
    assert np.array_equal(view["aligned"], view["restored"])


def test_beside_the_reference_both_are_at_full_strength(sample, monkeypatch):
    frame, points = sample
    asked = []

    def made(p):
        asked.append((p.restorer, p.strength))
        return lambda frames, *_: [np.full_like(f, len(asked)) for f in frames]

    monkeypatch.setattr("helpers.restore.inspect.make_restorer", made)
    pair = beside_reference(params.build(restorer="gfpgan", strength=0.3), frame, points, None)
    assert asked == [("gfpgan", 1.0), ("gfpgan_reference", 1.0)] and list(pair) == [
        "gfpgan",
        "gfpgan_reference",
    ]
    assert [int(picture[0, 0, 0]) for picture, _ in pair.values()] == [1, 2]
    assert all(seconds >= 0 for _, seconds in pair.values())
