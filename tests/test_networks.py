"""Networks, weights and blending, with golden numbers from upstream's own program."""

import shutil
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from support import SAMPLE_SPEECH, SAMPLE_VIDEO, fill, tone, write_wave

from helpers import checkpoints, media, params, run
from helpers.engines.base import face_input
from helpers.engines.blend import apply_maps, paste_box, paste_feathered
from helpers.engines.compact import (
    BROAD_SMILE,
    BROW_ROW,
    CHEEK_ROW,
    LEAN,
    PHOTO_FLOW,
    generate,
    greenest,
)
from helpers.errors import WeightsError
from helpers.face.detect import detect_in_frame
from helpers.face.mask import face_mask
from helpers.face.square import crop_square, square_matrix
from helpers.networks.codes import MEL_MARGIN
from helpers.networks.compact import PAINT_GAP, CompactWav2Lip, network_input, without_gaps
from helpers.networks.encode import (
    VOICE_STRETCHES,
    encode_faces,
    encode_mel,
    encode_speech,
    fit_voice,
    is_talking,
    neutral_code,
    silence_code,
)
from helpers.networks.maps import chain_maps, warp_and_paint
from helpers.networks.wav2lip import Wav2Lip
from helpers.sound.mel import mel_windows, melspectrogram
from helpers.sound.voice import missing_gain, normalise_voice, usual_stretch

POINTS = np.array([[85, 70], [135, 70], [110, 95], [92, 120], [128, 120]], np.float32)


