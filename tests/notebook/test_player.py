"""Players that always play."""

import base64
import re

import numpy as np
import pytest
from support import ffmpeg, made_clip

from helpers import media, run
from helpers.notebook import player, start


@pytest.fixture
def noisy(tmp_path):
    """Two seconds that need many bytes, with sound; its path."""
    path = tmp_path / "noisy & long.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=r=25:s=320x242:d=2,noise=alls=90:allf=t")
    sound = ("-f", "lavfi", "-i", "sine=d=2")
    ffmpeg(*picture, *sound, "-crf", 10, "-pix_fmt", "yuv420p", path)
    return path


def shown_file(markup: str, folder):
    data = re.search(r'src="data:video/mp4;base64,([^"]+)"', markup)[1]
    path = folder / "shown.mp4"
    path.write_bytes(base64.b64decode(data))
    return path


def test_a_small_file_is_shown_itself(noisy, tmp_path):
    markup = player.show_video(noisy).data
    assert shown_file(markup, tmp_path).read_bytes() == noisy.read_bytes()
    assert "noisy &amp; long.mp4" in markup and "shown here" in markup


def test_a_large_file_is_shown_as_a_proxy_with_a_link(noisy, tmp_path, monkeypatch):
    limit = 100_000
    assert noisy.stat().st_size > limit
    monkeypatch.setattr(player, "playable", lambda path, _=player.playable: _(path, limit))
    monkeypatch.setattr(player, "INLINE_BYTES", limit)
    monkeypatch.setattr(start, "_folders", [tmp_path / "notebooks"])
    markup = player.show_video(noisy).data

    proxy = shown_file(markup, tmp_path)
    info = media.probe(proxy)
    assert proxy.stat().st_size <= limit
    assert (info.video_codec, info.has_audio) == ("h264", True)
    assert info.duration == pytest.approx(2, abs=0.1)
    assert 'href="../noisy%20%26%20long.mp4" download' in markup and "small copy" in markup


def test_a_long_file_is_shown_from_its_beginning(noisy, tmp_path):
    path = tmp_path / "proxy.mp4"
    path.write_bytes(player.playable(noisy, 36_000))
    assert path.stat().st_size < 50_000 < noisy.stat().st_size
    assert 1.2 < media.probe(path).duration < 1.5


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi"])
def test_what_browsers_do_not_play_is_made_playable(tmp_path, name):
    made_clip(tmp_path / name, "25", 0.4)
    path = tmp_path / "proxy.mp4"
    path.write_bytes(player.playable(tmp_path / name))
    info = media.probe(path)
    assert (info.video_codec, info.width, info.frames) == ("h264", 160, 10)


def test_source_and_result_side_by_side(small_run):
    record, p = small_run(length="shortest")
    _, plan, _ = run.prepare(p)
    path = player.side_by_side(p.run_dir, plan, record)
    info = media.probe(path)
    assert (info.frames, info.width, info.height, info.has_audio) == (50, 960, 360, True)

    sheet = next(media.read_frames(path, plan.fps)).astype(int)
    left, right = sheet[:, :480], sheet[:, 480:]
    assert np.abs(left - right).mean() < 15  # the same picture but for its mouth
