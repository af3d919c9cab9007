"""What a run puts into a result and beside it, and who signs."""

import json
import stat
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from support import made_clip

from helpers import checkpoints, media, params, run
from helpers.cli import main
from helpers.errors import ParameterError
from helpers.marking import certificate, fingerprint, manifest
from helpers.marking.fingerprint import Fingerprint
from helpers.media import ffmpeg as media_ffmpeg
from helpers.run.label import with_label


def frames_of(path: Path) -> list[str]:
    return fingerprint.take(path, media.probe(path).fps).exact


def test_marks_leave_the_pixels_and_are_recorded(brief_run):
    plain, p = brief_run()
    path = Path(p.run_dir, "lipsync.mp4")
    bare = frames_of(path)
    assert not path.with_name("lipsync.mp4.json").exists()
    assert plain["parameters"]["mark"] is False and manifest.read(str(path)).state == "missing"

    record = run.lipsync(replace(p, mark=True))
    assert frames_of(path) == bare and record["parameters"]["mark"] is True
    assert record["results"]["lipsync"]["sha256"] == checkpoints.sha256(path)
    told = json.loads(path.with_name("lipsync.mp4.json").read_text())
    assert told["sha256"] == checkpoints.sha256(path) and told["signed"] is True
    assert told["facts"]["redrawn"] == [[0, 9]]
    for kind in ("video", "audio"):
        assert told["facts"]["inputs"][kind]["sha256"] == record["inputs"][kind]["sha256"]
    assert str(Path(p.run_dir).parent) not in json.dumps(told)  # nobody's folders are told

    run.lipsync(p)  # and off again: what the marked result had beside it goes, too
    assert manifest.read(str(path)).state == "missing"
    assert not path.with_name("lipsync.mp4.json").exists()
    assert "lipsync.mp4.json" not in run.read(p.run_dir)["files"]


def test_a_marked_result_is_fresh(brief_run, monkeypatch, capsys):
    _, p = brief_run(mark=True)
    monkeypatch.setattr(media, "write_video", lambda *_: pytest.fail("rendered again"))
    run.lipsync(p)
    assert "is there already" in capsys.readouterr().err
    record, _, _ = run.prepare(replace(p, consent="somebody else"), save=False)
    assert record["render_key"] != run.read(p.run_dir)["render_key"]


