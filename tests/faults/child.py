"""Commands in processes of their own, disturbed at a chosen event.

Events are what a process does to files and processes: opening to write, renaming, removing,
starting a program. They are counted by an audit hook, so a disturbance does not hang on a clock.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from helpers import cli

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
NAMES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "subprocess.Popen")
SHARED = (  # modules that take seconds to import, once for all children
    "librosa.core.spectrum", "librosa.filters", "librosa.util.utils", "onnxruntime",
    "helpers.batch.batch", "helpers.notebook.report", "helpers.restore.sharpen",
    "helpers.training.expert",
)  # fmt: skip
HANG = 120  # s
ADDRESSES = 12 << 30  # bytes of address space, at most
MIB = 1 << 20

Work = Callable[[], int]  # returns an exit status


@dataclass
class Ended:
    """How a process ended."""

    pid: int  # and its session's
    status: int  # negative: the signal
    text: str  # what it printed on stderr
    events: list[str] = field(default_factory=list)
    peak: int = 0  # MiB, of it or its largest child
    hung: bool = False

    @property
    def is_one_line(self) -> bool:
        """Was an error told in one line, without a traceback?"""
        lines = [line for line in self.text.splitlines() if line.startswith("error: ")]
        return len(lines) == 1 and "Traceback" not in self.text


def import_shared() -> None:
    for name in SHARED:
        importlib.import_module(name)


def command(*arguments: object) -> Work:
    """The command line as the work of a child."""
    return lambda: cli.main(list(map(str, arguments)))


def run(
    work: Work, folder: Path, at: int = 0, disturb: Callable[[], object] | None = None
) -> Ended:
    """Do a work in a forked process; at its event number ``at`` (from 1) ``disturb`` is called."""
    log = folder / "log.txt"
    noted = folder / "events.txt"
    pid = os.fork()
    if pid == 0:
        _be_child(work, log, noted, at, disturb)

    status, usage, hung = _wait(pid)
    events = noted.read_text().splitlines() if noted.exists() else []
    text = log.read_text(errors="replace")
    exit_status = os.waitstatus_to_exitcode(status)
    return Ended(pid, exit_status, text, events, usage.ru_maxrss // 1024, hung)


def kill(delay: float = 0.0) -> Callable[[], object]:
    """A disturbance: SIGKILL, so many seconds later."""
    return send(signal.SIGKILL, delay)


def send(number: signal.Signals, delay: float = 0.0) -> Callable[[], object]:
    """A disturbance: a signal to the process itself."""
    if not delay:
        return lambda: os.kill(os.getpid(), number)

    return lambda: threading.Timer(delay, os.kill, (os.getpid(), number)).start()


def orphans(session: int) -> list[str]:
    """Command lines of the processes of a session that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(path.name)) == session:
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(line.strip())
        except (ProcessLookupError, FileNotFoundError):
            continue

    return [line for line in found if line]  # a zombie has none


def orphans_left(session: int, patience: float = 5.0) -> list[str]:
    """``orphans`` that do not end by themselves."""
    until = time.monotonic() + patience
    while time.monotonic() < until and orphans(session):
        time.sleep(0.05)
    return orphans(session)


def _wait(pid: int) -> tuple[int, resource.struct_rusage, bool]:
    until = time.monotonic() + HANG
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage, False

        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            return status, usage, True

        time.sleep(0.01)


def _be_child(
    work: Work, log: Path, noted: Path, at: int, disturb: Callable[[], object] | None
) -> None:
    status = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _watch(noted, at, disturb)
        status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _watch(noted: Path, at: int, disturb: Callable[[], object] | None) -> None:
    notes = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    count = 0
    busy = False

    def watch(event: str, values: tuple) -> None:
        nonlocal count, busy
        label = _label(event, values)
        if not label or busy:
            return

        count += 1
        os.write(notes, f"{label}\n".encode())
        if count == at and disturb:
            busy = True
            disturb()
            busy = False

    sys.addaudithook(watch)


def _label(event: str, values: tuple) -> str:
    """What an audit event did to which file; empty if it changes nothing."""
    if event == "open":
        path, _, flags = values
        if not isinstance(path, str) or not (flags or 0) & WRITING or path.startswith("/dev"):
            return ""
        return f"open {path}"

    if event not in NAMES:
        return ""

    if event == "subprocess.Popen":
        return f"start {' '.join(map(str, values[1]))}"
    return f"{event} {' '.join(str(value) for value in values[:2])}"
