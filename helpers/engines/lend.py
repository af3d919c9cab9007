"""Another frame's mouth, put into a frame."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ..face.mask import DONOR_REACH, local_mask, mouth_ring, paste_through_mask
from ..face.square import crop_square, square_matrix
from ..plan.geometry import frame_landmarks, scaled_pictures, source_landmarks
from ..plan.plan import Plan
from .blend import match_colour

ALIGN_SIZE = 160  # px, side of the square on which they are laid over each other: less shakes
ALIKE_CORRELATION = (
    0.7  # correlation of two lower faces around their mouths, under which none is taken
)


class DonorMouth(NamedTuple):
    """A mouth to put into other frames: the grey square of its face, the matrix that cuts that square from its frame,
    and the part of the frame around the mouth, with the place x, y of its corner."""

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
    (x1, y1, x2, y2), _ = local_mask(landmarks, frame.shape[1], frame.shape[0], DONOR_REACH)
    return DonorMouth(*grey_square(frame, landmarks), frame[y1:y2, x1:x2].copy(), (x1, y1))


def lend_mouth(frame: np.ndarray, landmarks: np.ndarray, mouth: DonorMouth) -> np.ndarray | None:
    """A frame with another frame's mouth; None where the faces are too little alike.

    An affine map is found that makes the lower faces alike around the mouths (ECC, Evangelidis and Psarakis, 2008), so
    nose and chin meet; colours are matched on the mask's edge.
    """
    height, width = frame.shape[:2]
    (x1, y1, x2, y2), mask = local_mask(landmarks, width, height, DONOR_REACH)
    if x2 <= x1 or y2 <= y1 or not mouth.picture.size:
        return None
    grey, matrix = grey_square(frame, landmarks)
    ring = mouth_ring(landmarks @ matrix[:, :2].T + matrix[:, 2], ALIGN_SIZE)
    try:
        alike, moved = cv2.findTransformECC(
            grey, mouth.grey, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 30, 1e-3), ring.astype(np.uint8), 3,
        )  # fmt: skip
    except cv2.error:  # it does not converge
        return None
    if alike < ALIKE_CORRELATION:
        return None
    whole = lambda m: np.vstack([m, [0, 0, 1]])  # noqa: E731
    turn = np.linalg.inv(whole(mouth.matrix)) @ whole(moved) @ whole(matrix)
    turn[:2, 2] += turn[:2, :2] @ (x1, y1) - mouth.corner
    made = cv2.warpAffine(
        mouth.picture, turn[:2], (x2 - x1, y2 - y1), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    ).astype(np.float32)  # fmt: skip
    return paste_through_mask(frame, match_colour(made, frame[y1:y2, x1:x2], mask), x1, y1, mask)


def donor_mouths(
    plan: Plan, video: str, start: int, stop: int, track: int
) -> dict[int, DonorMouth]:
    """The mouths that a layer's output frames start to stop are lent in one track, by source frame."""
    wanted = plan.donors[0, start:stop][plan.faces.track[plan.source[start:stop]] == track]
    wanted = np.unique(wanted[wanted >= 0])
    pictures = zip(wanted, scaled_pictures(plan, video, wanted), strict=False)
    return {
        int(n): cut_donor_mouth(picture, source_landmarks(plan, n) - plan.place[:2])
        for n, picture in pictures
    }


def with_donor_mouth(
    frame: np.ndarray, plan: Plan, n: int, mouths: dict[int, DonorMouth]
) -> np.ndarray | None:
    """Output frame ``n`` with the mouth that it is lent; None where there is none, or none that fits."""
    mouth = mouths.get(int(plan.donors[0, n]))
    x, y, w, h = plan.place
    part = (
        None
        if mouth is None
        else lend_mouth(frame[y : y + h, x : x + w], frame_landmarks(plan, n) - (x, y), mouth)
    )
    if part is None:
        return None
    made = frame.copy()
    made[y : y + h, x : x + w] = part
    return made
