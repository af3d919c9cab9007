"""Colours in and out: what was drawn is what is seen."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import ffmpeg

from helpers import media

FPS = Fraction(25)
STEP = 32  # px, of a patch
# Greys, skin, and what tells the matrices apart; none brighter than diffuse white
PATCHES = [
    (0, 0, 0),
    (60, 60, 60),
    (120, 120, 120),
    (180, 180, 180),
    (220, 170, 140),
    (120, 80, 60),
    (200, 40, 30),
    (40, 60, 200),
    (20, 180, 60),
]


def chart(width: int = len(PATCHES) * STEP, height: int = STEP) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    for n, colour in enumerate(PATCHES):
        image[:, n * STEP : (n + 1) * STEP] = colour
    return image


def chart_picture(folder: Path, width: int = len(PATCHES) * STEP, height: int = STEP) -> str:
    path = str(folder / "chart.png")
    cv2.imwrite(path, chart(width, height)[..., ::-1])
    return path


def middles(frame: np.ndarray) -> np.ndarray:
    """Colours in the middle of the patches."""
    return np.array(
        [
            frame[8:24, n * STEP + 8 : (n + 1) * STEP - 8].reshape(-1, 3).mean(axis=0)
            for n in range(len(PATCHES))
        ]
    )


@pytest.mark.parametrize("transfer", ["arib-std-b67", "smpte2084"])
def test_hdr_is_tone_mapped(tmp_path, transfer):
    """A chart put into HLG and PQ with its white at 203 cd/m2, as ITU-R BT.2408 says."""
    linear = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=gbr:range=pc,"
    linear += "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020"
    coded = f"{linear},zscale=t={transfer}:npl=203:m=bt2020nc:r=tv,format=yuv420p10le"
    tags = f"log-level=error:lossless=1:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    clip = tmp_path / "hdr.mp4"
    source = ("-i", chart_picture(tmp_path), "-vf", f"format=gbrp,{coded}")
    ffmpeg(*source, "-c:v", "libx265", "-x265-params", tags, clip)

    assert media.probe(clip).is_hdr
    got = middles(next(media.read_frames(clip, FPS)))
    assert np.abs(got - PATCHES).max() < 8
    half = next(media.read_frames(clip, FPS, size=(len(PATCHES) * STEP, STEP // 2)))
    assert half.shape == (STEP // 2, len(PATCHES) * STEP, 3)


def test_light_above_white_stays_below_the_end(tmp_path):
    """A PQ ramp from diffuse white to 1000 cd/m2 neither burns out nor turns round."""
    levels = "geq=lum='594+X*(723-594)/W':cb=512:cr=512"  # 10 bits, narrow range
    tags = "log-level=error:lossless=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    clip = tmp_path / "bright.mp4"
    source = ("-f", "lavfi", "-i", "color=s=256x64:r=25:d=0.04,format=yuv420p10le")
    ffmpeg(*source, "-vf", levels, "-c:v", "libx265", "-x265-params", tags, clip)

    ramp = next(media.read_frames(clip, FPS))[32, 8:-8, 1].astype(int)
    assert 225 < ramp[0] < 250 and ramp[-1] <= 255 and (np.diff(ramp) >= -1).all()
    assert ramp[len(ramp) // 4] > ramp[0]


def test_all_colour_tags_are_written(tmp_path):
    media.write_video(tmp_path / "out.mp4", [chart()], FPS)
    info = media.probe(tmp_path / "out.mp4")
    assert (info.matrix, info.primaries, info.transfer) == ("bt709", "bt709", "bt709")


@pytest.mark.parametrize("height, matrix", [(720, "bt709"), (576, "smpte170m")])
@pytest.mark.parametrize("tagged", [True, False])
def test_hd_that_does_not_say_it_is_bt709(tmp_path, height, matrix, tagged):
    made = f"scale=out_color_matrix={matrix}:out_range=tv:flags=accurate_rnd,format=yuv420p"
    tag = matrix if tagged else "unknown"
    picture = chart_picture(tmp_path, height=height)
    codec = ("-c:v", "libx264", "-qp", 0, "-color_range", "tv")
    ffmpeg("-i", picture, "-vf", f"{made},setparams=colorspace={tag}", *codec, tmp_path / "c.mp4")

    assert media.probe(tmp_path / "c.mp4").matrix == (matrix if tagged else "")
    for view in (media.View(), media.View(0, (0, 0, 288, 64))):
        got = middles(next(media.read_frames(tmp_path / "c.mp4", FPS, view=view)))
        assert np.abs(got - PATCHES).max() < 3


def test_results_are_as_bright_as_their_frames(tmp_path):
    """Smooth colours written without loss and read again: 0.2 levels off at most on average."""
    y, x = np.mgrid[0:128, 0:128]
    frame = np.stack([x + 60, y + 40, (x + y) // 2 + 50], axis=-1).astype(np.uint8)
    media.write_video(tmp_path / "out.mp4", [frame] * 3, FPS, crf=0)
    for view in (media.View(), media.View(180)):
        got = next(media.read_frames(tmp_path / "out.mp4", FPS, view=view))
        off = np.rot90(got, view.rotate // 90).astype(int) - frame
        assert np.abs(off.mean(axis=(0, 1))).max() < 0.2 and np.abs(off).mean() < 0.6
