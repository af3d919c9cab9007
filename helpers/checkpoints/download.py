"""Files from the network: mirrors in order, resumed by HTTP Range, trusted by their SHA-256."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from ..errors import WeightsError

STALL_S = 30.0  # s: a mirror that sends nothing for this long is given up
CHUNK = 1 << 20  # bytes read at once, at most
OWN_MACHINE = [("http", host) for host in ("127.0.0.1", "::1", "localhost")]
Progress = Callable[[int, int], None]  # (bytes done, bytes in all)


def is_web_page(start: bytes) -> bool:
    """Are these the first bytes of an HTML page?"""
    return start.lstrip().lower().startswith((b"<!doctype", b"<html"))


class _Refused(Exception):
    """A mirror failed; the text says how, in a few words."""


def sha256(path: str | os.PathLike) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(
    urls: Sequence[str], path: Path, size: int, digest: str, progress: Progress | None = None
) -> None:
    """Bring a file of ``size`` bytes with the SHA-256 ``digest`` to ``path``.

    Bytes land in ``path`` + ".part", which the next mirror or the next call goes on with, and get
    their final name when all of them are there and right. Raises WeightsError if every mirror fails
    or the file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    reasons = []
    try:
        for url in urls:
            try:
                _from_mirror(url, part, size, digest, progress)
            except _Refused as reason:
                reasons.append(f"{urlsplit(url).netloc}: {reason}")
            else:
                os.replace(part, path)
                return
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WeightsError(
                f"the disk is full: {part} could not be written; free some space, try again"
            ) from None

        raise WeightsError(
            f"{path} could not be written ({error.strerror}); make its folder writable"
        ) from None

    raise WeightsError(
        f"{path.name} could not be downloaded ({'; '.join(reasons)}); "
        f"try again later, or download {urls[0]} by hand to {path}"
    )


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One download into a folder at a time: a second process waits here for the first."""
    if os.name != "posix":
        yield
        return

    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a network drive may have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _from_mirror(url: str, part: Path, size: int, digest: str, progress: Progress | None) -> None:
    resumed = _receive(url, part, size, progress)
    if sha256(part) == digest:
        return

    part.unlink()
    if not resumed:
        raise _Refused("wrong SHA-256")

    _from_mirror(
        url, part, size, digest, progress
    )  # what was there before may have been the bad bytes


def _receive(url: str, part: Path, size: int, progress: Progress | None) -> int:
    """Fill ``part`` up to ``size`` bytes; how many of them were there before and have been kept."""
    start = part.stat().st_size if part.exists() else 0
    if start == size:
        return start

    start = start if start < size else 0
    with _open(url, start) as response:
        if response.status != 206:
            start = 0

        _check_headers(response, start, size)
        chunk = _read(response)
        if not start and is_web_page(chunk):
            raise _Refused("a web page instead of the file")

        done = start
        with part.open("ab" if start else "wb", buffering=0) as file:
            while chunk and done + len(chunk) <= size:
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) :]

                done += len(chunk)
                if progress:
                    progress(done, size)

                chunk = _read(response)

    if chunk:
        part.unlink()
        raise _Refused(f"more than {size} bytes")

    if done < size:
        raise _Refused(f"broke off after {done} of {size} bytes")

    return start


def _check_headers(response: HTTPResponse, start: int, size: int) -> None:
    if response.headers.get_content_type() == "text/html":
        raise _Refused("a web page instead of the file")

    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and start + int(length) != size:
        raise _Refused(f"{start + int(length)} bytes instead of {size}")

    if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise _Refused("another range than the one asked for")


def _open(url: str, start: int) -> HTTPResponse:
    headers = {"User-Agent": "lipsync-notebooks", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    _check_scheme(url)
    request = urllib.request.Request(url, headers=headers)
    with _mirror_errors():
        return urllib.request.build_opener(_Redirects).open(request, timeout=STALL_S)


def _check_scheme(url: str) -> None:
    """Raises _Refused for an address that others could read or change on the way."""
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme, parts.hostname) not in OWN_MACHINE:
        raise _Refused(f"{parts.scheme}:// is not https://")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects are followed to https, or on this machine."""

    def redirect_request(
        self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, url: str
    ) -> urllib.request.Request | None:
        if urlsplit(url).scheme != urlsplit(req.full_url).scheme:
            raise _Refused(f"redirected to {urlsplit(url).scheme}://")

        _check_scheme(url)
        return super().redirect_request(req, fp, code, msg, headers, url)


def _read(response: HTTPResponse) -> bytes:
    with _mirror_errors():
        return response.read1(CHUNK)


@contextlib.contextmanager
def _mirror_errors() -> Iterator[None]:
    """What the network raises inside becomes _Refused, so that other OSErrors are the disk's."""
    try:
        yield
    except HTTPError as error:
        error.close()
        raise _Refused(f"HTTP {error.code}") from None
    except (OSError, HTTPException) as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            raise _Refused(f"nothing came for {STALL_S:g} s") from None
        text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
        raise _Refused(" ".join(text.split())) from None