def picture() -> np.ndarray:
    y, x = np.mgrid[0:200, 0:240]
    return np.stack([(x * y // 40) % 256, (3 * x + y) % 256, (x * 2 + y * 5) % 256], -1).astype(
        np.uint8
    )


def test_upstreams_network_has_its_size_and_keys():
    net = Wav2Lip()
    assert (
        sum(p.numel() for p in net.parameters()) == 36_298_035
    )  # models/wav2lip.py of Rudrabha/Wav2Lip at 5c90fa9
    keys = set(net.state_dict())
    assert {
        "face_encoder_blocks.0.0.conv_block.0.weight",
        "audio_encoder.12.conv_block.1.running_mean",
    } <= keys
    assert {"face_decoder_blocks.6.0.conv_block.0.bias", "output_block.1.weight"} <= keys


def test_frames_are_those_of_upstreams_inference(tmp_path, seeded_wav2lip):
    """Pixels and means caught from ``inference.main()`` of Rudrabha/Wav2Lip at 5c90fa9 (its VideoWriter replaced), with
    the same seeded weights, picture, sound and ``--box 40 170 60 180``, batch 8, on a CPU in float32."""
    cv2.imwrite(str(tmp_path / "face.png"), picture()[..., ::-1])
    speech = write_wave(tmp_path / "speech.wav", tone(1.0), "-c:a", "pcm_s16le")
    p = params.build(
        video=tmp_path / "face.png", audio=speech, run_dir=tmp_path / "run", checkpoint=seeded_wav2lip,
        box="60,40,180,170", blend="box", precision="fp32", batch_size=8,
    )  # fmt: skip
    record, plan, net = run.prepare(p)
    assert record["plan"]["mel_alignment"] == "inference"
    frames = list(run.render_frames(plan, p.video, net, p, 0, plan.frames))
    assert len(frames) == 25  # upstream stops at 22: its last windows are missing
    seen = face_input(picture(), plan, 2, net, (0, 0, 0, 0))
    assert np.allclose(seen[60, 30] / 255, [0.15686275, 0.61960784, 0.13333333])
    for n, mean, pixels in (
        (
            0,
            150.12793055555557,
            [[246, 255, 175], [161, 252, 135], [103, 230, 223], [58, 219, 59], [140, 152, 151]],
        ),
        (
            5,
            150.09842361111112,
            [[245, 254, 171], [162, 252, 132], [102, 233, 224], [58, 219, 59], [141, 152, 152]],
        ),
        (
            20,
            150.03543055555556,
            [[241, 254, 175], [155, 251, 134], [95, 226, 232], [58, 219, 59], [140, 148, 151]],
        ),
    ):
        assert frames[n].mean() == pytest.approx(mean, abs=1e-3)
        at = ((100, 100), (160, 170), (40, 60), (39, 60), (169, 179))
        got = np.array([frames[n][place] for place in at]).astype(int)
        assert np.abs(got - pixels).max() <= 1


def test_box_paste_is_bit_for_bit():
    patch = np.random.default_rng(0).random((96, 96, 3), np.float32)
    frame = picture()
    made = paste_box(frame, patch, (30, 20, 171, 160))
    want = frame.copy()
    want[20:160, 30:171] = cv2.resize((patch * 255.0).astype(np.uint8), (141, 140))
    assert (made == want).all() and (frame == picture()).all()


@pytest.mark.parametrize("form", ["plain", "state_dict", "module."])
def test_checkpoint_forms_load(tmp_path, form):
    state = fill(Wav2Lip().state_dict())
    key = "output_block.1.weight"
    saved = {f"module.{k}": v for k, v in state.items()} if form == "module." else state
    torch.save(
        saved if form == "plain" else {"state_dict": saved, "global_step": 7}, tmp_path / "w.pth"
    )
    net = checkpoints.load(tmp_path / "w.pth")
    assert isinstance(net, Wav2Lip) and not net.training
    assert torch.equal(net.state_dict()[key], state[key])


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/never-made-by-lipsync", "w"))


def _save_script(path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))


@pytest.mark.parametrize("make, words", [
    (lambda p: None, "no weights at"),
    (lambda p: p.write_bytes(b"<!DOCTYPE html><html>"), "web page"),
    (lambda p: p.write_bytes(b"\x80\x02 nonsense"), "damaged"),
    (lambda p: torch.save({"x": torch.zeros(3)}, p), "another architecture"),
    (lambda p: torch.save({"x": Evil()}, p), "damaged or no plain checkpoint"),
    (lambda p: torch.save([1, 2], p), "no state dict"),
    (_save_script, "TorchScript"),
])  # fmt: skip
def test_unusable_weights_are_told(tmp_path, make, words):
    make(tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=words) as caught:
        checkpoints.load(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


def test_damaged_and_foreign_safetensors_are_told(tmp_path):
    whole = checkpoints.FOLDER / "wav2lip-compact.safetensors"
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged"):
        checkpoints.load(tmp_path / "cut.safetensors")


def test_auto_takes_the_real_thing_when_it_is_here(tmp_path, monkeypatch):
    assert checkpoints.locate("auto").name == "compact"
    for name in ("registry.json", "wav2lip-compact.safetensors"):
        shutil.copy(checkpoints.FOLDER / name, tmp_path)
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)
    with (tmp_path / "wav2lip.pth").open("wb") as file:
        file.truncate(checkpoints.entries()["wav2lip"]["bytes"])
    assert checkpoints.locate("auto").name == "wav2lip"
    (tmp_path / "wav2lip_gan.pth").write_bytes(b"short")
    assert checkpoints.locate("auto").name == "wav2lip"
    with pytest.raises(WeightsError, match="bytes instead of"):
        checkpoints.locate("wav2lip_gan")
    with pytest.raises(WeightsError, match="neither a file nor one of"):
        checkpoints.locate("no-such")


def test_a_face_does_not_depend_on_its_neighbours_in_the_batch():
    net = checkpoints.load(checkpoints.FOLDER / "wav2lip-compact.safetensors")
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (8, 96, 96, 3), np.uint8)
    codes = rng.normal(size=(8, 8)).astype(np.float32)
    whole = generate(net, codes, pictures)
    alone = generate(
        net,
        codes * (np.arange(8) == 3)[:, None],
        pictures * (np.arange(8) == 3)[:, None, None, None],
    )
    assert whole.shape == (8, 6, 96, 96)
    assert (whole[3] == alone[3]).all()


def sample_face():
    frame = next(media.read_frames(SAMPLE_VIDEO, Fraction(25)))
    return crop_square(frame, square_matrix(detect_in_frame(frame)[0, 5:].reshape(5, 2), 96), 96)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16, torch.float32])
