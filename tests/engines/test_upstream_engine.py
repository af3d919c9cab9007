"""Upstream's network in use, with golden numbers from upstream's own program."""

import cv2
import numpy as np
import pytest
from support import picture, tone, write_wave

from helpers import params, run


def test_frames_are_those_of_upstreams_inference(tmp_path, seeded_wav2lip):
    """Pixels and means caught from ``inference.main()`` of Rudrabha/Wav2Lip at 5c90fa9 (its
    VideoWriter replaced), with the same seeded weights, picture, sound and ``--box 40 170 60 180``,
    batch 8, on a CPU in float32.
    """
    cv2.imwrite(str(tmp_path / "face.png"), picture()[..., ::-1])
    speech = write_wave(tmp_path / "speech.wav", tone(1.0), "-c:a", "pcm_s16le")
    p = params.build(
        video=tmp_path / "face.png",
        audio=speech,
        run_dir=tmp_path / "run",
        checkpoint=seeded_wav2lip,
        box="60,40,180,170",
        blend="box",
        precision="fp32",
        batch_size=8,
    )
    record, plan, engine = run.prepare(p)
    assert record["plan"]["mel_alignment"] == "inference"
    frames = list(run.render_frames(plan, p.video, engine, p, 0, plan.frames))
    assert len(frames) == 25  # upstream stops at 22: its last windows are missing
    seen = engine.face(picture(), plan, 2)
    assert np.allclose(seen[60, 30] / 255, [0.15686275, 0.61960784, 0.13333333])
    for n, mean, pixels in (
        (
            0,
            150.12793055555557,
            [[246, 255, 175], [161, 252, 135], [103, 230, 223], [58, 219, 59], [140, 152, 151]],
        ),
        (
            5,
            150.09842361111112,
            [[245, 254, 171], [162, 252, 132], [102, 233, 224], [58, 219, 59], [141, 152, 152]],
        ),
        (
            20,
            150.03543055555556,
            [[241, 254, 175], [155, 251, 134], [95, 226, 232], [58, 219, 59], [140, 148, 151]],
        ),
    ):
        assert frames[n].mean() == pytest.approx(mean, abs=1e-3)
        at = ((100, 100), (160, 170), (40, 60), (39, 60), (169, 179))
        got = np.array([frames[n][place] for place in at]).astype(int)
        assert np.abs(got - pixels).max() <= 1
