"""Downloads from a server on this machine that lies in every way, and the command line around
them.
"""

import errno
import hashlib
import io
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers import checkpoints, params, run
from helpers.__main__ import main
from helpers.errors import WeightsError
from helpers.notebook import cells

DATA = bytes(range(256)) * 1200  # 300 kB
OTHER = DATA[::-1]
HALF = len(DATA) // 2
REST = f"bytes={HALF}-"
PAGE = b"<!DOCTYPE html><html><body>Please sign in</body></html>"


class Server(ThreadingHTTPServer):
    """Answers by the path's name (a method of Handler) and notes each request as (path, Range)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.over = threading.Event()
        self.second = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path.strip("/")
        self.server.requests.append((name, self.headers["Range"]))
        getattr(self, f"do_{name}")()

    def start(self) -> int:
        return int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))

    def answer(self, body, status=200, length=None, kind="application/octet-stream", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def part(self, body, **more):
        start = self.start()
        if not start:
            return self.answer(body, **more)
        facts = dict(status=206, Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        return self.answer(body[start:], **facts, **more)

    def do_good(self):
        self.part(DATA)

    def do_ignores_range(self):
        self.answer(DATA)

    def do_other_range(self):
        self.answer(
            DATA[7 : 7 + len(DATA) - self.start()],
            206,
            Content_Range=f"bytes 7-{len(DATA)}/{len(DATA)}",
        )

    def do_missing(self):
        self.answer(b"no such file", 404)

    def do_page(self):
        self.answer(PAGE, kind="text/html; charset=utf-8")

    def do_hidden_page(self):
        self.answer(PAGE, length="none")

    def do_breaks_off(self):
        self.answer(DATA[:HALF], length=len(DATA))

    def do_short(self):
        self.answer(DATA[:HALF])

    def do_long(self):
        self.answer(DATA + b"more", length="none")

    def do_wrong(self):
        self.part(OTHER)

    def do_stalls(self):
        self.answer(DATA[:HALF], length=len(DATA))
        self.server.over.wait(5)
        self.wfile.write(DATA[HALF:])

    def do_silent(self):
        self.server.over.wait(5)
        self.answer(DATA)

    def do_hangs_up(self):
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_redirect(self):
        self.answer(b"", 302, Location="/good")

    def do_waits_for_a_second(self):
        if len(self.server.requests) > 1:
            self.server.second.set()
        self.server.second.wait(0.5)
        self.part(DATA)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs=dict(poll_interval=0.01))
    thread.start()
    yield made
    made.over.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def mirrors(server, monkeypatch, tmp_path):
    """Call with names of answers: the registry then knows ``net``, with these mirrors; the path it
    is fetched to.
    """
    compact = checkpoints.entries()["compact"]
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)

    def use(*names: str) -> Path:
        urls = [f"http://127.0.0.1:{server.server_port}/{name}" for name in names]
        entry = dict(
            file="net.pth", job="test", bytes=len(DATA), sha256=hashlib.sha256(DATA).hexdigest(),
            licence="for tests only", urls=urls,
        )  # fmt: skip
        known = {"net": entry, "compact": compact}
        monkeypatch.setattr("helpers.checkpoints.registry.entries", lambda: known)
        monkeypatch.setattr(checkpoints, "entries", lambda: known)
        return tmp_path / "net.pth"

    return use


def part_of(path: Path) -> Path:
    return path.with_name("net.pth.part")


def test_a_whole_file_gets_its_name_at_the_end(mirrors, server):
    path = mirrors("good")
    seen = []

    def progress(done, total):
        assert not path.exists()
        seen.append((done, total))

    assert checkpoints.fetch("net", True, progress=progress) == path
    assert path.read_bytes() == DATA and os.listdir(path.parent) == ["net.pth"]
    assert seen == sorted(seen) and seen[-1] == (len(DATA), len(DATA))
    assert checkpoints.fetch("net", False) == path, (
        "it is here: nothing to accept, nothing to download"
    )
    assert server.requests == [("good", None)]


def test_into_another_folder(mirrors, tmp_path):
    mirrors("good")
    assert checkpoints.fetch("net", True, tmp_path / "new" / "folder").read_bytes() == DATA
    assert not (tmp_path / "net.pth").exists()


def test_redirect_keeps_the_range(mirrors, server):
    path = mirrors("redirect")
    part_of(path).write_bytes(DATA[:1000])
    assert checkpoints.fetch("net", True).read_bytes() == DATA
    assert server.requests == [("redirect", "bytes=1000-"), ("good", "bytes=1000-")]


@pytest.mark.parametrize("answer, words, kept", [
    ("missing", "HTTP 404", None),
    ("page", "a web page instead of the file", None),
    ("hidden_page", "a web page instead of the file", None),
    ("short", f"{HALF} bytes instead of {len(DATA)}", None),
    ("breaks_off", f"broke off after {HALF} of {len(DATA)} bytes", HALF),
    ("long", f"more than {len(DATA)} bytes", None),
    ("wrong", "wrong SHA-256", None),
    ("stalls", "nothing came for 0.2 s", HALF),
    ("silent", "nothing came for 0.2 s", None),
    ("hangs_up", "Remote end closed connection", None),
])  # fmt: skip
def test_a_lying_mirror_is_refused_and_the_next_one_used(
    mirrors, server, monkeypatch, answer, words, kept
):
    monkeypatch.setattr("helpers.checkpoints.download.STALL_S", 0.2)
    path = mirrors(answer)
    with pytest.raises(WeightsError, match=words) as caught:
        checkpoints.fetch("net", True)
    message = str(caught.value)
    assert "\n" not in message and "net.pth" in message and f"by hand to {path}" in message
    assert os.listdir(path.parent) == ([] if kept is None else ["net.pth.part"])
    assert kept is None or part_of(path).read_bytes() == DATA[:kept]
    part_of(path).unlink(missing_ok=True)
    mirrors(answer, "good")
    server.requests.clear()
    assert checkpoints.fetch("net", True).read_bytes() == DATA
    assert server.requests == [(answer, None), ("good", REST if kept else None)]


def test_every_mirror_is_named_when_all_fail(mirrors, server):
    mirrors("missing", "page", "wrong")
    with pytest.raises(WeightsError, match="HTTP 404.*; .*web page.*; .*wrong SHA-256"):
        checkpoints.fetch("net", True)


def test_nobody_listens(mirrors, monkeypatch):
    path = mirrors("good")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        checkpoints.entries()["net"]["urls"] = [f"http://127.0.0.1:{free.getsockname()[1]}/good"]
        with pytest.raises(WeightsError, match="refused"):
            checkpoints.fetch("net", True)
    assert not path.exists()


@pytest.mark.parametrize("answer, there, asked", [
    ("good", DATA[:HALF], [REST]),
    ("good", DATA, []),
    ("good", DATA + b"more", [None]),
    ("good", OTHER[:HALF], [REST, None]),  # bad bytes: the same mirror from the start
    ("good", OTHER, [None]),
    ("ignores_range", DATA[:HALF], [REST]),
    ("ignores_range", OTHER[:HALF], [REST]),
])  # fmt: skip
def test_a_part_that_is_there_is_used_or_dropped(mirrors, server, answer, there, asked):
    path = mirrors(answer)
    part_of(path).write_bytes(there)
    assert checkpoints.fetch("net", True).read_bytes() == DATA
    assert [r for _, r in server.requests] == asked
    assert os.listdir(path.parent) == ["net.pth"]


@pytest.mark.parametrize("answer", ["missing", "page", "hidden_page", "short", "other_range"])
def test_a_part_outlives_a_mirror_without_the_file(mirrors, answer):
    path = mirrors(answer)
    part_of(path).write_bytes(DATA[:HALF])
    with pytest.raises(WeightsError):
        checkpoints.fetch("net", True)
    assert not path.exists() and part_of(path).read_bytes() == DATA[:HALF]


@pytest.mark.parametrize(
    "code, words", [(errno.ENOSPC, "disk is full"), (errno.EACCES, "could not be written")]
)
def test_a_disk_that_takes_no_more(mirrors, server, monkeypatch, code, words):
    path = mirrors("good", "good")

    class Full(io.FileIO):
        def write(self, data):
            if self.tell() >= HALF:
                raise OSError(code, os.strerror(code))
            return super().write(data[:HALF])

    monkeypatch.setattr(Path, "open", lambda self, mode, buffering: Full(self, mode))
    with pytest.raises(WeightsError, match=words) as caught:
        checkpoints.fetch("net", True)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert not path.exists() and server.requests == [("good", None)], "another mirror does not help"


def test_a_damaged_file_is_replaced_only_by_the_right_one(mirrors):
    path = mirrors("wrong")
    path.write_bytes(OTHER)
    with pytest.raises(WeightsError, match="wrong SHA-256"):
        checkpoints.fetch("net", True)
    assert path.read_bytes() == OTHER
    mirrors("good")
    assert checkpoints.fetch("net", True).read_bytes() == DATA


def test_two_at_once_download_once(mirrors, server):
    path = mirrors("waits_for_a_second")
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: checkpoints.fetch("net", True), range(2)))
    assert done == [path, path] and path.read_bytes() == DATA
    assert server.requests == [("waits_for_a_second", None)]


def test_licence_is_asked_for(mirrors, server):
    mirrors("good")
    with pytest.raises(WeightsError, match="for tests only.*--yes.*accept_licences=true"):
        checkpoints.fetch("net", False)
    assert not server.requests


def test_fetch_all(mirrors, capsys):
    path = mirrors("good")
    bars = []

    def bar(name):
        bars.append(name)
        return lambda done, total: None

    assert checkpoints.fetch_all("", False, bar) == [] == bars
    found = checkpoints.fetch_all(" net , net,", True, bar)
    assert found == [checkpoints.Found("net", path, "for tests only")] * 2 and bars == ["net"]
    with pytest.raises(WeightsError, match="did you mean net"):
        checkpoints.fetch_all("nett", True)


def test_bundled_files_come_with_the_repository(mirrors):
    mirrors("good")
    with pytest.raises(WeightsError, match="git checkout -- weights/wav2lip-compact.safetensors"):
        checkpoints.fetch("compact", True)
    with pytest.raises(WeightsError, match="git checkout -- weights/wav2lip-compact.safetensors"):
        checkpoints.locate("compact")


def test_locate_names_the_command(mirrors):
    path = mirrors("good")
    with pytest.raises(WeightsError, match="not here.*python -m helpers weights fetch net"):
        checkpoints.locate("net")
    path.write_bytes(DATA[:5])
    with pytest.raises(
        WeightsError, match="5 bytes instead of 307200.*python -m helpers weights fetch net"
    ):
        checkpoints.locate("net")


def test_command_list(mirrors, capsys):
    path = mirrors("good")
    assert main(["weights", "list"]) == 0
    assert [line.split()[:5] for line in capsys.readouterr().out.splitlines()] == [
        ["name", "job", "file", "MB", "here"],
        ["net", "test", "net.pth", "0.3", "no"],
        ["compact", "lip-sync", "wav2lip-compact.safetensors", "0.0", "no"],
    ]
    path.write_bytes(OTHER)
    (path.parent / "wav2lip-compact.safetensors").write_bytes(b"cut")
    main(["weights", "list"])
    assert [line.split()[4] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "damaged",
        "damaged",
    ]
    path.write_bytes(DATA)
    main(["weights", "list"])
    assert capsys.readouterr().out.splitlines()[1].split(None, 5)[4:] == ["yes", "for tests only"]


def test_command_verify(mirrors, capsys):
    path = mirrors("good")
    assert main(["weights", "verify"]) == 0
    assert capsys.readouterr() == ("", "")
    path.write_bytes(DATA)
    assert main(["weights", "verify"]) == 0
    assert capsys.readouterr().out == f"net: {path}: right\n"
    path.write_bytes(OTHER)
    for arguments in (["verify"], ["verify", "net"]):
        assert main(["weights", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == f"net: {path}: wrong SHA-256\n"
        assert err.startswith("error: 1 of 1 ") and err.endswith(
            "python -m helpers weights fetch net\n"
        )
    path.write_bytes(DATA[:5])
    assert main(["weights", "verify", "net"]) == 2
    assert capsys.readouterr().out == f"net: {path}: 5 bytes instead of {len(DATA)}\n"
    path.unlink()
    assert main(["weights", "verify", "net"]) == 2
    assert capsys.readouterr().out == f"net: {path}: not here\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stdin, arguments, status", [
    (io.StringIO("y\n"), [], 2),
    (io.StringIO(), ["--yes"], 0),
    (Terminal("y\n"), [], 0),
    (Terminal("\n"), [], 2),
    (Terminal(), ["--yes"], 0),
])  # fmt: skip
def test_command_fetch_shows_the_licence_and_needs_a_yes(
    mirrors, server, monkeypatch, capsys, stdin, arguments, status
):
    path = mirrors("good")
    monkeypatch.setattr("sys.stdin", stdin)
    assert main(["weights", "fetch", "net", *arguments]) == status
    out, err = capsys.readouterr()
    assert "for tests only" in err and path.exists() == (status == 0) == bool(server.requests)
    assert out == (f"{path}\n" if status == 0 else "")
    assert ("Do you accept it?" in err) == (stdin.isatty() and not arguments)
    if not stdin.isatty() and status:
        assert err.count("\n") == 1 and err.startswith("error: ") and "--yes" in err


def test_command_fetch_that_fails_is_one_line_of_error(mirrors, monkeypatch, capsys):
    mirrors("missing", "page")
    assert main(["weights", "fetch", "net", "--yes"]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["net", "error"]
    assert main(["weights", "fetch", "nothing-like-it", "--yes"]) == 2


def test_registry_is_complete():
    """Names of files, their sizes and where they lie: see the projects that the licences name."""
    known = json.loads((params.ROOT / "weights" / "registry.json").read_text())
    for name, entry in known.items():
        assert {"file", "job", "licence"} <= set(entry), name
        if "bundled" not in entry:
            assert len(entry["sha256"]) == 64 and int(entry["sha256"], 16) and entry["bytes"] > 50e6
            assert entry["urls"] and all(
                u.startswith("https://") and "/blob/" not in u for u in entry["urls"]
            )
    assert {e["file"] for e in known.values() if "urls" in e} >= {
        "wav2lip.pth", "wav2lip_gan.pth", "s3fd-619a316812.pth", "GFPGANv1.3.pth", "GFPGANv1.4.pth",
        "detection_Resnet50_Final.pth", "parsing_parsenet.pth", "syncnet_v2.model",
    }  # fmt: skip


def test_fetching_does_not_change_what_a_run_is():
    assert {"fetch", "accept_licences"} <= set(run.NO_INFLUENCE)
    cell = cells.parameter_cell("01_setup")
    assert 'fetch = ""' in cell and "accept_licences = False" in cell
    assert "fetch" not in cells.parameter_cell("02_lipsync")
