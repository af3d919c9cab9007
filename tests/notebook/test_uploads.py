"""Files through the browser, from both generations of ipywidgets."""

import pytest
from support import made_clip
from traitlets import Dict, HasTraits, Int

from helpers.errors import InputError
from helpers.notebook import uploads


class Button7(HasTraits):
    """What counts of the upload button of ipywidgets 7."""

    value = Dict({}, read_only=True)
    _counter = Int(read_only=True)


def test_files_of_both_generations():
    new = ({"name": "a.mp4", "type": "", "size": 1, "content": memoryview(b"x")},)
    old = {"a.mp4": {"metadata": {"name": "a.mp4", "size": 1}, "content": b"x"}}
    for value in (new, old):
        (file,) = uploads.uploaded_files(value)
        assert (file["name"], bytes(file["content"])) == ("a.mp4", b"x")
    assert uploads.uploaded_files(()) == uploads.uploaded_files({}) == []


def test_both_generations_let_go_of_the_bytes():
    old = Button7()
    old.set_trait("value", {"a.mp4": {"content": b"x"}})
    old.set_trait("_counter", 1)
    uploads.let_go(old)
    assert (old.value, old._counter) == ({}, 0)

    button = uploads.upload_button("video")
    uploads.let_go(button)
    assert not button.value


def test_a_second_file_of_a_name_does_not_replace_the_first(tmp_path):
    names = ["clip.mp4", "clip.mp4", "clip.mp4", "b/clip.mp4"]
    contents = [b"first", b"second", b"first", b"third"]
    saved = [
        uploads.save_upload(dict(name=name, content=content), tmp_path).name
        for name, content in zip(names, contents, strict=True)
    ]
    assert saved == ["clip.mp4", "clip-2.mp4", "clip.mp4", "clip-3.mp4"]
    assert (tmp_path / "clip.mp4").read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 3


def test_what_arrived_is_described(tmp_path):
    path = tmp_path / "clip.mkv"
    made_clip(path, "25", 0.4)
    words = uploads.describe_file(path)
    assert words.startswith("clip.mkv, 0.") and words.endswith("MB, 160x120, 0.40 s")
    (tmp_path / "words.mp4").write_text("words")
    with pytest.raises(InputError):
        uploads.describe_file(tmp_path / "words.mp4")
