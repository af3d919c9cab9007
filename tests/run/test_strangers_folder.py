"""A run folder from elsewhere: nothing in it is executed, nothing outside it is written."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import checkpoints, media, params, run, storage
from helpers.cli import main
from helpers.errors import LipSyncError, RunError
from helpers.notebook import report

VALUES = dict(box=FACE_BOX, precision="fp32")


@pytest.fixture
def outside(tmp_path) -> Path:
    """A folder with files that a run must not touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("holder", "run.json", "report.html", "000000.mp4", "lipsync.part.mp4"):
        (folder / name).write_text("mine")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A finished run's folder."""
    folder = tmp_path_factory.mktemp("base")
    video = made_clip(folder / "clip.mkv", "25", 0.4)
    speech = write_wave(folder / "speech.wav", tone(0.4))
    run.lipsync(params.build(video=video, audio=speech, run_dir=folder / "run", **VALUES))
    return folder / "run"


@pytest.fixture
def strange(base, tmp_path) -> Path:
    """A copy of it, that its maker may change."""
    for path in base.parent.glob("*.*"):
        shutil.copy2(path, tmp_path)
    edit(shutil.copytree(base, tmp_path / "run"), inputs=_inputs_in(base, tmp_path))
    return tmp_path / "run"


def _inputs_in(base: Path, folder: Path) -> dict:
    inputs = json.loads((base / "run.json").read_text())["inputs"]
    return {
        name: facts | dict(path=str(folder / Path(facts["path"]).name))
        for name, facts in inputs.items()
    }


def edit(folder: Path, **values) -> None:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | values))


def untouched(outside: Path) -> bool:
    return all(path.read_text() == "mine" for path in outside.iterdir())


def works_on(folder: Path) -> list:
    """What is done with a run folder."""
    again = params.build(run_dir=folder, **VALUES, crf=30)
    return [
        lambda: run.lipsync(again),
        lambda: run.restore(params.build(run_dir=folder, restorer="sharpen")),
        lambda: report.write(folder, [dict(video="source", frames=10)]),
    ]


@pytest.mark.parametrize("where", ["", "KEY", "report.html"])
def test_links_in_the_runs_own_folder_lead_nowhere(where, strange, outside):
    own = strange / run.UNFINISHED
    target = outside / where if "." in where or where == "holder" else outside
    if where:
        own.mkdir()
    (own / where if where else own).symlink_to(target)
    for work in works_on(strange):
        with pytest.raises(RunError, match=f"{run.UNFINISHED}.* is a link, which no run makes"):
            work()
    assert untouched(outside) and len(list(outside.iterdir())) == 5


def test_hard_links_there_are_cut(strange, outside):
    own = strange / run.UNFINISHED
    own.mkdir()
    for path in outside.iterdir():
        os.link(path, own / path.name)
    works_on(strange)[0]()
    assert untouched(outside)


def test_names_in_the_record_lead_nowhere(strange, outside):
    names = {f"../outside/{path.name}": None for path in outside.iterdir()}
    record = json.loads((strange / "run.json").read_text())
    result = record["results"]["lipsync"] | dict(path=str(outside / "000000.mp4"))
    edit(strange, files=record["files"] | names, results=dict(lipsync=result))
    for work in works_on(strange):
        work()
    assert untouched(outside)
    assert run.read(strange)["results"]["lipsync"]["path"] == str(strange / "lipsync.mp4")


