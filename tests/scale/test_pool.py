"""Tasks on several processes: the same pixels, whoever dies."""

import contextlib
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import media, params, run
from helpers.cli import main
from helpers.errors import ParameterError, RunError
from helpers.pool import in_turn, pool, worker_lost
from helpers.run import produce

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

FRAMES_A_SEGMENT = 8


@pytest.fixture(scope="module", autouse=True)
def tests_travel_with_their_tasks():
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def workers():
    with pool(2) as by_workers:
        yield by_workers


def dies_once(path: str, value: int) -> int:
    if not os.path.exists(path):
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def double(value: int, factor: int) -> int:
    return value * factor


@pytest.fixture
def p(tmp_path, monkeypatch):
    """Four short segments and a rest."""
    monkeypatch.setattr(produce, "SEGMENT_FRAMES", FRAMES_A_SEGMENT)
    return params.build(
        video=made_clip(tmp_path / "clip.mkv", "25", 1.4),
        audio=write_wave(tmp_path / "speech.wav", tone(1.4)),
        run_dir=str(tmp_path / "run"),
        box=FACE_BOX,
        precision="fp32",
        batch_size=FRAMES_A_SEGMENT,
    )


def pixels(path) -> bytes:
    return b"".join(frame.tobytes() for frame in media.read_frames(path, media.probe(path).fps))


def test_what_tasks_share_comes_last(workers):
    for where in (in_turn, workers):
        outcomes = {number: outcome.result() for number, outcome in where(double, [(1,), (2,)], 10)}
        assert outcomes == {0: 10, 1: 20}


def test_a_task_is_tried_again_when_its_worker_dies(workers, tmp_path):
    tasks = [(str(tmp_path / "died"), 7)]
    assert [outcome.result() for _, outcome in workers(dies_once, tasks)] == [7]


def test_a_task_that_ends_its_workers_costs_itself_alone(workers):
    for _, outcome in workers(os._exit, [(1,)]):
        assert worker_lost(outcome.exception())
    assert [outcome.result() for _, outcome in workers(abs, [(-1,)])] == [1]


def test_workers_give_the_same_pixels(p, workers, tmp_path):
    psutil = pytest.importorskip("psutil")
    alone = run.lipsync_and_restore(replace(p, run_dir=str(tmp_path / "alone")))
    killed = []

    def kill_one(stage, done, total):
        if stage == "draw" and 0 < done < total and not killed:
            killed.append(min(psutil.Process().children(recursive=True), key=python_workers))
            killed[0].kill()

    shared = run.lipsync_and_restore(p, kill_one, workers)
    assert killed
    for name in ("lipsync", "restored"):
        paths = [record["results"][name]["path"] for record in (alone, shared)]
        assert pixels(paths[0]) == pixels(paths[1])


def python_workers(process) -> tuple[bool, int]:
    """Sorts a worker first."""
    with contextlib.suppress(Exception):
        return not any("spawn_main" in part for part in process.cmdline()), process.pid
    return True, process.pid


def test_a_batch_and_a_scheduler_of_ones_own(p, tmp_path, capsys):
    jobs = tmp_path / "jobs.jsonl"
    row = dict(video=p.video, audio=p.audio, box=FACE_BOX, restorer="none")
    jobs.write_text("\n".join(json.dumps(row | dict(crf=crf)) for crf in (20, 21, 20)))
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, resources={"GPU": 1}) as own:
        where = ["--out", str(tmp_path / "out"), "--scheduler", own.scheduler_address]
        assert main(["batch", str(jobs), *where]) == 0

    printed = capsys.readouterr()
    assert json.loads(printed.out)["done"] == 2 and "the same as job 1" in printed.err
    assert len(list((tmp_path / "out").glob("*/lipsync.mp4"))) == 2


def test_a_source_that_a_worker_sees_otherwise_is_refused(p, workers):
    def changed(work, tasks, order):
        return workers(work, tasks, replace(order, video_sha256="0" * 64))

    with pytest.raises(RunError, match="another file"):
        run.lipsync(p, workers=changed)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (dict(workers=1, scheduler="tcp://127.0.0.1:1"), ParameterError, "either"),
        (dict(scheduler="nonsense://x"), RunError, "no Dask scheduler"),
    ],
)
def test_wrong_places_are_told(given, kind, words):
    with pytest.raises(kind, match=words), pool(**given):
        pass
