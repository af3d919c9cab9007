"""The compact warp-and-paint network.

The same U-Net idea as Wav2Lip, narrower, whose last layer tells how to *warp* the source face
(flow) and what to *paint* over it (colour and alpha), so that the result keeps the source's
sharpness at any size.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .codes import CODE_SIZE, FaceEncoder, SpeechReadout
from .layers import ConvBlock, residual, unet, upsampling

FLOW_LIMIT = 0.35  # of half the face's width: 17 px of 96
COMPACT_CHANNELS = (32, 64, 80, 96, 96)  # at 48, 24, 12, 6 and 3 px, for width 1
ALPHA_BIAS = -2.0  # hardly any paint at first
CORRECTION_LIMIT = 3.0  # of a correction, in spreads of the code: the face encoder may be mistaken
PAINT_GAP = 15  # px: between two places that are painted; a mouth is 30 px wide


class CompactWav2Lip(nn.Module):
    """Warp-and-paint network.

    ``draw(code (B, 8), faces (B, 6, 96, 96))`` -> ``(B, 6, 96, 96)``: flow x and y (where to read
    the source, in half face widths), alpha, then red, green, blue of the paint in [0, 1]. Faces are
    RGB in [0, 1]: the target with its lower half zeroed, then the face to warp. ``warp_and_paint``
    makes a picture of it. ``width`` multiplies the channels of its picture layers.
    """

    def __init__(self, width: float = 1.0):
        super().__init__()
        self.width = width
        c48, c24, c12, c6, c3 = (round(c * width) for c in COMPACT_CHANNELS)
        self.face_encoder_blocks = nn.ModuleList([
            nn.Sequential(nn.PixelUnshuffle(2), ConvBlock(24, c48, 3, 1, 1), residual(c48)),
            nn.Sequential(ConvBlock(c48, c24, 3, 2, 1), residual(c24), residual(c24)),
            nn.Sequential(ConvBlock(c24, c12, 3, 2, 1), residual(c12), residual(c12)),
            nn.Sequential(ConvBlock(c12, c6, 3, 2, 1), residual(c6), residual(c6)),
            nn.Sequential(ConvBlock(c6, c3, 3, 2, 1), residual(c3)),
            nn.Sequential(ConvBlock(c3, c3, 3, 1, 0)),
        ])  # fmt: skip

        self.face_encoder = FaceEncoder()
        self.readout = SpeechReadout()
        self.from_code = nn.Linear(CODE_SIZE, 2 * c3)
        self.face_decoder_blocks = nn.ModuleList([
            nn.Sequential(ConvBlock(2 * c3, c3, 1, 1, 0)),
            nn.Sequential(ConvBlock(2 * c3, c3, 3, 1, 0, output_padding=0), residual(c3)),
            nn.Sequential(upsampling(2 * c3, c6), residual(c6), residual(c6)),
            nn.Sequential(upsampling(2 * c6, c12), residual(c12), residual(c12)),
            nn.Sequential(upsampling(2 * c12, c24), residual(c24), residual(c24)),
            nn.Sequential(upsampling(2 * c24, c48), residual(c48), residual(c48)),
        ])  # fmt: skip

        last = nn.Conv2d(c48, 24, 3, 1, 1)
        self.output_block = nn.Sequential(
            ConvBlock(2 * c48, c48, 3, 1, 1), last, nn.PixelShuffle(2)
        )
        bias = torch.zeros(24)
        bias[8:12] = ALPHA_BIAS
        nn.init.normal_(last.weight, std=0.01)
        last.bias = nn.Parameter(bias)

    def correction(self, wanted: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        """What mouths ``(B, 3, 96, 96)`` lack of the codes ``(B, 8)`` that are wanted."""
        return (wanted - self.face_encoder(pictures)).clamp(-CORRECTION_LIMIT, CORRECTION_LIMIT)

    def draw(self, code: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """``forward`` for mouth codes ``(B, 8)``."""
        bottom = F.relu(self.from_code(code))[:, :, None, None]
        x = self.output_block(unet(self, bottom, faces)).float()

        flow = FLOW_LIMIT * torch.tanh(x[:, :2].contiguous())
        alpha = torch.sigmoid(without_gaps(x[:, 2:3]))
        paint = torch.sigmoid(x[:, 3:])
        return torch.cat((flow, alpha, paint), dim=1)


def without_gaps(alpha: torch.Tensor) -> torch.Tensor:
    """Alpha ``(B, 1, S, S)`` with horizontal gaps of less than ``PAINT_GAP`` filled.

    A morphological closing, before or after the sigmoid: a mouth painted at its corners is painted
    between them, too, where the teeth are.
    """
    wide = F.max_pool1d(alpha.flatten(0, 2), PAINT_GAP, 1, PAINT_GAP // 2)
    return -F.max_pool1d(-wide, PAINT_GAP, 1, PAINT_GAP // 2).view_as(alpha)


def network_input(target: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Pictures ``(B, 3, 96, 96)`` -> six channels: the target's upper half, the reference."""
    upper = target.clone()
    upper[..., upper.shape[-2] // 2 :, :] = 0
    return torch.cat((upper, reference), dim=1)
