"""A digit that lies otherwise than MNIST places it. All but `turn`: (ink, rng) to (28, 28) uint8; paper lies outside."""

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading import SIDE, Ink

SHEAR = (0.4, 0.7)
"""Columns that a row is pushed by for each row that it lies from the middle."""
SMALLER = (0.5, 0.7)
"""The size of what is left of the digit."""
DEGREES = (20.0, 40.0)
SHIFT = (2, 5)
"""Pixels, along both axes."""


def shear(ink: Ink, rng: np.random.Generator) -> Ink:
    """Slanted to the left or to the right."""
    return _mapped(ink, np.array([[1, _either_way(rng, SHEAR)], [0, 1]]))


def scale(ink: Ink, rng: np.random.Generator) -> Ink:
    """Much smaller."""
    return _mapped(ink, np.eye(2) * rng.uniform(*SMALLER))


def rotate(ink: Ink, rng: np.random.Generator) -> Ink:
    """Turned to either side."""
    return turn(ink, _either_way(rng, DEGREES))


def turn(ink: Ink, degrees: float) -> Ink:
    """Turned anticlockwise around the middle."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return _mapped(ink, np.array([[cosine, sine], [-sine, cosine]]))


def translate(ink: Ink, rng: np.random.Generator) -> Ink:
    """Pushed towards a corner; what leaves the picture is lost."""
    down, right = (int(rng.integers(SHIFT[0], SHIFT[1] + 1)) * int(rng.choice([-1, 1])) for _ in range(2))
    moved = np.zeros_like(ink)
    moved[max(down, 0) : SIDE + min(down, 0), max(right, 0) : SIDE + min(right, 0)] = ink[
        max(-down, 0) : SIDE + min(-down, 0), max(-right, 0) : SIDE + min(-right, 0)
    ]
    return moved


def _either_way(rng: np.random.Generator, size: tuple[float, float]) -> float:
    return float(rng.uniform(*size) * rng.choice([-1, 1]))


def _mapped(ink: Ink, matrix: npt.NDArray[np.float64]) -> Ink:
    """By a 2x2 matrix of (x, y), around the middle of the picture."""
    middle = np.full(2, (SIDE - 1) / 2)
    whole = np.column_stack([matrix, middle - matrix @ middle])
    return np.asarray(cv2.warpAffine(ink, whole, (SIDE, SIDE), flags=cv2.INTER_AREA), np.uint8)
