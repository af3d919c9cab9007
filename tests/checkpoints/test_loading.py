"""Files of weights, good and bad."""

import shutil

import pytest
import torch
from support import (
    fill,
)

from helpers import checkpoints
from helpers.errors import WeightsError
from helpers.networks.compact import CompactWav2Lip
from helpers.networks.wav2lip import Wav2Lip


@pytest.mark.parametrize("form", ["plain", "state_dict", "module."])
def test_checkpoint_forms_load(tmp_path, form):
    state = fill(Wav2Lip().state_dict())
    key = "output_block.1.weight"
    saved = {f"module.{k}": v for k, v in state.items()} if form == "module." else state
    torch.save(
        saved if form == "plain" else {"state_dict": saved, "global_step": 7}, tmp_path / "w.pth"
    )
    net = checkpoints.load(tmp_path / "w.pth")
    assert isinstance(net, Wav2Lip) and not net.training
    assert torch.equal(net.state_dict()[key], state[key])


class Evil:
    def __reduce__(self):
        return (open, ("/tmp/never-made-by-lipsync", "w"))


def _save_script(path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))


@pytest.mark.parametrize("make, words", [
    (lambda p: None, "no weights at"),
    (lambda p: p.write_bytes(b"<!DOCTYPE html><html>"), "web page"),
    (lambda p: p.write_bytes(b"\x80\x02 nonsense"), "damaged"),
    (lambda p: torch.save({"x": torch.zeros(3)}, p), "another architecture"),
    (lambda p: torch.save({"x": Evil()}, p), "damaged or no plain checkpoint"),
    (lambda p: torch.save([1, 2], p), "no state dict"),
    (_save_script, "TorchScript"),
])  # fmt: skip
def test_unusable_weights_are_told(tmp_path, make, words):
    make(tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=words) as caught:
        checkpoints.load(tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


def test_damaged_and_foreign_safetensors_are_told(tmp_path):
    whole = checkpoints.FOLDER / "wav2lip-compact.safetensors"
    (tmp_path / "cut.safetensors").write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged"):
        checkpoints.load(tmp_path / "cut.safetensors")


def test_auto_takes_the_real_thing_when_it_is_here(tmp_path, monkeypatch):
    assert checkpoints.locate("auto").name == "compact"
    for name in ("registry.json", "wav2lip-compact.safetensors"):
        shutil.copy(checkpoints.FOLDER / name, tmp_path)
    monkeypatch.setattr("helpers.checkpoints.registry.FOLDER", tmp_path)
    with (tmp_path / "wav2lip.pth").open("wb") as file:
        file.truncate(checkpoints.entries()["wav2lip"]["bytes"])
    assert checkpoints.locate("auto").name == "wav2lip"
    (tmp_path / "wav2lip_gan.pth").write_bytes(b"short")
    assert checkpoints.locate("auto").name == "wav2lip"
    with pytest.raises(WeightsError, match="bytes instead of"):
        checkpoints.locate("wav2lip_gan")
    with pytest.raises(WeightsError, match="neither a file nor one of"):
        checkpoints.locate("no-such")


def test_compact_weights_are_small():
    total = sum(
        (checkpoints.FOLDER / f"{n}-compact.safetensors").stat().st_size
        for n in ("wav2lip", "sync")
    )
    assert total < 8.5e6
    assert sum(p.numel() for p in CompactWav2Lip().parameters()) < 3e6