def test_sound_moves_the_mouth(precision):
    """The bundled network draws different mouths for different sounds, and leaves the eyes alone."""
    net = checkpoints.load(checkpoints.FOLDER / "wav2lip-compact.safetensors")
    mel = melspectrogram(media.read_audio(SAMPLE_SPEECH))
    codes = encode_mel(net, [mel_windows(mel, np.arange(0, 560, 20), MEL_MARGIN)])
    face = sample_face()
    maps = torch.from_numpy(generate(net, codes, np.repeat(face[None], len(codes), 0), precision))
    pixels = torch.from_numpy(face).permute(2, 0, 1).float().expand(len(codes), 3, 96, 96)
    maps[:, 3:] *= 255
    moves = warp_and_paint(pixels, maps).std(dim=0).mean(dim=0)
    assert (
        moves[52:72, 34:62].mean() > max(10 * moves[20:40, 20:76].mean(), 4)
        and moves[:32].max() < 1
    )


def test_an_ear_is_a_mean_over_places_and_encoders():
    """Heard early, in time and late by two mel frames (25 ms): by two encoders of 0.2 s and two of 0.35 s each."""
    ear = checkpoints.load(checkpoints.FOLDER / "wav2lip-compact.safetensors").audio_encoder
    mel = torch.randn(3, 1, 80, 32, generator=torch.Generator().manual_seed(0))
    short = [encoder(mel[..., at : at + 16]) for encoder in ear.encoders[:2] for at in (6, 8, 10)]
    long = [encoder(mel[..., at : at + 28]) for encoder in ear.encoders[2:] for at in (0, 2, 4)]
    told = torch.stack(short + long).mean(dim=0)
    assert torch.allclose(ear(mel), told * ear.spread, atol=1e-4)


def test_eyes_bring_mouths_nearer_to_what_is_heard():
    """A smile and the same smile shut, told the same sounds: by passes that look at what is drawn, and blindly."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    mel = melspectrogram(media.read_audio(SAMPLE_SPEECH))
    windows = mel_windows(mel, np.arange(0, 560, 20), MEL_MARGIN)
    pixels = lambda pictures: torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255  # noqa: E731
    smile, silence = sample_face()[None], encode_mel(net, [np.full((1, 80, 32), -4, np.float32)])
    own = neutral_code(net, encode_faces(net, smile))
    assert own.shape == (8,) and own.dtype == np.float32 and np.linalg.norm(own) <= 3.001
    maps = torch.from_numpy(generate(net, silence, smile, pauses=np.ones(1, np.float32), own=own))
    shut = (
        (warp_and_paint(pixels(smile), maps).clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()
    )
    told = encode_mel(net, [windows])
    code = torch.from_numpy(told)
    seen = {"blind": [], "seeing": []}
    for face in (smile, shut):
        inputs = np.repeat(face, len(told), 0)
        blind = net.draw(code, network_input(pixels(inputs), pixels(inputs)))
        for _ in range(2):
            again = warp_and_paint(pixels(inputs), blind)
            blind = chain_maps(blind, net.draw(code, network_input(again, again)))
        seeing = torch.from_numpy(generate(net, told, inputs, passes=3, own=own))
        for name, maps in (("blind", blind), ("seeing", seeing)):
            seen[name].append(net.face_encoder(warp_and_paint(pixels(inputs), maps)))
    wanted = code + torch.from_numpy(own)
    away = {
        name: sum((wanted - codes).square().mean() for codes in pair) for name, pair in seen.items()
    }
    assert away["seeing"] < 0.9 * away["blind"]


def test_paint_is_hardly_greener_than_the_face():
    """Green over the mean of red and blue: a smile's paint has no more of it than the cheeks, the network's own has."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    codes = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    faces = np.repeat(sample_face()[None], 8, 0)
    pixels = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    green = lambda maps: maps[:, 4] - (maps[:, 3] + maps[:, 5]) / 2  # noqa: E731
    limit = greenest(pixels).max() + 0.01
    assert limit < 0.1
    assert green(net.draw(torch.from_numpy(codes), network_input(pixels, pixels))).max() > 2 * limit
    assert green(torch.from_numpy(generate(net, codes, faces))).max() <= limit