@pytest.mark.slow
def test_the_manifest(marked):
    """Opened, placed, edited by a trained network; the inputs by name; the run's own facts."""
    import c2pa

    found = manifest.read(str(marked / "lipsync.mp4"))
    told = json.loads((marked / "lipsync.mp4.json").read_text())
    assert found.facts == told["facts"]
    with open(marked / "lipsync.mp4", "rb") as file, c2pa.Reader("video/mp4", file) as reader:
        active = reader.get_active_manifest()
    actions = next(a for a in active["assertions"] if a["label"].startswith("c2pa.actions"))
    names = [action["action"] for action in actions["data"]["actions"]]
    assert names == ["c2pa.opened", "c2pa.placed", "c2pa.edited"]
    edited = actions["data"]["actions"][-1]
    assert edited["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert len(edited["parameters"]["ingredients"]) == 2
    ingredients = {i["title"]: i["relationship"] for i in active["ingredients"]}
    assert ingredients == {"clip.mp4": "parentOf", "speech.wav": "componentOf"}


@pytest.mark.slow
def test_an_input_keeps_its_own_manifest_and_a_broken_one_does_no_harm(marked, tmp_path):
    import c2pa

    clip = made_clip(tmp_path / "clip.mp4", "25", 0.4)
    (tmp_path / "broken.wav").write_bytes(b"RIFF and nothing that belongs to it")
    inputs = dict(
        video=dict(path=str(marked / "lipsync.mp4")), audio=dict(path=str(tmp_path / "broken.wav"))
    )
    signed = tmp_path / "signed.mp4"
    manifest.sign(Path(clip), signed, dict(name="x"), inputs, certificate.own_credentials())
    assert manifest.read(str(signed)).state == "valid"
    with open(signed, "rb") as file, c2pa.Reader("video/mp4", file) as reader:
        active = reader.get_active_manifest()
    parents = [i for i in active["ingredients"] if i["relationship"] == "parentOf"]
    assert parents[0]["active_manifest"] and len(active["ingredients"]) == 2


@pytest.mark.parametrize("reason", ["no package", "no folder"])
def test_what_cannot_be_signed_is_made_all_the_same(
    reason, brief_run, monkeypatch, capsys, tmp_path
):
    media_ffmpeg.warn.cache_clear()
    if reason == "no package":
        monkeypatch.setitem(sys.modules, "c2pa", None)
    else:
        (tmp_path / "config").write_text("not a folder")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    record, p = brief_run(mark=True)
    said = capsys.readouterr().err
    assert said.count("the result is not signed by C2PA: ") == 1 and said.count("\n") == 1
    told = json.loads(Path(p.run_dir, "lipsync.mp4.json").read_text())
    assert told["signed"] is False
    assert told["sha256"] == record["results"]["lipsync"]["sha256"]
    assert not Path(p.run_dir, run.UNFINISHED).exists()
    assert main(["verify", str(Path(p.run_dir, "lipsync.mp4"))]) == 0


def test_the_own_certificate_is_made_once_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert certificate.own_serial() is None
    made = certificate.own_credentials()
    path = certificate.own_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.is_relative_to(tmp_path)
    assert certificate.own_credentials() == made and list(path.parent.iterdir()) == [path]
    certificate._keep(path, b"another process came second")
    assert certificate.own_credentials() == made and list(path.parent.iterdir()) == [path]
    signer, authority = x509.load_pem_x509_certificates(made.chain)
    signer.verify_directly_issued_by(authority)
    assert certificate.own_serial() == signer.serial_number != authority.serial_number


@pytest.fixture
def pems(tmp_path) -> dict[str, str]:
    """Paths of a certificate chain and its key, of another key, and of the authority alone."""
    parts = {}
    for name in ("mine", "other"):
        key, _, chain = certificate._new_pem().partition(certificate.END)
        parts[f"{name}.key"] = key + certificate.END
        parts[f"{name}.pem"] = chain
    parts["authority.pem"] = chain[chain.rindex(b"-----BEGIN CERT") :]
    parts["none.pem"] = b"none"
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in parts}


def test_the_users_certificate_signs(brief_run, pems):
    _, p = brief_run(mark=True, sign_cert=pems["mine.pem"], sign_key=pems["mine.key"])
    path = str(Path(p.run_dir, "lipsync.mp4"))
    found = manifest.read(path)
    assert (found.state, found.standing) == ("valid", "not known here")
    assert manifest.read(path, Path(pems["mine.pem"]).read_bytes()).standing == "trusted"
    assert pems["mine.pem"] not in Path(f"{path}.json").read_text()


@pytest.mark.parametrize(
    ("cert", "key", "words"),
    [
        ("mine.pem", "", "belong together"),
        ("", "mine.key", "belong together"),
        ("gone.pem", "mine.key", "gone.pem cannot be read"),
        ("mine.pem", "none.pem", "no private key in PEM"),
        ("none.pem", "mine.key", "cannot sign by C2PA"),
        ("authority.pem", "other.key", "cannot sign by C2PA"),
        ("mine.pem", "other.key", "cannot sign by C2PA"),
    ],
)
def test_a_certificate_that_cannot_sign_is_refused_before_anything_is_planned(
    cert, key, words, brief_run, pems, monkeypatch
):
    monkeypatch.setattr("helpers.run.produce.prepare", lambda *_: pytest.fail("planned"))
    given = {name: pems.get(file, file) for name, file in (("sign_cert", cert), ("sign_key", key))}
    with pytest.raises(ParameterError, match=words) as caught:
        brief_run(mark=True, **given)
    assert "\n" not in str(caught.value)


def test_a_label_is_drawn_on_redrawn_frames_alone(brief_run, pretend_faces):
    pretend_faces(lambda n: n >= 4)
    record, p = brief_run(box="", label="made by software")
    plan = run.prepare(p)[1]
    engine = run.prepare(p)[2]
    drawn = [
        list(run.render_frames(plan, p.video, engine, q, 0, 10)) for q in (p, replace(p, label=""))
    ]
    differs = [(a != b).any() for a, b in zip(*drawn, strict=True)]
    assert differs == [bool(redrawn) for redrawn in plan.redrawn] and not all(differs)
    changed = (drawn[0][8] != drawn[1][8]).any(axis=2)
    assert changed[:90].sum() == 0 and changed[100:].any()  # at the bottom


