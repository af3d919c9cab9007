"""Data preparation and a few steps of both trainings, on clips made of the sample."""

import json

import numpy as np
import pytest
import torch
from scipy.signal import correlate
from support import draw_batch, spoken_clip, tone
from torch.nn import functional as F

from helpers import checkpoints
from helpers.__main__ import main
from helpers.engines.blend import apply_maps
from helpers.errors import InputError, WeightsError
from helpers.networks.compact import network_input
from helpers.networks.devices import choose_precision
from helpers.networks.encode import encode_faces, encode_speech, frame_moments, neutral_code
from helpers.networks.maps import warp_and_paint
from helpers.networks.sync_expert import SyncExpert, sync_score, sync_similarity
from helpers.sound.mel import melspectrogram
from helpers.training import checkpoint, data, ear, evaluation, generator, mouths, restorer


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    (folder / "her").mkdir()
    for n, start in enumerate((0.0, 0.7, 1.4)):
        spoken_clip(folder / "her" / f"{n}.mp4", start, 1.4)
    out = folder.parent / "trained"
    index = data.prepare(folder, out / "prepared", workers=1)
    assert [c["split"] for c in index["clips"]] == ["train", "validation", "train"] and not index[
        "skipped"
    ]
    return folder, out


def test_batches_have_their_shapes(prepared):
    clips = data.Clips(prepared[1] / "prepared")
    mel, stacks = clips.expert_batch(4, 2)
    assert mel.shape == (8, 1, 80, 16) and stacks.shape == (8, 15, 48, 96)
    target, reference, seen = clips.generator_batch(2)
    assert target.shape == reference.shape == seen.shape == (2, 5, 3, 96, 96)
    assert target.min() >= 0 and target.max() <= 1 and mel.abs().max() <= 4
    assert (seen - target).abs().mean() > 0.02  # the same mouths, another look


def test_weak_augmentation_is_the_clip_itself(prepared):
    clips = data.Clips(prepared[1] / "prepared")
    crops = torch.from_numpy(clips.faces(clips.train[0], np.arange(2)))[None]
    plain = crops[0, :, 16:112, 16:112].permute(0, 3, 1, 2).float() / 255
    made = clips.augment_faces(crops, 0.0)[0]
    assert min((made - plain).abs().mean(), (made.flip(-1) - plain).abs().mean()) < 0.01


def test_one_look_for_all_pictures_of_a_sample(prepared):
    clips = data.Clips(prepared[1] / "prepared")
    same = torch.from_numpy(np.repeat(clips.faces(clips.train[0], [0]), 3, 0))[None].repeat(
        2, 1, 1, 1, 1
    )
    made = clips.augment_faces(same)
    assert (made[0, 0] - made[0, 2]).abs().mean() < 0.03 < (made[0, 0] - made[1, 0]).abs().mean()


def test_beards_grow_on_a_third_of_the_faces_and_leave_eyes_and_lips_free(prepared):
    clips = data.Clips(prepared[1] / "prepared")
    colour, cover = clips._hair(300)
    assert colour.shape == (300, 1, 3, 128, 128) and cover.shape == (300, 1, 1, 128, 128)
    assert cover.min() >= 0 and cover.max() <= 1
    square = cover[:, 0, 0, 16:112, 16:112]
    bearded = square.amax(dim=(1, 2)) > 0.2
    assert 0.2 < bearded.float().mean() < 0.5
    where = square[bearded].mean(dim=0)
    assert where[:40].max() < 0.02 and where[61:65, 42:54].mean() < where[54:58, 42:54].mean() / 2


def test_wide_mouths_are_drawn_into_half_of_the_references(prepared):
    """Nothing changes far from the mouth, nor anywhere at strength 0; lines at the mouth's corners move outwards."""
    clips = data.Clips(prepared[1] / "prepared")
    lines = torch.full((200, 1, 128, 128, 3), 200, dtype=torch.uint8)
    lines[..., 52:55, :] = lines[..., 73:76, :] = 80
    made = clips._smile(lines, 1.0)
    assert made.shape == lines.shape and made.dtype == torch.uint8
    assert torch.equal(clips._smile(lines, 0.0), lines)
    assert torch.equal(made[:, :, :44], lines[:, :, :44])
    left, right = (
        made[:, 0, 77, part, 0].int().argmin(dim=1) for part in (slice(0, 64), slice(64, 128))
    )
    assert (left <= 52).all() and (right + 64 >= 73).all()
    assert 0.35 < ((left < 52) & (right + 64 > 73)).float().mean() < 0.6


