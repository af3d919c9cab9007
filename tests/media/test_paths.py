"""Paths as people paste them."""

from pathlib import Path

import pytest
from support import SAMPLE_VIDEO

from helpers import media
from helpers.errors import InputError


@pytest.mark.parametrize(
    "text",
    [
        '"{0}"',
        "'{0}'",
        " {0} ",
        "“{0}”",
        "\"'{0}'\"",
        "file://{0}",
        "'~/my clip.mp4'",
        "~/my clip.mp4",
    ],
)
def test_a_pasted_path_is_understood(tmp_path, monkeypatch, text):
    path = tmp_path / "my clip.mp4"
    path.write_bytes(Path(SAMPLE_VIDEO).read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    given = text.format(path)
    assert Path(media.local_path(given)) == path
    assert media.probe(given).frames == media.probe(SAMPLE_VIDEO).frames


def test_a_file_that_is_really_named_so_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("'quoted'.mp4'").write_bytes(b"x")
    assert media.local_path("'quoted'.mp4'") == "'quoted'.mp4'"


@pytest.mark.parametrize("text", ["https://example.org/a.mp4", "'rtsp://cam/1'", "s3://bucket/key"])
def test_an_address_is_named_as_such(text):
    with pytest.raises(InputError, match="is an address, not a file") as caught:
        media.probe(text)
    assert text.strip("'") in str(caught.value) and "\n" not in str(caught.value)
