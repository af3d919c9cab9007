"""The stored pictures of a video, listed without decoding: when each is shown."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

KEY_FLAG = 0x1  # of a packet that can be decoded without another
DISCARD_FLAG = 0x4  # of a packet that an edit list leaves out
NO_TIME = -(2**63)


class Packet(NamedTuple):
    """A stored picture. Times and length are in ticks."""

    decoded: int
    shown: int
    length: int
    flags: int


class Listing(NamedTuple):
    """Sorted times of the pictures that are shown, in ticks of ``tick`` seconds.

    ``lost`` of the first cannot be decoded; ``last_length`` is how long the last is shown, or 0.
    """

    tick: Fraction
    times: list[int]
    lost: int
    last_length: int


def list_packets(framecrc: str, first_shown: float) -> Listing | None:
    """What ffmpeg's format framecrc tells of a stream whose first picture is shown at a time in s.

    None if nothing is stored.
    """
    found = re.search(r"#tb 0: (\d+)/(\d+)", framecrc)
    packets = [_packet(line) for line in framecrc.splitlines() if line.startswith("0,")]
    packets = [packet for packet in packets if not packet.flags & DISCARD_FLAG]
    if not found or not packets:
        return None

    tick = Fraction(int(found[1]), int(found[2]))
    times = _shown_times(packets, round(first_shown / tick))
    lost = 0
    if not packets[0].flags & KEY_FLAG:
        whole = min(times, key=lambda time: abs(time * tick - first_shown))
        lost = times.index(whole)

    return Listing(tick, times, lost, packets[-1].length)


def sound_delay(framecrc: str) -> float:
    """By how many seconds sound (stream 1) starts after the picture (stream 0)."""
    starts = []
    for stream in (0, 1):
        tick = re.search(rf"#tb {stream}: (\d+)/(\d+)", framecrc)
        packets = [_packet(x) for x in framecrc.splitlines() if x.startswith(f"{stream},")]
        times = [packet.shown for packet in packets if packet.shown != NO_TIME]
        if not times or not tick:
            return 0.0

        starts.append(min(times) * int(tick[1]) / int(tick[2]))

    return starts[1] - starts[0]


def _packet(line: str) -> Packet:
    fields = line.split(",")
    flags = re.search(r"F=0x(\w+)", line)
    return Packet(
        decoded=int(fields[1]),
        shown=int(fields[2]),
        length=int(fields[3]),
        flags=int(flags[1], 16) if flags else KEY_FLAG,
    )


def _shown_times(packets: list[Packet], first_shown: int) -> list[int]:
    """Sorted times at which pictures are shown.

    Some containers (AVI, MPEG) leave them out; then pictures are shown at the intervals at which
    they are decoded, the first key picture at the time that its decoding has told.
    """
    if all(packet.shown != NO_TIME for packet in packets):
        return sorted(packet.shown for packet in packets)

    times: list[int] = []
    for packet in packets:
        after = times[-1] + packets[0].length if times else 0
        times.append(after if packet.decoded == NO_TIME else packet.decoded)

    keys = [n for n, packet in enumerate(packets) if packet.flags & KEY_FLAG]
    delay = first_shown - times[keys[0] if keys else 0]
    return sorted(time + delay for time in times)