def drawn_mouth(half_height):
    """Skin, an ellipse of lips, between them teeth above and the cavity below, ``(1, 1, 3, 128, 128)``; the teeth."""
    line = torch.arange(128) + 0.5
    x, y = line[None] - 64, line[:, None] - 77
    face = torch.tensor([200.0, 160, 130])[:, None, None].repeat(1, 128, 128)
    colours = ((14, half_height + 5, (190, 95, 95)), (11, half_height, (35, 20, 20)))
    for width, height, colour in colours[: 1 + (half_height > 0)]:
        face[:, torch.hypot(x / width, y / height) < 1] = torch.tensor(colour, dtype=torch.float32)[
            :, None
        ]
    teeth = (torch.hypot(x / 11, y / max(half_height, 1e-3)) < 1) & (y < 0)
    face[:, teeth] = torch.tensor([140.0, 125, 95])[:, None]
    return face[None, None], teeth


def test_teeth_and_nothing_else_are_whitened():
    face, teeth = drawn_mouth(4)
    all_of_it = torch.ones(1, 1, 1, 1)
    assert torch.equal(mouths.whiten(face, 0 * all_of_it), face)
    before, after = (p.mean(dim=2)[0, 0] for p in (face, mouths.whiten(face, all_of_it)))
    assert (after[teeth] > before[teeth] + 20).float().mean() > 0.8
    brighter = after > before + 5
    assert (brighter & teeth).sum() > 0.9 * brighter.sum() > 0


@pytest.mark.parametrize("share", [0.5, 1.0, 1.5])
def test_open_mouths_open_wider_and_shut_ones_stay(share):
    """The dark below the teeth grows by about the share of the mouth's 8 rows that is asked for; above and beside the
    mouth nothing moves; the chin goes down with the lip."""
    face, _ = drawn_mouth(4)
    shut, _ = drawn_mouth(0)
    face[..., 100, :] = shut[..., 100, :] = 90  # a line on the chin
    wider = torch.full((1, 1, 1, 1), share)
    assert torch.allclose(mouths.open_wider(shut, wider), shut, atol=1)
    made = mouths.open_wider(face, wider)
    dark = lambda p: int((p[0, 0, :, 69:90, 64].mean(dim=0) < 80).sum())  # noqa: E731
    assert dark(made) - dark(face) == pytest.approx(7 * share, rel=0.3)
    assert torch.allclose(made[..., :72, :], face[..., :72, :], atol=1)
    assert torch.allclose(made[..., 60:80, :40], face[..., 60:80, :40], atol=1)
    assert made[0, 0, 0, 96:, 64].argmin() > 4


def test_eyes_see_the_targets_mouths_with_other_teeth(prepared):
    """Same mouths, opened as widely; how white the teeth are is drawn anew, and is the reference's in the target."""
    clips = data.Clips(prepared[1] / "prepared")
    face = drawn_mouth(4)[0].to(torch.uint8).permute(0, 1, 3, 4, 2).repeat(60, 1, 1, 1, 1)
    target, reference, seen = clips._laugh(face, face, 1.0).unbind(dim=1)
    light = lambda p: p[:, 74:76, 60:68].float().mean(dim=(1, 2, 3))  # noqa: E731
    assert torch.allclose(light(target), light(reference), atol=1)
    assert ((light(target) - light(seen)).abs() > 10).float().mean() > 0.2
    teeth = torch.full((128, 128, 1), False)
    teeth[70:90, 50:78] = True
    assert torch.equal(target.where(~teeth, 0), seen.where(~teeth, 0))
    assert not torch.equal(target.where(~teeth, 0), reference.where(~teeth, 0))


def test_the_critic_learns_to_tell_sharp_mouths_from_soft_ones():
    """Of noise, sharp and blurred: at chance before, a tenth of chance after 60 steps. It sees the mouth alone."""
    torch.manual_seed(0)
    critic = generator.MouthCritic()
    sharp = torch.rand(8, 3, 96, 96)
    soft = F.avg_pool2d(sharp, 3, 1, 1)
    assert critic.doubt(sharp, soft).item() == pytest.approx(np.log(2), abs=0.05)
    optimiser = torch.optim.Adam(critic.parameters(), 1e-3)
    for _ in range(60):
        optimiser.zero_grad()
        critic.doubt(sharp, soft).backward()
        optimiser.step()
    assert critic.doubt(sharp, soft) < 0.07 and critic.doubt(soft, sharp) > 2
    assert critic.steepness(sharp) > 0
    sharp.requires_grad_(True)
    critic.doubt(soft, sharp).backward()
    felt = sharp.grad.abs().sum(dim=(0, 1)) > 0
    assert felt[generator.ROWS, generator.COLUMNS].float().mean() > 0.9 and felt.sum() <= 48 * 48


