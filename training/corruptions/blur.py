"""What lies or moves between a picture and the camera. All: (ink, rng) to (28, 28) uint8."""

import cv2
import numpy as np

from serving.reading import Ink

SOFT, REACH, PASSES = 0.5, 1, 2
"""Sigma of the glass itself, how many pixels its grains throw a point in either direction, and how often."""
LENGTH = (6.0, 9.0)
"""Pixels that the picture moves by while the shutter is open."""


def glass(ink: Ink, rng: np.random.Generator) -> Ink:
    """Frosted glass: each point is seen where one near it is, and all a little soft."""
    seen = cv2.GaussianBlur(ink, (0, 0), SOFT)
    rows, columns = np.indices(ink.shape)
    for _ in range(PASSES):
        down, right = rng.integers(-REACH, REACH + 1, (2, *ink.shape))
        last = ink.shape[0] - 1
        seen = seen[np.clip(rows + down, 0, last), np.clip(columns + right, 0, last)]
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), SOFT), np.uint8)


def motion(ink: Ink, rng: np.random.Generator) -> Ink:
    """Moved along a line of any direction: the mean of the picture at many places of its way."""
    angle, length = rng.uniform(0, np.pi), rng.uniform(*LENGTH)
    way = np.linspace(-length / 2, length / 2, 2 * round(length) + 1)
    total = np.zeros(ink.shape, np.float32)
    for step in way:
        shift = np.array([[1, 0, step * np.cos(angle)], [0, 1, step * np.sin(angle)]])
        total += cv2.warpAffine(ink, shift, ink.shape[::-1]).astype(np.float32)
    return np.asarray(np.rint(total / len(way)), np.uint8)
