"""Ranges, order, views: any part of a clip is the same as in the whole."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from support import SAMPLE_VIDEO, made_clip

from helpers import media
from helpers.errors import ParameterError


@pytest.mark.parametrize("fps", ["25", "30000/1001"])
def test_any_range_gives_the_frames_of_the_whole(tmp_path, fps):
    clip = made_clip(tmp_path / "clip.mp4", "30", 6.0, "160x120", "-g", "50")
    whole = list(media.read_frames(clip, Fraction(fps)))
    for start, stop in ((0, 3), (70, 90), (len(whole) - 4, len(whole))):
        part = list(media.read_frames(clip, Fraction(fps), start, stop))
        assert len(part) == stop - start
        assert all((a == b).all() for a, b in zip(part, whole[start:stop], strict=True))


def test_real_ranges(clips):
    for name in ("grid_v1.mpg", "quiz_2997.mp4", "vr_1.mp4", "vr_2.mp4"):
        fps = media.default_fps(media.probe(clips / name))
        whole = [hash(f.tobytes()) for f in media.read_frames(clips / name, fps)]
        middle = len(whole) // 2
        part = [hash(f.tobytes()) for f in media.read_frames(clips / name, fps, middle, middle + 6)]
        assert part == whole[middle : middle + 6], name


def test_indexed_reading_in_any_order():
    fps = Fraction(25)
    whole = list(media.read_frames(SAMPLE_VIDEO, fps, 0, 12))
    order = [3, 4, 5, 5, 5, 4, 3, 2, 1, 0, 0, 7, 9, 11, 10]
    got = list(media.read_indexed(SAMPLE_VIDEO, fps, order, block=3))
    assert len(got) == len(order)
    assert all((got[i] == whole[n]).all() for i, n in enumerate(order))


@pytest.mark.parametrize("name", ["clip.mkv", "picture.png"])
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_turned_and_cut_like_the_array(tmp_path, name, rotate):
    video = made_clip(tmp_path / "clip.mkv", "25", 0.2, "80x48", "-c:v", "ffv1")
    if name.endswith("png"):
        plain = next(media.read_frames(video, Fraction(25)))
        cv2.imwrite(str(tmp_path / name), plain[..., ::-1])

    path = tmp_path / name
    plain = next(media.read_frames(path, Fraction(25)))
    turned = np.rot90(plain, -rotate // 90)

    view = media.View(rotate, (4, 6, 40, 44))
    assert view.size(media.probe(path)) == (36, 38)
    made = next(media.read_frames(path, Fraction(25), view=view))
    assert (made == turned[6:44, 4:40]).all()
    whole = next(media.read_frames(path, Fraction(25), view=media.View(rotate)))
    assert (whole == turned).all()


@pytest.mark.parametrize(
    "crop", [(0, 0, 81, 40), (-2, 0, 40, 40), (30, 0, 40, 40), (0, 40, 40, 20)]
)
def test_impossible_crops_are_told(tmp_path, crop):
    info = media.probe(made_clip(tmp_path / "clip.mkv", "25", 0.2, "80x48"))
    with pytest.raises(ParameterError, match="crop=.*80x48"):
        media.View(0, crop).size(info)


def test_prefetch_keeps_order_and_passes_errors():
    def items():
        yield from range(10)
        raise ValueError("end")

    got = []
    with pytest.raises(ValueError, match="end"):
        for item in media.prefetch(items(), depth=2):
            got.append(item)
    assert got == list(range(10))
