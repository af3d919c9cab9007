"""Which frames and faces of a run are restored."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import made_clip, tone, write_wave

from helpers import checkpoints, params, run
from helpers.face.detect import DETECTORS, box_detection
from helpers.plan.geometry import source_pictures
from helpers.plan.plan import load_plan
from helpers.restore.base import make_restorer
from helpers.restore.compact import compact_faces


@pytest.mark.slow
def test_only_redrawn_frames_are_restored(
    seeded_gfpgan, small_run, pretend_faces, monkeypatch, tmp_path
):
    pretend_faces(lambda n: n < 12)
    clip = made_clip(tmp_path / "clip.mkv", "25", 0.8)
    _, p = small_run(clip, write_wave(tmp_path / "s.wav", tone(0.8)), box="")
    plan = load_plan(Path(p.run_dir, run.PLAN))
    engine = run.prepare(p)[2]

    def negative(net, squares, precision):
        return 1 - torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2) / 127.5

    monkeypatch.setattr("helpers.restore.gfpgan.run_gfpgan", negative)
    q = run.with_run(
        params.build(
            run_dir=p.run_dir, restorer="gfpgan", restorer_checkpoint=seeded_gfpgan, strength=1
        )
    )
    plain = run.render_frames(plan, p.video, engine, p, 0, plan.frames)
    restored = run.render_frames(
        plan, p.video, engine, q, 0, plan.frames, restorer=make_restorer(q)
    )
    changed = [not np.array_equal(a, b) for a, b in zip(plain, restored, strict=True)]
    assert changed == plan.redrawn.tolist()
    assert any(changed)
    assert not all(changed)

    result = run.restore(q)["results"]["restored"]
    assert result["restorer"] == "gfpgan"
    assert result["region"] == "mouth"
    assert result["weights"] == "seeded"
    assert result["weights_sha256"] == checkpoints.sha256(seeded_gfpgan)


def test_people_who_do_not_talk_are_restored_when_asked(small_run, monkeypatch, darkening_net):
    boxes = ((4, 20, 74, 100), (84, 20, 154, 100))
    pair = np.concatenate([box_detection(box, 160, 120) for box in boxes])
    monkeypatch.setitem(DETECTORS, "retinaface", lambda frames, device: [pair for _ in frames])
    _, p = small_run(box="", face="left")
    plan = load_plan(Path(p.run_dir, run.PLAN))
    engine = run.prepare(p)[2]
    assert [layer.faces.box[0, 0] for layer in plan.bystanders(p)] == [84]

    darker = functools.partial(
        compact_faces,
        darkening_net,
        precision=torch.float32,
        region="mouth",
        strength=1.0,
        steady=0.0,
    )
    darker.needs_memory = False
    source = next(source_pictures(plan, p.video, 10, 11))
    for asked in (False, True):
        q = replace(p, restore_unsynced=asked)
        frames = list(run.render_frames(plan, p.video, engine, q, 0, 16, restorer=darker))
        changed = (frames[10] != source).any(axis=(0, 2))
        assert changed[:78].any()
        assert changed[84:].any() == asked


def test_runs_end_at_cuts_and_jumps(small_run):
    _, p = small_run()
    plan = load_plan(Path(p.run_dir, run.PLAN))
    assert run.continuous_runs(plan, [0, 1, 2, 4, 5]) == [0, 0, 0, 1, 1]

    two_tracks = (np.arange(50) > 2).astype(np.int32)
    cut = replace(plan, faces=replace(plan.faces, track=two_tracks))
    assert run.continuous_runs(cut, [1, 2, 3, 4]) == [0, 0, 1, 1]

    jump = replace(plan, source=np.array([0, 1, 2, 20, 21]))
    assert run.continuous_runs(jump, [0, 1, 2, 3, 4]) == [0, 0, 0, 1, 1]
