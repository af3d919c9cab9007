"""Pixel aspect, turns, sizes that change, fields: the shape that is shown."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support import ffmpeg

from helpers import media

FPS = Fraction(25)
DISC = "geq=lum='if(lt(hypot((X-W/2)*{0},Y-H/2),H/4),235,16)':cb=128:cr=128"


def disc_clip(path: Path, size: str, aspect: str = "1", *more: object) -> str:
    """A white disc amid black, round when shown with this pixel aspect."""
    chain = f"{DISC.format(aspect)},setsar={aspect}"
    source = ("-f", "lavfi", "-i", f"color=s={size}:r=25:d=1")
    ffmpeg(*source, "-vf", chain, "-pix_fmt", "yuv420p", *more, path)
    return str(path)


def disc_shape(frame: np.ndarray) -> tuple[int, int]:
    """Width and height of what is white."""
    white = frame.mean(axis=2) > 128
    return int(white.any(axis=0).sum()), int(white.any(axis=1).sum())


def test_the_containers_aspect_wins(tmp_path):
    """720x576 whose container says 16:9 is shown at 1024x576."""
    plain = disc_clip(tmp_path / "plain.mp4", "720x576")
    ffmpeg("-i", plain, "-c", "copy", "-aspect", "16:9", tmp_path / "wide.mkv")

    info = media.probe(tmp_path / "wide.mkv")
    assert (info.width, info.height, info.pixel_aspect) == (1024, 576, Fraction(64, 45))
    width, height = disc_shape(next(media.read_frames(info.path, FPS)))
    assert abs(width / height - 64 / 45) < 0.03


@pytest.mark.parametrize("turn, size", [(0, (320, 120)), (90, (120, 320)), (180, (320, 120))])
def test_aspect_holds_before_the_turn(tmp_path, turn, size):
    flat = disc_clip(tmp_path / "flat.mp4", "160x120", "2")
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", turn, "-i", flat, "-c", "copy", turned)

    info = media.probe(turned)
    assert (info.width, info.height) == size
    for view in (media.View(), media.View(90), media.View(0, (0, 0, 120, 120))):
        frame = next(media.read_frames(turned, FPS, view=view))
        assert frame.shape[1::-1] == view.size(info)
    width, height = disc_shape(next(media.read_frames(turned, FPS)))
    assert abs(width - height) <= 3 and abs(width - 60) <= 3


def test_another_size_mid_clip_keeps_its_shape(tmp_path):
    first = disc_clip(tmp_path / "a.ts", "160x120")
    second = disc_clip(tmp_path / "b.ts", "240x120")
    joined = tmp_path / "joined.ts"
    ffmpeg("-i", f"concat:{first}|{second}", "-c", "copy", joined)

    info = media.probe(joined)
    assert (info.width, info.height, info.frames) == (160, 120, 50)
    frames = list(media.read_frames(joined, FPS))
    shapes = [disc_shape(frame) for frame in frames]
    assert len(frames) == 50 and all(abs(w - h) <= 3 for w, h in shapes)
    assert abs(shapes[10][0] - 60) <= 3 and abs(shapes[40][0] - 40) <= 3
    assert [w > 50 for w, _ in shapes].index(False) == 25


def test_a_size_that_is_asked_for_may_stretch(tmp_path):
    clip = disc_clip(tmp_path / "clip.mp4", "160x120")
    assert disc_shape(next(media.read_frames(clip, FPS, size=(320, 120))))[0] > 110


def test_fields_are_made_into_pictures(tmp_path):
    """A bright bar moves over black; as two fields of one frame it is a comb."""
    bar = "geq=lum='if(between(X,4*N,4*N+20),235,16)':cb=128:cr=128"
    source = ("-f", "lavfi", "-i", "color=s=160x120:r=50:d=1")
    weave = ("-vf", f"{bar},tinterlace=interleave_top,setfield=tff", "-pix_fmt", "yuv420p")
    codec = ("-c:v", "libx264", "-crf", 5, "-flags", "+ildct+ilme")
    ffmpeg(*source, *weave, *codec, tmp_path / "fields.mp4")

    info = media.probe(tmp_path / "fields.mp4")
    assert info.interlaced and info.frames == 25
    frames = list(media.read_frames(info.path, FPS))
    combs = [np.abs(np.diff(frame[20:100].astype(int), axis=0)).mean() for frame in frames]
    assert len(frames) == 25 and max(combs[2:20]) < 1


def test_frames_that_are_whole_are_not_deinterlaced(tmp_path):
    assert not media.probe(disc_clip(tmp_path / "clip.mp4", "160x120")).interlaced


@pytest.mark.parametrize("size", [(321, 121), (320, 121), (321, 120), (107, 81)])
def test_colours_stored_by_halves_bear_odd_sizes(size, tmp_path):
    clip = disc_clip(tmp_path / "clip.mp4", "640x242")
    frame = next(media.read_frames(clip, FPS, 0, 1, size))
    assert frame.shape == (size[1], size[0], 3)
    width, height = disc_shape(frame)
    assert abs(width - size[0] * 121 / 640) <= 2 and abs(height - size[1] / 2) <= 2
    whole = media.View(0, (0, 0, 321, 121))
    assert next(media.read_frames(clip, FPS, 0, 1, None, whole)).shape == (121, 321, 3)


def test_a_source_of_odd_size_with_halved_colours(tmp_path):
    clip = disc_clip(tmp_path / "clip.mkv", "161x121", "1", "-c:v", "ffv1")
    assert next(media.read_frames(clip, FPS)).shape == (121, 161, 3)
