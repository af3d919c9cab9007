"""Garbled videos, pictures and sounds: a result or one line, in bounded time and memory."""

from __future__ import annotations

import random
import shutil
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from support import FACE_BOX, ffmpeg

from .child import Ended, command, orphans_left, run
from .kills import Wholes

MOST_MEMORY = 2500  # MiB, of a process
CARD = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=0.4")
TONE = ("-f", "lavfi", "-i", "sine=f=220:r=16000:d=0.4")
YUV = ("-pix_fmt", "yuv420p")
SEEDS = {  # by kind: name, how ffmpeg makes it
    "video": {
        "a.mp4": (*CARD, *TONE, *YUV, "-c:v", "libx264", "-c:a", "aac"),
        "b.mkv": (*CARD, *YUV, "-c:v", "libx264", "-bf", "2"),
        "c.avi": (*CARD, "-c:v", "mjpeg"),
        "d.webm": (*CARD, "-c:v", "libvpx", "-b:v", "200k"),
        "e.gif": CARD,
        "f.mpg": (*CARD, *YUV, "-c:v", "mpeg2video", "-b:v", "400k"),
        "g.ts": (*CARD, *TONE, *YUV, "-c:v", "libx264", "-c:a", "aac"),
        "h.mov": (*CARD, *YUV, "-c:v", "mjpeg"),
    },
    "picture": {
        name: (*CARD, "-frames:v", "1", *more)
        for name, more in {
            "a.png": (), "b.jpg": YUV, "c.webp": (), "d.bmp": (), "e.tiff": (), "f.ppm": (),
        }.items()
    },
    "sound": {
        "a.wav": TONE, "b.flac": TONE, "c.mp3": TONE, "d.ogg": TONE, "e.m4a": TONE, "f.aiff": TONE,
    },
}  # fmt: skip
SIDE = 60000  # px, that a header claims
RATE = 1_000_000  # frames a second, likewise

Garble = Callable[[bytearray, random.Random], bytes]


def feed_all(wholes: Wholes, rng: random.Random, count: int) -> tuple[list[str], str]:
    """``count`` garbled files, kinds in turn; what went wrong, and how the others ended."""
    folder = wholes.folder / "garbled"
    seeds = make_seeds(folder)
    ends: Counter[str] = Counter()
    peak = 0
    faults = []
    for number in range(count):
        kind = list(SEEDS)[number % len(SEEDS)]
        seed = rng.choice(seeds[kind])
        name = rng.choice(list(GARBLES))
        path = seed.with_stem(f"{kind}-{number:03d}")
        path.write_bytes(GARBLES[name](bytearray(seed.read_bytes()), rng))

        ended = run(_work(wholes, kind, path), wholes.folder)
        shutil.rmtree(wholes.out, ignore_errors=True)
        peak = max(peak, ended.peak)
        ends["a result" if ended.status == 0 else "one line"] += 1
        found = judged(ended)
        if not found:
            path.unlink()
        faults += [f"{path.name}, {name} of {seed.name}: {fault}" for fault in found]

    told = ", ".join(f"{end} {n}" for end, n in ends.items())
    return faults, f"{told}; {peak} MiB at most"


def make_seeds(folder: Path) -> dict[str, list[Path]]:
    """Short files of each kind that nothing is wrong with."""
    folder.mkdir(exist_ok=True)
    made = {}
    for kind, files in SEEDS.items():
        made[kind] = [folder / f"{kind}-{name}" for name in files]
        for path, arguments in zip(made[kind], files.values(), strict=True):
            ffmpeg(*arguments, path)
    return made


def _work(wholes: Wholes, kind: str, path: Path) -> Callable[[], int]:
    video = wholes.inputs.video if kind == "sound" else path
    audio = path if kind == "sound" else wholes.inputs.audio
    return command(
        *("run", video, audio, "--out", wholes.out, "--no-notebooks", "-p", "restorer=none"),
        *("-p", f"box={FACE_BOX}", "-p", "batch_size=8", "-p", "passes=1"),
    )


def judged(ended: Ended) -> list[str]:
    """What is wrong with how a garbled file was taken."""
    faults = [f"orphan {line}" for line in orphans_left(ended.pid)]
    if ended.hung:
        faults.append("it hung")
    if ended.peak > MOST_MEMORY:
        faults.append(f"{ended.peak} MiB")
    if "Traceback" in ended.text:
        faults.append(f"traceback {ended.text[-400:]!r}")
    elif ended.status not in (0, 1, 2) or (ended.status and not ended.is_one_line):
        faults.append(f"status {ended.status}, {ended.text[-400:]!r}")
    return faults