def test_names_at_an_address_lead_nowhere(tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = fsspec.filesystem("memory")
    files.pipe("/strange/run/run.json", b"{}")
    files.pipe("/strange/run/a/../../../escaped.txt", b"theirs")
    copied = storage.mirrored("memory://strange/run")
    with pytest.raises(RunError, match="memory://strange/run cannot be read"), copied:
        pass
    assert not list(tmp_path.rglob("escaped.txt"))


@pytest.mark.parametrize("relative", [True, False])
def test_an_input_elsewhere_is_read_only_if_its_hash_is_known(relative, strange, outside):
    secret = outside / "run.json"
    path = os.path.relpath(secret, strange) if relative else str(secret)
    inputs = json.loads((strange / "run.json").read_text())["inputs"]
    edit(strange, inputs=inputs | dict(video=inputs["video"] | dict(path=path)))
    for work in works_on(strange):
        with pytest.raises(LipSyncError) as caught:
            work()
        assert "\n" not in str(caught.value) and caught.value.exit_status == 2
    assert untouched(outside)


@pytest.mark.parametrize("name, value, words", [
    ("crf", "15 -vf movie=/etc/passwd", "crf=15 -vf movie=/etc/passwd is not of type int"),
    ("fps", "25;movie=x", "fps=25;movie=x is neither"),
    ("output_size", "96:flags=x", "output_size=96:flags=x is neither"),
    ("checkpoint", "/dev/zero", "checkpoint=/dev/zero is neither a file nor one of"),
    ("batch_size", [1], "is not of type int"), ("max_pixels", 10**12, "max_pixels"),
])  # fmt: skip
def test_parameters_in_the_record_are_checked(name, value, words, strange):
    values = json.loads((strange / "run.json").read_text())["parameters"]
    edit(strange, parameters=values | {name: value})
    with pytest.raises(LipSyncError, match=words):
        run.restore(params.build(run_dir=strange, restorer="sharpen"))


@pytest.mark.parametrize("values", [
    dict(inputs=[]), dict(inputs=dict(video="clip.mkv")), dict(inputs=dict(video=dict(path=3))),
    dict(results=dict(lipsync=[])), dict(results={"../lipsync": dict(render_key="")}),
    dict(files=None), dict(seconds=1),
])  # fmt: skip
def test_a_record_of_another_shape_is_told(values, strange, capsys):
    edit(strange, **values)
    for command in (["report", str(strange)], ["evaluate", str(strange)]):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "run.json is damaged" in said and said.count("\n") == 1


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/never-made-by-a-plan", "w"))


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("source.npy", bytes(30 << 20))


def claims_much(path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        archive.writestr("source.npy", member)


@pytest.mark.parametrize("make", [
    bomb, claims_much, lambda path: np.savez(path, source=np.array([Evil()], object)),
    lambda path: np.savez(path, source=np.zeros(3)), lambda path: path.write_bytes(b"PK\3\4"),
])  # fmt: skip
def test_a_plan_that_is_none_is_told(make, strange):
    plan = strange / "plan.npz"
    make(plan)
    files = json.loads((strange / "run.json").read_text())["files"]
    edit(strange, files=files | {"plan.npz": checkpoints.sha256(plan)})
    with pytest.raises(RunError, match="plan.npz is damaged or no plan of this version") as caught:
        works_on(strange)[0]()
    assert "\n" not in str(caught.value) and not Path("/tmp/never-made-by-a-plan").exists()


@pytest.mark.parametrize("kind, when, how", [
    ("video", "write_video", "changed"), ("audio", "mux", "changed"), ("video", "mux", "removed"),
])  # fmt: skip
def test_inputs_that_change_between_plan_and_result(kind, when, how, strange, monkeypatch):
    inputs = run.read(strange)["inputs"]
    path = Path(inputs[kind]["path"])
    kept = path.read_bytes()
    before = checkpoints.sha256(strange / "lipsync.mp4")
    again = works_on(strange)[0]
    real = getattr(media, when)

    def meanwhile(*args, **more):
        done = real(*args, **more)
        path.unlink()
        if how == "changed":
            path.write_bytes(kept + b"more")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(media, when, meanwhile)
        with pytest.raises(RunError, match=f"{kind}=.* was changed or removed since") as caught:
            again()
    assert caught.value.exit_status == 2
    assert checkpoints.sha256(strange / "lipsync.mp4") == before
    assert not (strange / run.UNFINISHED).exists()

    path.write_bytes(kept)
    assert again()["results"]["lipsync"]["sha256"] != before


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_inputs_that_change_before_the_restoration(how, strange):
    inputs = run.read(strange)["inputs"]
    path = Path(inputs["audio"]["path"])
    if how == "changed":
        write_wave(path, tone(0.3))
    else:
        path.unlink()
    with pytest.raises(LipSyncError, match="belongs to another audio|no such file") as caught:
        run.restore(params.build(run_dir=strange, restorer="sharpen"))
    assert caught.value.exit_status == 2 and "\n" not in str(caught.value)
