"""A donor's mouth, put into a frame."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ..face.mask import DONOR_REACH, local_mask, mouth_ring, paste_through_mask
from ..face.square import crop_square, square_matrix
from ..plan.donors import ALIGN_SIZE
from ..plan.geometry import frame_landmarks, scaled_pictures, source_landmarks
from ..plan.plan import Plan
from .blend import match_colour

ALIKE = 0.7  # correlation of two lower faces around their mouths, under which none is taken
ECC_STEPS = 30  # at most
ECC_CHANGE = 1e-3  # of the correlation, at which the search ends
ECC_BLUR = 3  # px of the grey square


class DonorMouth(NamedTuple):
    """A mouth to put into other frames.

    grey ``uint8 (160, 160)``: the square of its face, matrix ``(2, 3)``: frame -> that square,
    picture: the part of the frame around the mouth, with the place x, y of its corner.
    """

    grey: np.ndarray
    matrix: np.ndarray
    picture: np.ndarray
    corner: tuple[int, int]


def grey_square(frame: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face's square, ``uint8 (160, 160)``, and the matrix that cuts it from the frame."""
    matrix = square_matrix(landmarks, ALIGN_SIZE)
    return cv2.cvtColor(crop_square(frame, matrix, ALIGN_SIZE), cv2.COLOR_RGB2GRAY), matrix


def cut_donor_mouth(frame: np.ndarray, landmarks: np.ndarray) -> DonorMouth:
    """The mouth of a frame's face."""
    height, width = frame.shape[:2]
    (x1, y1, x2, y2), _ = local_mask(landmarks, width, height, DONOR_REACH)
    return DonorMouth(*grey_square(frame, landmarks), frame[y1:y2, x1:x2].copy(), (x1, y1))


def aligned(grey: np.ndarray, donor: np.ndarray, ring: np.ndarray) -> np.ndarray | None:
    """Affine map ``float32 (2, 3)`` from one grey square to the donor's: nose and chin meet.

    What counts is the ``ring`` around the mouth. By ECC (Evangelidis and Psarakis, 2008); None
    where it does not converge or the faces are too little alike.
    """
    start = np.eye(2, 3, dtype=np.float32)
    ends = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, ECC_STEPS, ECC_CHANGE)
    where = ring.astype(np.uint8)

    try:
        alike, moved = cv2.findTransformECC(
            grey, donor, start, cv2.MOTION_AFFINE, ends, where, ECC_BLUR
        )
    except cv2.error:
        return None

    return moved if alike >= ALIKE else None


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0, 0, 1]])


def lend_mouth(frame: np.ndarray, landmarks: np.ndarray, mouth: DonorMouth) -> np.ndarray | None:
    """A frame with a donor's mouth, its colour matched on the mask's edge; None where none fits."""
    height, width = frame.shape[:2]
    (x1, y1, x2, y2), mask = local_mask(landmarks, width, height, DONOR_REACH)
    if x2 <= x1 or y2 <= y1 or not mouth.picture.size:
        return None

    grey, matrix = grey_square(frame, landmarks)
    ring = mouth_ring(landmarks @ matrix[:, :2].T + matrix[:, 2], ALIGN_SIZE)
    moved = aligned(grey, mouth.grey, ring)
    if moved is None:
        return None

    turn = np.linalg.inv(_square(mouth.matrix)) @ _square(moved) @ _square(matrix)
    turn[:2, 2] += turn[:2, :2] @ (x1, y1) - mouth.corner
    warped = cv2.warpAffine(
        mouth.picture,
        turn[:2],
        (x2 - x1, y2 - y1),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )

    warped = match_colour(warped.astype(np.float32), frame[y1:y2, x1:x2], mask)
    return paste_through_mask(frame, warped, x1, y1, mask)


def donor_mouths(
    plan: Plan, video: str, start: int, stop: int, track: int
) -> dict[int, DonorMouth]:
    """The mouths lent to output frames start to stop in one track, by source frame."""
    in_track = plan.faces.track[plan.source[start:stop]] == track
    wanted = plan.donors[0, start:stop][in_track]
    wanted = np.unique(wanted[wanted >= 0])
    pictures = scaled_pictures(plan, video, wanted)

    return {
        int(n): cut_donor_mouth(picture, source_landmarks(plan, n) - plan.place[:2])
        for n, picture in zip(wanted, pictures, strict=False)
    }


def with_donor_mouth(
    frame: np.ndarray, plan: Plan, n: int, mouths: dict[int, DonorMouth]
) -> np.ndarray | None:
    """Output frame ``n`` with its donor's mouth; None where there is none that fits."""
    mouth = mouths.get(int(plan.donors[0, n]))
    if mouth is None:
        return None

    x, y, w, h = plan.place
    part = lend_mouth(frame[y : y + h, x : x + w], frame_landmarks(plan, n) - (x, y), mouth)
    if part is None or part.shape == frame.shape:
        return part

    result = frame.copy()
    result[y : y + h, x : x + w] = part
    return result