def test_the_readout_learns_what_the_face_encoder_sees(prepared):
    """One clip: the codes that its sound asks for come near its faces', in every number."""
    clips = data.Clips(prepared[1] / "prepared")
    clips.train = clips.train[:1]
    net = checkpoints.load(checkpoints.locate("compact").path)
    known = net.readout.opening.clone()
    net.readout.weight.zero_()
    encoder = checkpoints.audio_encoder()
    clip = clips.train[0]
    faces = encode_faces(net, clips.squares(clip, np.arange(clip["frames"])))

    ear.fit(net, encoder, clips)
    asked = encode_speech(net, encoder, clips.wave(clip), frame_moments(len(faces), data.FPS))

    alike = [np.corrcoef(asked[:, k], faces[:, k])[0, 1] for k in range(8)]
    assert min(alike) > 0.8
    shares = asked.std(axis=0) / faces.std(axis=0)
    assert shares / shares.mean() == pytest.approx(np.ones(8), rel=0.15)
    assert torch.equal(net.readout.opening, known)  # of many clips, while here is one


def test_no_speaker_drowns_the_others():
    """At most 200 clips of one; a speaker's clips weigh the square root of their number together."""
    many = [dict(speaker="a", file=str(n)) for n in range(999)]
    few = [dict(speaker="b", file=str(n)) for n in range(4)]

    class Listed:
        train = many + few

    chosen = ear.weighted_clips(Listed())
    weights = {name: [w for clip, w in chosen if clip["speaker"] == name] for name in "ab"}
    assert len(weights["a"]) == ear.MOST_CLIPS and len(weights["b"]) == 4
    assert sum(weights["a"]) == pytest.approx(ear.MOST_CLIPS**0.5)
    assert sum(weights["b"]) == pytest.approx(2)
    files = [int(clip["file"]) for clip, _ in chosen if clip["speaker"] == "a"]
    assert files[0] == 0 and files[-1] == 998 and len(set(files)) == ear.MOST_CLIPS