@given(
    hnp.arrays(np.float32, (1, 1, 2, 40), elements=st.floats(-3, 3, width=32)),
    st.integers(1, 18),
    st.integers(1, 20),
)
def test_paint_between_two_painted_places_has_no_narrow_gap(alpha, first, width):
    """Paint is only added, no more than there is beside it, and the second time nothing; a gap of GAP px stays."""
    alpha[..., 0, :] = 4
    alpha[..., 0, first : first + width] = -4
    given_alpha = torch.from_numpy(alpha)
    filled = without_gaps(given_alpha)
    assert (filled >= given_alpha).all() and filled.max() == given_alpha.max()
    assert torch.equal(without_gaps(filled), filled)
    assert filled[0, 0, 0, first] == (4 if width < PAINT_GAP else -4)


def test_the_compact_network_paints_without_gaps():
    net = checkpoints.load(checkpoints.locate("compact").path)
    pixels = torch.from_numpy(sample_face()[None]).permute(0, 3, 1, 2).float() / 255
    alpha = net.draw(torch.full((1, 8), 2.0), network_input(pixels, pixels))[:, 2:3]
    assert alpha.std() > 0 and torch.equal(without_gaps(alpha), alpha)


def test_a_photographed_smile_is_painted_in_pauses_only():
    """The sample's code is longer than 5: its teeth are bent and not painted over, unless nobody speaks."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    codes = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    faces, still = np.repeat(sample_face()[None], 4, 0), np.array([False, True, True, True])
    assert np.linalg.norm(encode_faces(net, faces[:1])) > 1 + BROAD_SMILE
    alpha = generate(net, codes, faces, still=still, pauses=np.array([0, 0, 0.5, 1], np.float32))[
        :, 2
    ]
    assert alpha[1].max() == 0 and alpha[[0, 2, 3]].max(axis=(1, 2)).min() > 0.2
    grey = np.full_like(faces, 128)
    assert np.linalg.norm(encode_faces(net, grey[:1])) < BROAD_SMILE
    assert generate(net, codes, grey, still=still)[1, 2].max() > 0


def test_a_photographed_smile_is_not_moved_further_in_pauses(monkeypatch):
    """Shut as the eyes see it and bent by 1.45 times that, the sample's chin is pushed aside."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    codes = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    pauses, still = np.array([0, 0.5, 1], np.float32), np.ones(3, bool)
    for face, further in (
        (sample_face(), [0.45, 0.225, 0]),
        (np.full((96, 96, 3), 128, np.uint8), [0.45] * 3),
    ):
        flows = []
        for wider in (1.0, 1.45):
            monkeypatch.setattr("helpers.engines.compact.PHOTO_FLOW", wider)
            flows.append(
                generate(net, codes, np.repeat(face[None], 3, 0), still=still, pauses=pauses)[:, :2]
            )
        for once, lengthened, more in zip(*flows, further, strict=True):
            np.testing.assert_allclose(lengthened, once * (1 + more), atol=1e-5)


def test_one_pass_is_told_what_the_source_lacks():
    net = checkpoints.load(checkpoints.locate("compact").path)
    face, heard = (
        sample_face()[None],
        np.random.default_rng(0).normal(size=(1, 8)).astype(np.float32),
    )
    own = np.linspace(-2, 2, 8, dtype=np.float32)
    pixels = torch.from_numpy(face).permute(0, 3, 1, 2).float() / 255
    code = torch.from_numpy(heard)
    lacks = (code + torch.from_numpy(own) - net.face_encoder(pixels)).clamp(-3, 3)
    told = net.draw(code + LEAN * lacks, network_input(pixels, pixels))
    made = torch.from_numpy(generate(net, heard, face, passes=1, own=own))
    lower = made[..., CHEEK_ROW:, :]
    assert torch.allclose(
        lower[:, :3], told[:, :3, CHEEK_ROW:], atol=1e-4
    )  # the paint's green is limited
    assert (made[:, :2, :BROW_ROW] == 0).all()  # eyes and brows stay
    assert not torch.allclose(
        net.draw(code, network_input(pixels, pixels))[:, :3], told[:, :3], atol=1e-3
    )