def flip(data: bytearray, rng: random.Random) -> bytes:
    """Some bits, more often near the beginning, where headers are."""
    for _ in range(rng.choice((1, 5, 50, 500))):
        place = int(len(data) * rng.random() ** rng.choice((1, 4)))
        data[place] ^= 1 << rng.randrange(8)
    return bytes(data)


def zero(data: bytearray, rng: random.Random) -> bytes:
    start, stop = sorted(rng.randrange(len(data)) for _ in range(2))
    data[start:stop] = bytes(stop - start)
    return bytes(data)


def cut(data: bytearray, rng: random.Random) -> bytes:
    return bytes(data[: rng.randrange(len(data))])


def cut_out(data: bytearray, rng: random.Random) -> bytes:
    start, stop = sorted(rng.randrange(len(data)) for _ in range(2))
    return bytes(data[:start] + data[stop:])


def swap(data: bytearray, rng: random.Random) -> bytes:
    """Two blocks change places."""
    length = rng.choice((2, 16, 256)) % len(data)
    a, b = (rng.randrange(len(data) - length) for _ in range(2))
    data[a : a + length], data[b : b + length] = data[b : b + length], data[a : a + length]
    return bytes(data[: len(data)])


def wrong_size(data: bytearray, rng: random.Random) -> bytes:
    """A length, near a name of four letters or anywhere in the header, is another."""
    names = [n for n in range(4, len(data) - 8) if data[n : n + 4].isalpha()]
    place = rng.choice(names) if names else rng.randrange(max(1, min(len(data), 64) - 8))
    place += rng.choice((-4, 4))
    value = rng.choice((0, 1, 7, 2**31 - 1, 2**31, 2**32 - 1, rng.randrange(2**32)))
    data[place : place + 4] = struct.pack(rng.choice((">I", "<I")), value)
    return bytes(data)


def huge(data: bytearray, rng: random.Random) -> bytes:
    """The header claims 60000x60000 pixels; of a sound, as many channels and samples."""
    if data[:4] == b"\x89PNG":
        data[16:24] = struct.pack(">II", SIDE, SIDE)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    elif data[:2] == b"BM":
        data[18:26] = struct.pack("<II", SIDE, SIDE)
    elif data[:3] == b"GIF":
        data[6:10] = struct.pack("<HH", SIDE, SIDE)
    elif data[:2] == b"P6":
        return bytes(data).replace(b"160 120", b"%d %d" % (SIDE, SIDE), 1)
    elif data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        data[22:28] = struct.pack("<HI", 65535, 2**32 - 1)
    else:
        _claim(data)
    return bytes(data)


def _claim(data: bytearray) -> None:
    """The same in each frame header of JPEG, sample entry of MP4, sequence header of MPEG."""
    for mark, skip, form in (
        (b"\xff\xc0\x00\x11\x08", 5, ">HH"), (b"avc1", 28, ">HH"), (b"jpeg", 28, ">HH"),
        (b"VP8 ", 14, "<HH"), (b"\x9d\x01\x2a", 3, "<HH"), (b"strf", 12, "<II"),
    ):  # fmt: skip
        place = data.find(mark)
        while place >= 0:
            start = place + skip
            data[start : start + struct.calcsize(form)] = struct.pack(form, SIDE, SIDE)
            place = data.find(mark, start)

    place = data.find(b"\x00\x00\x01\xb3")
    if place >= 0:
        data[place + 4 : place + 7] = b"\xff\xff\xff"


def fast(data: bytearray, rng: random.Random) -> bytes:
    """A header that claims a million frames a second, or samples at an impossible rate."""
    for mark, skip, value in (
        (b"mdhd", 16, struct.pack(">I", 512 * RATE)), (b"avih", 8, struct.pack("<I", 1)),
        (b"strh", 28, struct.pack("<II", 1, RATE)), (b"\x2a\xd7\xb1\x83", 4, b"\x00\x00\x01"),
        (b"WAVEfmt ", 12, struct.pack("<I", RATE * 1000)), (b"fLaC", 18, b"\xff\xff\xff"),
        (b"\x21\xf9\x04", 4, b"\x00\x00"),
    ):  # fmt: skip
        place = data.find(mark)
        if place >= 0:
            data[place + skip : place + skip + len(value)] = value
    return bytes(data)


def noise(data: bytearray, rng: random.Random) -> bytes:
    """The first bytes, so that the kind is known, then noise."""
    keep = rng.choice((4, 12, 64, 512))
    return bytes(data[:keep]) + rng.randbytes(rng.choice((10, 1000, 20000)))


GARBLES: dict[str, Garble] = {
    function.__name__: function
    for function in (flip, zero, cut, cut_out, swap, wrong_size, huge, fast, noise)
}
