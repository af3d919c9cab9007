"""How far mouths are open, frame after frame, by MediaPipe's face mesh.

A program by itself, run by the Python of an environment that has mediapipe and nothing of this
project (``make judge``): ``python face_mesh.py WIDTH HEIGHT`` reads raw RGB frames from standard
input and prints a JSON list, a number a frame, null where no face is found.
"""

import json
import sys

import numpy as np
from mediapipe.python.solutions.face_mesh import FaceMesh

INNER_LIPS = ((13, 14), (82, 87), (312, 317))  # landmarks above and below: middle, both sides
EYES = (33, 263)  # their outer corners
LEAST_CONFIDENCE = 0.3


def opening(mesh: FaceMesh, frame: np.ndarray) -> float | None:
    """The inner lips' mean gap over the eyes' distance in a frame ``uint8 (H, W, 3)``."""
    faces = mesh.process(frame).multi_face_landmarks
    if not faces:
        return None

    height, width = frame.shape[:2]
    points = np.array([(point.x * width, point.y * height) for point in faces[0].landmark])

    def distance(first: int, second: int) -> float:
        return float(np.hypot(*(points[first] - points[second])))

    gaps = [distance(*pair) for pair in INNER_LIPS]
    return sum(gaps) / len(gaps) / distance(*EYES)


def main() -> None:
    width, height = map(int, sys.argv[1:])
    size = width * height * 3
    openings = []

    with FaceMesh(refine_landmarks=True, min_detection_confidence=LEAST_CONFIDENCE) as mesh:
        while len(data := sys.stdin.buffer.read(size)) == size:
            frame = np.frombuffer(data, np.uint8).reshape(height, width, 3)
            openings.append(opening(mesh, frame))

    print(json.dumps(openings))


if __name__ == "__main__":
    main()
