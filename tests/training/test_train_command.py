"""The command ``train``: both networks one after the other, and what it refuses in one line."""

import json

import numpy as np
import pytest

from helpers import checkpoints
from helpers.__main__ import main
from helpers.networks.compact import CompactWav2Lip
from helpers.networks.sync_expert import SyncExpert

ENCODERS = ["--without", "encoders"]


def train(what, folder, out, *more):
    return main(["train", what, "--data", str(folder), "--out", str(out), *map(str, more)])


def test_training_runs_goes_on_and_its_weights_load(prepared, tmp_path, capsys):
    for what in ("expert", "generator"):
        for steps in (2, 3):
            assert train(what, prepared.folder, tmp_path, "--steps", steps, "--every", 2) == 0
    assert "generator: going on from step 2" in capsys.readouterr().out

    lines = (tmp_path / "generator.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["step"] for row in rows] == [2, 3]
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    assert all(row["cycle"] > 0 and row["likeness"] != 0 for row in rows)
    assert (tmp_path / "strips" / "000003.png").exists()
    assert isinstance(checkpoints.load(tmp_path / "sync-compact.safetensors"), SyncExpert)
    assert isinstance(checkpoints.load(tmp_path / "wav2lip-compact.safetensors"), CompactWav2Lip)


@pytest.mark.parametrize(
    ("what", "option", "name", "words"),
    [
        (
            "expert",
            "--start",
            "compact",
            "holds a CompactWav2Lip; this training needs a SyncExpert",
        ),
        ("generator", "--expert", "compact", "holds a CompactWav2Lip"),
        ("generator", "--start", "sync-compact", "holds a SyncExpert"),
        ("restorer", "--start", "compact", "holds a CompactWav2Lip"),
    ],
)
def test_weights_of_another_kind_are_refused_before_any_work(
    what, option, name, words, expert, tmp_path, capsys
):
    path = checkpoints.locate(name).path
    more = ["--expert", expert] if what == "generator" and option == "--start" else []
    assert train(what, tmp_path, tmp_path / "out", option, path, *more) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_folder_of_clips_is_refused(prepared, tmp_path, capsys):
    assert train("expert", prepared.folder, tmp_path, "--steps", 1) == 0
    weights = (tmp_path / "sync-compact.safetensors").read_bytes()
    assert train("expert", prepared.folder / "her", tmp_path, "--steps", 2) == 2
    assert "was prepared from other clips" in capsys.readouterr().err
    assert (tmp_path / "sync-compact.safetensors").read_bytes() == weights


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--new-weights", "0"], "--new-weights 0 is outside 0 to 1"),
        (["--new-weights", "0.5"], "give these as --start"),
        (ENCODERS, "give these as --start"),
        (["--width", "0.01"], "--width 0.01 is outside 0.1 to 4"),
    ],
)
def test_values_that_cannot_be_are_refused_before_any_work(options, words, tmp_path, capsys):
    assert train("generator", tmp_path, tmp_path / "out", *options) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