def test_a_voice_is_fitted_to_the_ear():
    """Speech whose bands were moved is moved back, as far as the factors go: the one with which most is told."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    mel = melspectrogram(media.read_audio(SAMPLE_SPEECH))
    windows = mel_windows(mel, np.arange(0, 560, 4), MEL_MARGIN)

    def movement(factor: float) -> float:
        with torch.no_grad():
            heard = net.audio_encoder(
                torch.from_numpy(normalise_voice(windows, factor, gain))[:, None]
            )
        return float(heard.var(dim=0).sum())

    usual, gain = usual_stretch(200.0), missing_gain(windows)
    assert usual == pytest.approx(0.938, abs=0.001) and usual_stretch(106.0) == 1
    fitted = lambda factor: fit_voice(net, normalise_voice(windows, factor), 200.0)[0]  # noqa: E731
    assert fitted(1.0) == max((usual * voice for voice in VOICE_STRETCHES), key=movement)
    assert fitted(1.15) < fitted(0.87)
    assert fit_voice(net, windows[:0], 200.0) == (usual, 0)


def test_a_quiet_recording_is_heard_as_a_loud_one():
    """10 dB less: a fifteenth of the codes' spread away, half as far as from an ear that is given it as it is."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    wave = media.read_audio(SAMPLE_SPEECH)
    loud, quiet = (
        mel_windows(melspectrogram(wave * share), np.arange(0, 560, 4), MEL_MARGIN)
        for share in (1.0, 0.32)
    )
    told = encode_speech(net, loud, 120.0)
    away = np.abs(encode_speech(net, quiet, 120.0) - told).mean()
    stretch, gain = fit_voice(net, loud, 120.0)
    unheeded = np.abs(encode_mel(net, [normalise_voice(quiet, stretch, gain)]) - told).mean()
    assert away < 0.1 * told.std() and away < 0.6 * unheeded, (away, unheeded, told.std())


def test_zero_maps_change_nothing():
    maps = np.zeros((6, 96, 96), np.float32)
    assert (apply_maps(picture(), maps, square_matrix(POINTS, 96), POINTS) == picture()).all()


@pytest.mark.parametrize("shift", [(0, 0), (-90, -60), (110, 90), (500, 0)])
def test_nothing_outside_the_mask_changes(shift):
    points = POINTS + shift
    maps = np.random.default_rng(0).uniform(-0.3, 1, (6, 96, 96)).astype(np.float32)
    made = apply_maps(picture(), maps, square_matrix(points, 96), points)
    mask = face_mask(points, 0, 0, 240, 200)
    assert (made[mask == 0] == picture()[mask == 0]).all()
    patched = paste_feathered(
        picture(), np.ones((96, 96, 3), np.float32), (40, 20, 200, 180), points
    )
    assert (patched[mask == 0] == picture()[mask == 0]).all()
    if shift == (0, 0):
        assert (made != picture()).any() and (patched != picture()).any()


def test_frame_warp_is_the_networks_warp():
    """At the crop's own size, applying maps in the frame is what the training's ``warp_and_paint`` does."""
    frame = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8), (0, 0), 3
    )
    rng = np.random.default_rng(1)
    maps = cv2.GaussianBlur(
        rng.standard_normal((96, 96, 6)).astype(np.float32), (0, 0), 9
    ).transpose(2, 0, 1)
    maps[:2] *= 0.5
    maps[2:] = np.clip(0.5 + maps[2:], 0, 1)
    made = apply_maps(frame, maps, np.eye(2, 3), None)
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
    scaled = torch.from_numpy(maps.copy())[None]
    scaled[:, 3:] *= 255
    want = warp_and_paint(pixels, scaled)[0].permute(1, 2, 0).numpy()
    assert np.abs(made - want)[3:-3, 3:-3].mean() < 1.0