def test_opening_is_the_way_in_which_codes_part_the_lips(prepared):
    """Learnt on some clips, it opens the mouth of another more than four in five of 200 random ways open or shut it:
    above and below the lips the flow reads further apart. The bundled one, of many clips: more than 95 %."""
    clips = data.Clips(prepared[1] / "prepared")
    net = checkpoints.load(checkpoints.locate("compact").path)
    way = ear.opening(net, clips, clips.train)
    assert way.shape == (8,) and torch.allclose(way.norm(), torch.ones(()))
    faces = clips.squares(clips.validation[0], np.arange(0, clips.validation[0]["frames"], 15))
    faces = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    learnt = torch.stack((way, net.readout.opening))
    ways = torch.cat(
        (
            learnt,
            F.normalize(torch.randn(200, 8, generator=torch.Generator().manual_seed(0)), dim=1),
        )
    )

    def gap(codes: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            both = network_input(faces, faces).repeat_interleave(len(codes), dim=0)
            told = (net.face_encoder(faces)[:, None] + codes).flatten(0, 1)
            flow = net.draw(told, both)[:, 1, :, 40:56]
        return (
            (flow[:, 50:60].mean(dim=(1, 2)) - flow[:, 66:80].mean(dim=(1, 2)))
            .view(len(faces), -1)
            .mean(dim=0)
        )

    moved = gap(ways) - gap(-ways)
    more = [float((m > moved[2:].abs()).float().mean()) for m in moved[:2]]
    assert more[0] > 0.8 and more[1] > 0.95, more


def test_eyes_hardly_see_brightness_and_contrast(prepared):
    """A picture with 60 % of its contrast is nearly the same mouth: 0.1 to 0.25 of the codes' spread away."""
    clips = data.Clips(prepared[1] / "prepared")
    faces = (
        torch.from_numpy(clips.squares(clips.train[0], np.arange(20))).permute(0, 3, 1, 2).float()
        / 255
    )
    eyes = checkpoints.load(checkpoints.locate("compact").path).face_encoder
    with torch.no_grad():
        own, dimmed = eyes(faces), eyes(0.6 * faces + 0.1)
    assert (own - dimmed).abs().mean() < 0.3 * own.std()


def test_another_voice_keeps_its_time():
    wave = tone(3.0)
    own = melspectrogram(wave).mean(axis=0)
    for seed in range(4):
        other = data.change_voice(wave, np.random.default_rng(seed)).mean(axis=0)
        assert len(other) == len(own)
        lag = np.argmax(correlate(other - other.mean(), own - own.mean())) - (len(own) - 1)
        assert abs(lag) <= 1


def test_training_runs_resumes_and_its_weights_load(prepared, capsys):
    folder, out = prepared
    for what in ("expert", "generator"):
        for steps in (2, 3):
            assert (
                main(
                    [
                        "train",
                        what,
                        "--data",
                        str(folder),
                        "--out",
                        str(out),
                        "--steps",
                        str(steps),
                        "--every",
                        "2",
                    ]
                )
                == 0
            )
    printed = capsys.readouterr().out
    assert "going on from step 2" in printed
    rows = [json.loads(line) for line in (out / "generator.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows] == [2, 3] and all(
        np.isfinite(list(r.values())).all() for r in rows
    )
    assert all(r["cycle"] > 0 and r["likeness"] != 0 for r in rows)
    assert (out / "strips" / "000003.png").exists()
    assert isinstance(checkpoints.load(out / "sync-compact.safetensors"), SyncExpert)
    net = checkpoints.load(out / "wav2lip-compact.safetensors")
    assert type(net).__name__ == "CompactWav2Lip"
    clips = data.Clips(out / "prepared")
    figures, picture = generator.validate_stills(
        net, checkpoints.load(out / "sync-compact.safetensors"), clips, clips.validation
    )
    assert picture.dtype == np.uint8 and figures["copy_l1"] > 0


def test_a_narrow_generator_without_some_parts_loads_by_its_width(prepared, tmp_path):
    folder, out = prepared
    (tmp_path / "prepared").symlink_to(out / "prepared")
    command = ["train", "generator", "--data", str(folder), "--out", str(tmp_path), "--steps", "2"]
    command += [
        "--expert",
        str(checkpoints.locate("sync-compact").path),
        "--width",
        "0.25",
        "--without",
        "expert",
    ]
    command += ["looks", "cycle"]
    assert main(command) == 0
    net = checkpoints.load(tmp_path / "wav2lip-compact.safetensors")
    assert net.width == 0.25 and net.face_encoder_blocks[0][1].conv_block[0].out_channels == 8
    row = json.loads((tmp_path / "generator.jsonl").read_text().splitlines()[-1])
    assert row["likeness"] == row["critic"] == row["cycle"] == 0


def test_training_goes_on_with_the_eyes_and_a_part_of_the_weights_kept(
    prepared, tmp_path, monkeypatch
):
    """The critic is heard from the first step on; eyes and ear stay to the bit, the rest goes half of the way."""
    folder, out = prepared
    (tmp_path / "prepared").symlink_to(out / "prepared")
    monkeypatch.setattr(generator, "CRITIC_NEEDS", 0)
    monkeypatch.setattr(generator, "CRITIC_START", dict(start=0.0))
    start = checkpoints.locate("compact").path
    command = [
        "train",
        "generator",
        "--data",
        str(folder),
        "--out",
        str(tmp_path),
        "--steps",
        "3",
        "--every",
        "1",
    ]
    command += ["--expert", str(checkpoints.locate("sync-compact").path), "--start", str(start)]
    assert main([*command, "--without", "encoders", "--new-weights", "0.5"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "generator.jsonl").read_text().splitlines()]
    assert (
        all(0.3 < row["critic"] < 1.5 for row in rows)
        and rows[0]["steepness"] > 0 == rows[1]["steepness"]
    )
    before = checkpoints.load(start).state_dict()
    after = checkpoints.load(tmp_path / "wav2lip-compact.safetensors").state_dict()
    whole = torch.load(tmp_path / "generator.pt", weights_only=True)["averaged"]
    moved = 0
    for name, value in after.items():
        if name.startswith(("face_encoder.", "readout.")):
            assert torch.equal(value, before[name]), name
        elif value.is_floating_point():
            assert torch.allclose(value, (before[name] + whole[name]) / 2, rtol=2e-3, atol=1e-5), (
                name
            )
            moved += not torch.equal(value, before[name])
    assert moved > 50


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--new-weights", "0"], "--new-weights 0 is outside 0 to 1"),
        (["--new-weights", "0.5"], "give these as --start"),
        (["--without", "encoders"], "give these as --start"),
    ],
)
def test_what_keeps_other_weights_needs_them(options, told, tmp_path, capsys):
    command = [
        "train",
        "generator",
        "--data",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        *options,
    ]
    assert main(command) == 2 and not (tmp_path / "out").exists()
    assert told in capsys.readouterr().err


