"""The readout's training: which code a mouth has, read from the audio embeddings around a moment.

Ridge regression in closed form. Targets are the face encoder's codes less each clip's mean over
speech, since that is the person's own; embeddings are less theirs, since that is the voice's and
the microphone's.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import solve
from scipy.signal import fftconvolve
from torch.nn import functional as F
from tqdm import tqdm

from .. import checkpoints, media
from ..networks.audio_encoder import WIDTH, AudioEncoder
from ..networks.codes import CODE_SIZE, TAPS
from ..networks.compact import CompactWav2Lip, network_input
from ..networks.devices import choose_device
from ..networks.encode import embed_around, encode_faces, frame_moments, to_pixels
from ..plan.speech import speech_activity
from .clips import Clips
from .prepare import FPS
from .weights import load_network, save_weights, weights_path

MOST_CLIPS = 200  # of a speaker: more of one voice teach nothing
RIDGE = 0.6  # of the embeddings' mean variance
OPENING_CLIPS = 64

# other places
LEAD_S = 6.0  # of other speech, at most, before a clip's own: embeddings know how late it is
EQUALISER_DB = 6.0  # standard deviation of a microphone's knots
EQUALISER_KNOTS = 7
ROOM_SHARE = 0.6  # of the clips are spoken in a room
ROOM_S = 0.4  # length of its answer
ROOM_DECAY_S = (0.15, 0.5)  # in which it falls by 60 dB
ROOM_LEVEL = (0.005, 0.03)
NOISE_DB = (8.0, 35.0)  # that speech is louder than noise

# lips
UPPER_ROWS = slice(50, 60)  # of the square: around the lips
LOWER_ROWS = slice(66, 80)
MIDDLE_COLUMNS = slice(40, 56)


def weighted_clips(clips: Clips) -> list[tuple[dict, float]]:
    """Training clips, at most ``MOST_CLIPS`` of a speaker, evenly from all of theirs, and weights.

    A speaker weighs the square root of how much there is of them: none must drown the others.
    """
    speakers = Counter(clip["speaker"] for clip in clips.train)
    chosen = []
    for speaker, count in speakers.items():
        theirs = [clip for clip in clips.train if clip["speaker"] == speaker]
        used = min(count, MOST_CLIPS)
        for number in np.linspace(0, count - 1, used).round().astype(int):
            chosen.append((theirs[number], used**-0.5))
    return chosen


def elsewhere(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A 16 kHz waveform by another microphone in another room, with its noise, same shape."""
    count = len(wave)
    spectrum = np.fft.rfft(wave)
    place = np.linspace(0, 1, len(spectrum)) ** 0.5 * (EQUALISER_KNOTS - 1)
    decibels = rng.normal(0, EQUALISER_DB, EQUALISER_KNOTS)
    spectrum *= 10 ** (np.interp(place, np.arange(EQUALISER_KNOTS), decibels) / 20)
    other = np.fft.irfft(spectrum, count)

    if rng.random() < ROOM_SHARE:
        seconds = np.arange(int(ROOM_S * media.SAMPLE_RATE)) / media.SAMPLE_RATE
        fall = np.exp(-6.9 * seconds / rng.uniform(*ROOM_DECAY_S))
        answer = rng.standard_normal(len(seconds)) * fall * rng.uniform(*ROOM_LEVEL)
        answer[0] = 1
        other = fftconvolve(other, answer)[:count]

    colour = np.maximum(np.arange(len(spectrum)), 30) ** -rng.uniform(0, 1)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * colour, count)
    level = other.std() / max(1e-9, noise.std())
    other += noise * level * 10 ** (-rng.uniform(*NOISE_DB) / 20)
    return (other / max(1e-9, np.abs(other).max())).astype(np.float32)


@torch.inference_mode()
def opening(net: CompactWav2Lip, clips: Clips, rows: list[dict]) -> torch.Tensor:
    """Unit vector ``(8,)`` of the codes along which the picture layers part the lips.

    By linear regression of how far apart the flow reads above and below the lips, drawn on the
    first frame of each clip for the clip's own codes.
    """
    codes = []
    gaps = []
    for clip in rows:
        squares = clips.squares(clip, np.arange(clip["frames"]))
        own = torch.from_numpy(encode_faces(net, squares))
        still = to_pixels(net, squares[:1]).expand(len(own), -1, -1, -1)
        drawn = net.draw(own.to(still.device), network_input(still, still))

        flow = drawn[:, 1, :, MIDDLE_COLUMNS].cpu()
        gap = flow[:, UPPER_ROWS].mean(dim=(1, 2)) - flow[:, LOWER_ROWS].mean(dim=(1, 2))
        codes.append(own - own.mean(dim=0))
        gaps.append(gap - gap.mean())

    solution = torch.linalg.lstsq(torch.cat(codes), torch.cat(gaps)[:, None]).solution
    return F.normalize(solution[:, 0], dim=0)