def test_chained_maps_do_what_two_passes_do():
    rng = np.random.default_rng(2)
    face, *pair = (
        torch.from_numpy(
            cv2.GaussianBlur(
                rng.standard_normal((96, 96, c)).astype(np.float32), (0, 0), 8
            ).transpose(2, 0, 1)
        )
        for c in (3, 6, 6)
    )
    maps = [m[None].clone() for m in pair]
    for m in maps:
        m[:, :2] *= 0.5
        m[:, 2:] = (0.5 + 3 * m[:, 2:]).clamp(0, 1)
    once = warp_and_paint(face[None], chain_maps(*maps))
    twice = warp_and_paint(warp_and_paint(face[None], maps[0]), maps[1])
    assert (once - twice)[..., 4:-4, 4:-4].abs().max() < 0.02 < (once - face[None]).abs().max()


def test_feathered_patch_takes_the_frames_colour():
    frame = np.full((200, 240, 3), (180, 120, 90), np.uint8)
    patch = np.full((96, 96, 3), 0.2, np.float32)
    made = paste_feathered(frame, patch, (50, 40, 170, 180), POINTS)
    assert np.abs(made.astype(int) - frame).max() <= 1


def test_compact_weights_are_small():
    total = sum(
        (checkpoints.FOLDER / f"{n}-compact.safetensors").stat().st_size
        for n in ("wav2lip", "sync")
    )
    assert total < 8.5e6
    assert sum(p.numel() for p in CompactWav2Lip().parameters()) < 3e6


def test_a_mouth_that_is_shut_is_not_shut_further(monkeypatch):
    """In a pause the eyes end the closing: an open mouth is shut; where they see all mouths shut,
    nothing follows the usual passes."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    face, heard = sample_face()[None], np.zeros((1, 8), np.float32)
    drawn = generate(net, heard, face)
    shut = generate(net, heard, face, pauses=np.ones(1, np.float32))
    assert np.abs(shut - drawn)[:, :2].max() > 0.01
    monkeypatch.setattr("helpers.engines.compact.SHUT_ALONG", -99)
    ended = generate(net, heard, face, pauses=np.ones(1, np.float32))
    assert np.allclose(ended[:, :3], drawn[:, :3], atol=1e-4)


def test_a_mouth_that_does_not_move_counts_by_half():
    """One picture shows a moment: its code counts by half, the other half is a usual mouth, a little open."""
    net = checkpoints.load(checkpoints.locate("compact").path)
    still = np.repeat(np.linspace(-0.5, 0.5, 8, dtype=np.float32)[None], 5, 0)
    away = silence_code(net).numpy() / float(silence_code(net).norm())
    assert not is_talking(still) and np.allclose(
        neutral_code(net, still), (still[0] - 0.65 * away) / 2
    )
    talking = still + np.array([-1, 1, 0, 1, -1], np.float32)[:, None]
    assert is_talking(talking) and np.allclose(neutral_code(net, talking), talking.mean(axis=0))


def test_photographed_mouths_get_one_pass_more_and_are_moved_further():
    net = checkpoints.load(checkpoints.locate("compact").path)
    rng = np.random.default_rng(0)
    faces, codes = (
        rng.integers(0, 255, (3, 96, 96, 3), np.uint8),
        rng.normal(size=(3, 8)).astype(np.float32),
    )
    lent, still = np.array([False, True, False]), np.array([True, True, False])
    usual, more = (generate(net, codes, faces, passes=n, lent=lent) for n in (2, 3))
    made = generate(net, codes, faces, passes=2, lent=lent, still=still)
    assert np.allclose(made[0, :2], PHOTO_FLOW * more[0, :2], atol=1e-4)
    assert np.allclose(made[0, 2:], more[0, 2:], atol=5e-4) and not np.allclose(
        made[0], usual[0], atol=1e-2
    )
    assert np.allclose(made[1:], usual[1:], atol=5e-4)


def test_pauses_shut_the_mouth_of_their_own_frames_only():
    net = checkpoints.load(checkpoints.locate("compact").path)
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 255, (4, 96, 96, 3), dtype=np.uint8)
    codes = rng.normal(size=(4, 8)).astype(np.float32)
    plain = generate(net, codes, faces, passes=2)
    paused = generate(net, codes, faces, passes=2, pauses=np.array([0, 1, 0, 0.5], np.float32))
    assert (paused[[0, 2]] == plain[[0, 2]]).all()
    assert all(np.abs(paused[n, :2] - plain[n, :2]).max() > 1e-3 for n in (1, 3))