def test_a_width_that_cannot_be_is_told_before_any_work(tmp_path, capsys):
    command = [
        "train",
        "generator",
        "--data",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
        "--width",
        "0.01",
    ]
    assert main(command) == 2 and not (tmp_path / "out").exists()
    assert "--width 0.01 is outside 0.1 to 4" in capsys.readouterr().err


def test_training_goes_on_from_compact_weights_only(prepared, tmp_path):
    expert = checkpoints.locate("sync-compact").path
    with pytest.raises(
        WeightsError, match="sync-compact.safetensors holds no compact lip-sync network"
    ):
        generator.train(prepared[1] / "prepared", expert, tmp_path, 1, start=expert)


@pytest.mark.parametrize(("start", "rate"), ((None, 1e-3), ("compact", 2e-4)))
def test_training_that_goes_on_takes_a_fifth_of_the_rate(
    start, rate, prepared, tmp_path, monkeypatch
):
    class Reached(Exception): ...

    def stop(out, name, net, optimiser, *_):
        assert [group["lr"] for group in optimiser.param_groups] == [rate]
        raise Reached

    monkeypatch.setattr(generator, "run_training", stop)
    start = checkpoints.locate(start).path if start else None
    with pytest.raises(Reached):
        generator.train(
            prepared[1] / "prepared",
            checkpoints.locate("sync-compact").path,
            tmp_path,
            1,
            start=start,
        )


@pytest.mark.parametrize("fast", (False, True))
def test_training_computes_in_bfloat16_only_where_the_processor_does(fast, monkeypatch):
    """Elsewhere bfloat16 is emulated: seven to ten times slower than float32, measured on AVX2."""
    precision = torch.bfloat16 if fast else torch.float32
    monkeypatch.setattr(checkpoint, "choose_precision", lambda name, device: precision)
    with checkpoint.mixed_precision(torch.device("cpu")):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == precision