@pytest.mark.parametrize("size", [(48, 64), (120, 160), (720, 1280)])
@pytest.mark.parametrize("text", ["AI", "w" * 80, "Синтез"])
def test_a_label_fits_the_picture(size, text):
    frame = np.full((*size, 3), 200, np.uint8)
    labelled = with_label(frame, text)
    changed = (labelled != frame).any(axis=2)
    assert labelled.shape == frame.shape and (frame == 200).all() and changed.any()
    assert changed.mean() < 0.6 and not changed[:, -1].any()


@pytest.mark.parametrize(
    ("values", "words"),
    [(dict(label="x" * 81), "label has 81"), (dict(consent="x" * 501), "consent has 501")],
)
def test_texts_that_are_too_long_are_refused(values, words):
    with pytest.raises(ParameterError, match=words):
        params.build(**values)
    assert params.build(label=" two\n lines ").label == "two lines"


def prints(numbers: list[int], noise: int = 0) -> Fingerprint:
    """Of frames that each number stands for; with ``noise``, encoded again."""
    rng = np.random.default_rng(1)
    looks = rng.integers(0, 256, (400, 32), np.uint8)[numbers]
    for row in looks if noise else ():
        for bit in rng.choice(256, rng.integers(0, noise + 1), replace=False):
            row[bit // 8] ^= 1 << bit % 8
    exact = [f"{n:08x}{noise:08x}" for n in numbers]
    return Fingerprint(Fraction(25), exact, looks, "")


WHOLE = list(range(200))


@pytest.mark.parametrize("noise", [0, 6])
@pytest.mark.parametrize(
    ("numbers", "first", "added", "changed"),
    [
        (WHOLE, 0, 0, []),
        (WHOLE[50:], 50, 0, []),
        (WHOLE[:1], 0, 0, []),
        (WHOLE[199:], 199, 0, []),
        ([300, 301, *WHOLE], -2, 2, []),
        ([*WHOLE, 300], 0, 1, []),
        ([300, *WHOLE[:100]], -1, 1, []),
        ([*WHOLE[:70], 350, *WHOLE[71:]], 0, 0, [70]),
        ([*WHOLE[40:70], 350, 351, *WHOLE[72:]], 40, 0, [70, 71]),
    ],
)
def test_a_part_is_found_in_the_whole(noise, numbers, first, added, changed):
    found = fingerprint.compare(prints(WHOLE), prints(numbers, noise))
    assert (found.first, len(found.added), found.changed) == (first, added, changed)
    assert found.bits <= noise and not found.is_other
    assert found.same == (0 if noise else len(numbers) - added - len(changed))


def test_another_video_is_told_from_one_that_was_encoded_again():
    assert fingerprint.compare(prints(WHOLE), prints(list(range(200, 400)), 1)).is_other


def test_a_fingerprint_is_read_back_as_it_was_saved():
    made = prints(WHOLE)
    read = fingerprint.load(made.saved())
    assert (read.exact, read.fps, read.sound) == (made.exact, made.fps, "")
    assert (read.looks == made.looks).all()
    for broken in (dict(exact=""), dict(looks="00"), dict(looks="xy"), dict(fps="x")):
        with pytest.raises(ValueError):
            fingerprint.load(made.saved() | broken)


def test_a_fingerprint_holds_what_a_picture_shows(tmp_path):
    """A picture that grows brighter to the right does so everywhere, a flat one nowhere."""
    rising = np.broadcast_to(np.linspace(0, 255, 320)[None, :, None], (240, 320, 3))
    for picture, bit in ((rising.astype(np.uint8), 1), (np.full((240, 320, 3), 90, np.uint8), 0)):
        media.write_video(tmp_path / "clip.mp4", [picture] * 5, Fraction(25))
        taken = fingerprint.take(tmp_path / "clip.mp4", Fraction(25), has_sound=False)
        assert taken.looks.shape == (5, 32) and len(taken.exact) == 5
        assert (np.unpackbits(taken.looks) == bit).all()