class Regression:
    """Weighted sums over all clips, and the readout that fits them."""

    def __init__(self):
        size = TAPS * WIDTH
        self.gram = np.zeros((size, size), np.float32)
        self.right = np.zeros((size, CODE_SIZE), np.float32)
        self.variance = np.zeros(CODE_SIZE)

    def add(self, rows: np.ndarray, codes: np.ndarray, activity: np.ndarray, weight: float) -> None:
        """Embeddings around n frames ``(n, 11 * 512)``, codes ``(n, 8)``, speech activity ``(n,)``.

        Means are over speech; pauses are learnt too: short ones are not told from speech later.
        """
        rows = rows - np.average(rows, axis=0, weights=activity)
        codes = codes - np.average(codes, axis=0, weights=activity)
        self.gram += weight * (rows.T @ rows)
        self.right += weight * (rows.T @ codes)
        self.variance += weight * (codes**2).sum(axis=0)

    def solved(self) -> np.ndarray:
        """Weights ``(11 * 512, 8)``, each number of whose codes spreads as widely as faces'."""
        diagonal = np.diag_indices(len(self.gram))
        steadied = self.gram.copy()
        steadied[diagonal] += RIDGE * self.gram[diagonal].mean()
        weights = solve(steadied, self.right, assume_a="pos", overwrite_a=True)
        read = np.einsum("ik,ik->k", weights, self.gram @ weights)
        return weights * np.sqrt(self.variance / np.maximum(read, 1e-9))


def fit(net: CompactWav2Lip, encoder: AudioEncoder, clips: Clips) -> None:
    """Fit a network's readout to its own face encoder.

    Each clip is heard after other speech, as it is and ``elsewhere``. A direction of opening that
    the readout has is kept where there are fewer clips than ``OPENING_CLIPS``.
    """
    net.eval()
    chosen = weighted_clips(clips)
    regression = Regression()
    rng = np.random.default_rng(0)
    before = np.zeros(0, np.float32)
    longest = int(LEAD_S * media.SAMPLE_RATE)
    shut = np.zeros(CODE_SIZE)
    shut_weight = 0.0
    for clip, weight in tqdm(chosen, desc="ear"):
        squares = clips.squares(clip, np.arange(clip["frames"]))
        wave = clips.wave(clip)
        moments = frame_moments(len(squares), FPS)
        activity = speech_activity(wave, len(squares), FPS)
        codes = encode_faces(net, squares)
        for change in (None, elsewhere):
            reach = int(rng.uniform(0, LEAD_S) * media.SAMPLE_RATE)
            lead = before[max(0, len(before) - reach) :]
            heard = np.concatenate([lead, wave])
            if change:
                heard = change(heard, rng)
            later = moments + len(lead) / media.SAMPLE_RATE
            regression.add(embed_around(encoder, heard, later), codes, activity, weight)
        before = np.concatenate([before, wave])[-longest:]

        pauses = weight * (1 - activity)
        shut += pauses @ (codes - np.average(codes, axis=0, weights=activity))
        shut_weight += pauses.sum()

    readout = net.readout
    readout.weight.copy_(torch.from_numpy(regression.solved()).view_as(readout.weight))
    if shut_weight:
        readout.silence.copy_(torch.from_numpy(shut / shut_weight))
    if len(chosen) >= OPENING_CLIPS or not readout.opening.any():
        every = max(1, len(chosen) // OPENING_CLIPS)
        readout.opening.copy_(opening(net, clips, [clip for clip, _ in chosen[::every]]))


def train(prepared: Path, out: Path, start: Path) -> Path:
    """Fit the readout of the network at ``start``; returns ``out/wav2lip-compact.safetensors``.

    Raises WeightsError if ``start`` holds no compact network, or other weights are in ``out`` under
    the name of the result.
    """
    path = weights_path(out, "ear", start)
    device = choose_device("auto")
    net = load_network(start, CompactWav2Lip).to(device)
    fit(net, checkpoints.audio_encoder().to(device), Clips(prepared, device=device))
    save_weights(net, path, architecture="CompactWav2Lip", width=net.width)
    return path
