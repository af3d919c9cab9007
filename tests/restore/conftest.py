"""A face, and restorers with weights that tests make."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from support import SAMPLE_VIDEO

from helpers import media
from helpers.face.detect import detect_in_frame
from helpers.networks.restorer import DETAIL_GAIN, CompactRestorer


def seeded(key: str, value: torch.Tensor) -> torch.Tensor:
    """Random weights by key name.

    The gains keep the picture within about -1 to 1 and the noise's share large.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    noise = torch.randn(value.shape, generator=generator)
    if ".noises." in key or "constant_input" in key:
        return noise
    if value.ndim == 5:  # modulated convolutions
        return noise * (0.3 if "rgb" in key else 1) / value[0, 0].numel() ** 0.5
    if value.ndim > 1 and value.shape[0] > 1:
        return noise * 0.8 / value[0].numel() ** 0.5
    return (1 if key.endswith("modulation.bias") else 0) + 0.1 * noise


@pytest.fixture(scope="session")
def seeded_gfpgan(tmp_path_factory) -> Path:
    """A checkpoint in GFPGAN's format with random weights."""
    from spandrel.architectures.GFPGAN import GFPGAN

    net = GFPGAN(
        out_size=512,
        channel_multiplier=2,
        fix_decoder=False,
        input_is_latent=True,
        different_w=True,
        sft_half=True,
    )
    path = tmp_path_factory.mktemp("gfpgan") / "seeded.pth"
    state = {key: seeded(key, value) for key, value in net.state_dict().items()}
    torch.save({"params_ema": state}, path)
    return path


@pytest.fixture(scope="session")
def sample_face() -> tuple[np.ndarray, np.ndarray]:
    """A frame of the sample and its landmarks."""
    frame = next(media.read_frames(SAMPLE_VIDEO, media.probe(SAMPLE_VIDEO).fps, 0, 1))
    return frame, detect_in_frame(frame)[0, 5:].reshape(5, 2).astype(np.float64)


@pytest.fixture
def darkening_net() -> CompactRestorer:
    """A restorer whose change is easy to see: it darkens by 0.25."""
    net = CompactRestorer().eval()
    net.body[-2].bias.data.fill_(-0.25 * DETAIL_GAIN)
    return net
