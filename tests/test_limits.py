"""What is too large is refused in one line that names the parameter, before it costs anything."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import FACE_BOX, ffmpeg, made_clip, tone, write_wave

from helpers import limits, media, params, run
from helpers.errors import InputError, LipSyncError, ParameterError
from helpers.face.detect import DETECTORS, box_detection
from helpers.training.prepare import read_clip

SIDE = 60000  # px, that a header claims


@pytest.fixture
def prepared(tmp_path):
    """Call with parameters: the plan of a small run with them, nothing is rendered."""

    def go(**values):
        video = values.pop("video", None) or made_clip(tmp_path / "clip.mkv", "25", 0.4)
        audio = values.pop("audio", None) or write_wave(tmp_path / "speech.wav", tone(0.4))
        given = dict(dict(box=FACE_BOX), **values)
        p = params.build(video=video, audio=audio, run_dir=tmp_path / "run", **given)
        return run.prepare(p, save=False)[1]

    return go


@pytest.mark.parametrize("values, words", [
    (dict(max_pixels=19199), "160x120: 19200 pixels, more than max_pixels=19199"),
    (dict(max_duration=1), "speech.wav lasts 2 s, more than max_duration=1;"),
    (dict(output_size="130", max_pixels=19200), "output_size=130 is .*more than max_pixels=19200"),
])  # fmt: skip
def test_over_a_limit(values, words, prepared, tmp_path):
    audio = write_wave(tmp_path / "speech.wav", tone(2.0))
    with pytest.raises(InputError, match=words) as caught:
        prepared(audio=audio, **values)
    assert caught.value.exit_status == 2 and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_up_to_a_limit(prepared):
    assert prepared(max_pixels=19200, max_duration=1).frames == 10


def test_faces_of_a_crowd(prepared, monkeypatch):
    crowd = np.concatenate([box_detection((x, 20, x + 40, 60), 160, 120) for x in (0, 50, 100)])
    monkeypatch.setitem(DETECTORS, "retinaface", lambda frames, device: [crowd for _ in frames])
    with pytest.raises(InputError, match="shows 3 faces at once, more than max_faces=2; give crop"):
        prepared(box="", max_faces=2)
    assert prepared(box="", max_faces=3).frames == 10


def test_a_rate_that_no_film_has(prepared, tmp_path):
    quick = made_clip(tmp_path / "quick.mkv", "500", 0.1)
    with pytest.raises(InputError, match="quick.mkv shows 500 frames a second, 240 at most"):
        prepared(video=quick)
    assert prepared(video=quick, fps="25").fps == 25
    with pytest.raises(ParameterError, match="fps=1000000"):
        prepared(fps="1000000")


@pytest.mark.parametrize("name, value", [
    ("max_pixels", limits.MOST_PIXELS + 1), ("max_pixels", 0), ("max_duration", "inf"),
    ("max_duration", -1), ("max_faces", 0),
])  # fmt: skip
def test_no_limit_at_all_is_no_limit(name, value):
    with pytest.raises(ParameterError, match=name):
        params.build(**{name: value})


def png(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10000)))
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


def bmp(side: int) -> bytes:
    head = struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, side, side, 1, 24, *[0] * 6)
    return b"BM" + head + bytes(100)


CLAIMS = {
    "large.png": png(SIDE), "larger.png": png(12000), "large.bmp": bmp(SIDE),
    "large.ppm": f"P6\n{SIDE} {SIDE}\n255\n".encode() + bytes(100),
    "large.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n" + bytes(99),
    "disabled.exr": b"\x76\x2f\x31\x01\x02\0\0\0" + bytes(100),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMS)
def test_a_picture_that_claims_to_be_huge_is_not_decoded(name, tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, "imread", lambda *_: pytest.fail("it was decoded"))
    (tmp_path / name).write_bytes(CLAIMS[name])
    with pytest.raises(InputError, match=f"{name} ") as caught:
        media.probe(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_clip_that_claims_to_be_huge_is_not_decoded(tmp_path):
    path = tmp_path / "large.mov"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=0.4", "-c:v", "mjpeg", path)
    data = bytearray(path.read_bytes())
    place = data.find(b"\xff\xc0\x00\x11\x08")
    while place >= 0:
        data[place + 5 : place + 9] = struct.pack(">HH", SIDE, SIDE)
        place = data.find(b"\xff\xc0\x00\x11\x08", place + 9)
    path.write_bytes(data)
    with pytest.raises(LipSyncError, match="large.mov has a video stream but no frame"):
        media.probe(path)


def test_a_clip_to_train_on_must_fit_in_memory(tmp_path, monkeypatch):
    path = Path(made_clip(tmp_path / "clip.mkv", "25", 0.4))
    monkeypatch.setattr(limits, "MOST_BYTES", 10 * 160 * 120 * 3)
    assert len(media.read_whole(path, Fraction(25))) == 10
    monkeypatch.setattr(limits, "MOST_BYTES", 10 * 160 * 120 * 3 - 1)
    with pytest.raises(InputError, match="clip.mkv takes 0.0 GiB decoded"):
        media.read_whole(path, Fraction(25))
    with pytest.raises(InputError, match="no sound"):
        read_clip(path)