def test_some_of_a_batch_is_at_its_second_pass():
    """Those are drawn already, and told more of what they lack; the others are as they were."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    draw = torch.Generator().manual_seed(0)
    faces, code = torch.rand(4, 3, 96, 96, generator=draw), torch.randn(4, 8, generator=draw)
    told = code + 0.1
    source, then = generator.drawn_before(net, code, told, faces, [2])
    assert torch.equal(source[2:], faces[2:]) and torch.equal(then[2:], told[2:])
    maps = net.draw(told[:2], network_input(faces[:2], faces[:2]))
    assert torch.allclose(source[:2], warp_and_paint(faces[:2], maps), atol=1e-4)
    assert torch.allclose(then[:2], told[:2] + net.correction(code[:2], source[:2]), atol=1e-4)
    assert (then[:2] - told[:2]).abs().max() > 0.01


def test_pieces_of_a_face_are_turned_mirrored_and_recoloured():
    squares = (
        np.random.default_rng(0)
        .integers(0, 255, (2, 1, 144, 144, 3), dtype=np.uint8)
        .repeat(2, axis=1)
    )
    true, painted = restorer.pieces(
        squares, np.array([0, 1, 1]), np.array([True, False, True]), np.random.default_rng(1)
    )
    assert (
        true.shape == (3, 3, 72, 72)
        and true.dtype == torch.float32
        and 0 <= true.min() <= true.max() <= 1
    )
    assert torch.equal(true, painted)  # both are turned alike
    flat = np.full((1, 2, 144, 144, 3), (200, 100, 50), np.uint8)
    some = [
        restorer.pieces(flat, np.array([0]), np.array([False]), np.random.default_rng(k))
        for k in range(8)
    ]
    looks = [true[0, :, 0, 0] for true, _ in some]
    assert (
        len({tuple(look.argsort().tolist()) for look in looks}) > 2
    )  # which colour is the brightest


def test_what_is_evaluated_is_what_a_run_draws(prepared):
    """Between pixels the face is read as a run reads it, bicubically: bilinear reading looked a quarter softer."""
    clips = data.Clips(prepared[1] / "prepared")
    face = clips.squares(clips.train[0], np.arange(1))
    net = checkpoints.load(checkpoints.locate("compact").path)
    precision = choose_precision("auto", torch.device("cpu"))
    wave = clips.wave(clips.train[0])
    moments = frame_moments(20, data.FPS)
    told = encode_speech(net, checkpoints.audio_encoder(), wave, moments)[3:4]
    own = neutral_code(net, encode_faces(net, face))
    maps = draw_batch(net, told, face, precision, 3, neutral=own)
    expected = apply_maps(face[0], maps[0], np.eye(2, 3), None)
    assert (
        np.array_equal(evaluation.draw(net, told, face)[0], expected)
        and (expected != face[0]).any()
    )


def test_empty_and_faceless_folders_are_told(tmp_path):
    with pytest.raises(InputError, match="no video clips"):
        data.prepare(tmp_path, tmp_path / "out")


def test_expert_finds_the_offset_of_real_speech(clips, tmp_path):
    """The bundled expert, on speakers it never saw."""
    (tmp_path / "grid").mkdir()
    for n in (1, 2, 4):
        (tmp_path / "grid" / f"{n}.mpg").symlink_to(clips / f"grid_v{n}.mpg")
    data.prepare(tmp_path / "grid", tmp_path / "out", workers=1)
    ready = data.Clips(tmp_path / "out")
    expert = checkpoints.sync_expert()
    for clip in ready.clips:
        at = np.arange(clip["frames"])
        crops = ready.squares(clip, at)
        curve = sync_similarity(expert, crops, ready.windows(clip, at))
        assert abs(sync_score(curve)["offset"]) <= 1
        late = sync_similarity(
            expert, crops[5:], ready.windows(clip, at[:-5])
        )  # the mouth is 5 frames early
        assert abs(sync_score(late)["offset"] - 5) <= 1


def test_evaluation_has_the_true_clip_as_anchor(prepared, capsys):
    folder, _ = prepared
    assert main(["evaluate", "--model", "compact", "--clips", str(folder), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    kinds = [row["video"] for row in result["mean"]]
    assert kinds == ["true", "copied", "own speech", "other speech"] and len(result["clips"]) == 12
    true, copied, own, other = result["mean"]
    assert true["sharpness_ratio"] == true["flicker_ratio"] == 1 and "mouth_l1" not in true
    assert {"mouth_l1", "mouth_psnr", "mouth_ssim", "sync_confidence", "leak"} <= set(own)
    assert (
        own["mouth_l1"] > 0
        and 0 < own["leak"] < 2
        and other["sync_confidence"] > copied["sync_confidence"]
    )
    assert main(["evaluate", "--model", "compact", "--clips", str(folder)]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 5 and "mouth_psnr" in table[0] and "of 3" in table[1]


@pytest.mark.parametrize("args", [[], ["run", "--model", "compact"], ["--model", "compact"]])
def test_evaluate_says_what_it_needs(args, capsys):
    assert main(["evaluate", *args]) == 2
    assert "--clips FOLDER" in capsys.readouterr().err


def test_the_sharpest_difference_is_found():
    faces = np.zeros((6, 96, 96, 3), np.uint8)
    faces[1], faces[4] = 90, 200
    assert sorted(evaluation.different(faces)) in ([0, 1, 4], [1, 2, 4], [1, 3, 4], [1, 4, 5])


def test_a_copy_leaks_all_and_silence_of_the_reference_nothing(monkeypatch):
    faces = np.random.default_rng(0).integers(0, 255, (9, 96, 96, 3), dtype=np.uint8)
    codes = np.zeros((9, 8), np.float32)
    monkeypatch.setattr(evaluation, "encode_faces", lambda net, faces: None)
    monkeypatch.setattr(evaluation, "neutral_code", lambda net, codes: None)
    monkeypatch.setattr(evaluation, "draw", lambda net, told, faces, own, passes=3: faces)
    assert evaluation.leak(None, codes, faces) == pytest.approx(1)
    monkeypatch.setattr(
        evaluation, "draw", lambda net, told, faces, own, passes=3: np.zeros_like(faces)
    )
    assert evaluation.leak(None, codes, faces) == 0
