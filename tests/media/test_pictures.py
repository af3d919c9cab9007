"""Stills and transparency: what lies behind, and photos stored in tiles."""

import re
import struct
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import SAMPLE_SPEECH, ffmpeg

from helpers import media
from helpers.errors import InputError
from helpers.media import picture

FPS = Fraction(25)
CUT_AWAY = "geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='if(lt(X,80),0,255)'"
TILE = 128  # px


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_what_is_transparent_lies_on_white(tmp_path, depth):
    full = np.iinfo(depth).max
    image = np.zeros((40, 60, 4), depth)
    image[..., 1] = full  # green, also where it cannot be seen
    image[:, 30:, 3] = full
    image[:, 20:30, 3] = full // 2
    cv2.imwrite(str(tmp_path / "cut.png"), image)

    frame = next(media.read_frames(tmp_path / "cut.png", FPS))
    assert (frame[:, :20] == 255).all() and (frame[:, 30:] == (0, 255, 0)).all()
    assert np.abs(frame[:, 20:30].astype(int) - (128, 255, 128)).max() <= 1


@pytest.mark.parametrize(
    "name, codec",
    [
        ("cut.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-b:v", "1M")),
        ("cut.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        ("cut.mkv", ("-c:v", "png", "-pix_fmt", "rgba")),
    ],
)
def test_transparent_video_lies_on_white(tmp_path, name, codec):
    source = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=0.4")
    ffmpeg(*source, "-vf", f"format=rgba,{CUT_AWAY}", *codec, tmp_path / name)
    ffmpeg(*source, "-c:v", "png", tmp_path / "plain.mov")

    frame = next(media.read_frames(tmp_path / name, FPS, 4))
    plain = next(media.read_frames(tmp_path / "plain.mov", FPS, 4))
    assert frame[:, :70].min() > 245
    assert np.abs(frame[:, 90:].astype(int) - plain[:, 90:]).mean() < 8


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24), *parts)


def hevc_tile(folder: Path, x: int, y: int) -> tuple[bytes, bytes]:
    """(configuration box, coded data) of a tile of the test card."""
    path = folder / "tile.mp4"
    cut = f"pad={3 * TILE}:{2 * TILE},crop={TILE}:{TILE}:{x}:{y}"
    source = ("-f", "lavfi", "-i", "testsrc=s=360x200", "-vf", cut, "-frames:v", 1)
    quiet = ("-x265-params", "log-level=error:info=0", "-tag:v", "hvc1")
    ffmpeg(*source, "-pix_fmt", "yuv420p", "-c:v", "libx265", *quiet, path)

    data = path.read_bytes()
    found = {}
    for kind in (b"hvcC", b"mdat"):
        start = data.index(kind) - 4
        found[kind] = data[start : start + struct.unpack_from(">I", data, start)[0]]
    return found[b"hvcC"], found[b"mdat"][8:]


def grid_photo(folder: Path, turn: int) -> Path:
    """A HEIF photo of 360x200 in six tiles, turned anticlockwise by ``turn`` quarters."""
    corners = [(x, y) for y in (0, TILE) for x in (0, TILE, 2 * TILE)]
    tiles = [hevc_tile(folder, x, y) for x, y in corners]
    count = len(tiles)
    grid = count + 1

    kinds = [b"hvc1"] * count + [b"grid"]
    entries = [
        full_box(b"infe", 2, struct.pack(">HH4sB", n, 0, kind, 0))
        for n, kind in enumerate(kinds, 1)
    ]
    items = full_box(b"iinf", 0, struct.pack(">H", grid), *entries)
    made_of = struct.pack(f">HH{count}H", grid, count, *range(1, grid))
    references = full_box(b"iref", 0, box(b"dimg", made_of))
    sizes = [full_box(b"ispe", 0, struct.pack(">II", *size)) for size in ((TILE, TILE), (360, 200))]
    properties = box(b"ipco", tiles[0][0], *sizes, box(b"irot", bytes([turn])))
    owners = [struct.pack(">HBBB", n, 2, 0x81, 2) for n in range(1, grid)]
    owners.append(struct.pack(">HBBB", grid, 2, 3, 0x84))
    owned = full_box(b"ipma", 0, struct.pack(">I", grid), *owners)
    layout = box(b"idat", struct.pack(">BBBBHH", 0, 0, 1, 2, 360, 200))

    def meta(data_start: int) -> bytes:
        places = []
        for n, (_, data) in enumerate(tiles, 1):
            places.append(struct.pack(">HHHHII", n, 0, 0, 1, data_start, len(data)))
            data_start += len(data)
        places.append(struct.pack(">HHHHII", grid, 1, 0, 1, 0, 8))
        located = full_box(b"iloc", 1, struct.pack(">BBH", 0x44, 0, grid), *places)
        handler = full_box(b"hdlr", 0, struct.pack(">I4s13s", 0, b"pict", b""))
        primary = full_box(b"pitm", 0, struct.pack(">H", grid))
        parts = (handler, primary, items, references, box(b"iprp", properties, owned), layout)
        return full_box(b"meta", 0, *parts, located)

    brand = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(brand) + len(meta(0)) + 8
    path = folder / "photo.heic"
    path.write_bytes(brand + meta(start) + box(b"mdat", *(data for _, data in tiles)))
    return path


@pytest.mark.parametrize("turn, size", [(0, (360, 200)), (3, (200, 360))])
def test_a_photo_in_tiles_is_a_whole_still(tmp_path, turn, size):
    photo = grid_photo(tmp_path, turn)
    info = media.probe(photo)
    assert (info.kind, (info.width, info.height), info.frames) == ("image", size, 1)

    ffmpeg("-f", "lavfi", "-i", "testsrc=s=360x200", "-frames:v", 1, tmp_path / "card.png")
    card = next(media.read_frames(tmp_path / "card.png", FPS))
    frame = next(media.read_frames(photo, FPS))
    assert np.abs(np.rot90(card, turn).astype(int) - frame).mean() < 8


def test_tiles_that_cannot_be_put_together_are_refused(tmp_path, monkeypatch):
    """An ffmpeg before 8 decodes the first tile alone."""
    photo = grid_photo(tmp_path, 0)
    command = picture.ffmpeg_command

    def first_tile(*args: str) -> list[str]:
        return command(*args[:-7], "-map", "0:g:0", *args[-7:])

    monkeypatch.setattr(picture, "ffmpeg_command", first_tile)
    with pytest.raises(InputError, match="stored in tiles.*PNG or JPEG"):
        media.probe(photo)


def test_sound_is_no_picture():
    assert media.probe(SAMPLE_SPEECH).kind == "audio"
    assert not re.search("image", media.probe(SAMPLE_SPEECH).container)
