"""Weights and addresses of strangers: no code runs, nothing but https is asked."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from helpers import checkpoints
from helpers.checkpoints import download
from helpers.errors import WeightsError
from helpers.training.trainer import load_checkpoint

TRAP = Path("/tmp/never-made-by-weights")


class Evil:
    def __reduce__(self):
        return (TRAP.touch, ())


def zipped(path: Path) -> None:
    """A whole checkpoint whose members are compressed, as a bomb's are."""
    torch.save({"x": torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


MAKE = {
    "code": lambda path: torch.save({"made_from": {}, "x": Evil()}, path),
    "a bare pickle": lambda path: path.write_bytes(pickle.dumps(Evil())),
    "a bomb": zipped,
}


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.model"])
def test_no_code_runs_and_nothing_is_unpacked(kind, name, tmp_path):
    MAKE[kind](tmp_path / name)
    for read in (checkpoints.load, checkpoints.read_pickle, load_checkpoint):
        with pytest.raises(WeightsError) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value) and not TRAP.exists()


def refusal(url: str, path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        download.download([url], path, 10, "0" * 64)
    assert not path.exists() and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("url, scheme", [
    ("http://example.org/w.pth", "http"), ("ftp://example.org/w.pth", "ftp"),
    ("file:///etc/hostname", "file"), ("data:,0123456789", "data"),
    ("http://127.0.0.1.example.org/w.pth", "http"), ("http://localhost@example.org/w", "http"),
    ("HTTP://example.org/w.pth", "http"),
])  # fmt: skip
def test_addresses_that_are_not_https_are_not_asked(url, scheme, tmp_path, monkeypatch):
    monkeypatch.setattr(download.urllib.request, "build_opener", lambda *_: pytest.fail("asked"))
    assert f"{scheme}:// is not https://" in refusal(url, tmp_path / "w.pth")


@pytest.mark.parametrize("start, target, words", [
    ("https://example.org/a", "http://example.org/b", "redirected to http://"),
    ("https://example.org/a", "ftp://example.org/b", "redirected to ftp://"),
    ("https://example.org/a", "http://127.0.0.1/b", "redirected to http://"),
    ("https://example.org/a", "file:///etc/hostname", "redirected to file://"),
    ("http://127.0.0.1/a", "http://example.org/b", "http:// is not https://"),
])  # fmt: skip
def test_redirects_to_other_schemes_are_not_followed(start, target, words):
    request = download.urllib.request.Request(start)
    with pytest.raises(download._Refused, match=words):
        download._Redirects().redirect_request(request, None, 302, "Found", {}, target)


def test_redirects_between_https_addresses_are_followed():
    request = download.urllib.request.Request(
        "https://example.org/a", headers={"Range": "bytes=5-"}
    )
    after = download._Redirects().redirect_request(
        request, None, 302, "Found", {}, "https://cdn.example.org/b"
    )
    assert after.full_url == "https://cdn.example.org/b" and after.headers["Range"] == "bytes=5-"
