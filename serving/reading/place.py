"""Ink to 28x28, as MNIST places it (LeCun et al. 1998)."""

import cv2
import numpy as np
import numpy.typing as npt

Ink = npt.NDArray[np.uint8]
"""(H, W) uint8, 0 is paper and 255 is ink."""

SIDE = 28
BOX = 20
"""MNIST fits the digit into a box of 20x20 and puts its centre of mass into the middle of 28x28."""
CENTRE = 14.0
"""The middle, as an index: over all 70,000 pictures the centre of mass lies between 13.48 and 14.50."""
LEAST_MAXIMUM = 254
"""Every one of the 70,000 has a pixel of 254 or 255."""


def box_of(mask: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The smallest box (top, bottom, left, right; the ends excluded) that holds every True of a mask that has one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def centre_of_mass(ink: Ink) -> tuple[float, float]:
    """The (row, column) of an ink's centre of mass, as indices. The ink must not be all paper."""
    weights = ink.astype(np.int64)
    total = weights.sum()
    height, width = ink.shape
    return (
        float((weights.sum(1) * np.arange(height)).sum() / total),
        float((weights.sum(0) * np.arange(width)).sum() / total),
    )


def is_placed(ink: Ink) -> bool:
    """Whether an ink is already as MNIST places it, and has to stay as it is, bit for bit.

    True for all 70,000 pictures of MNIST: black paper around a box whose longer side is 19 or 20, its centre of mass in
    the middle, its darkest pixel full ink.
    """
    if ink.shape != (SIDE, SIDE) or ink.max() < LEAST_MAXIMUM:
        return False
    top, bottom, left, right = box_of(ink > 0)
    if max(bottom - top, right - left) not in {BOX - 1, BOX}:
        return False
    return all(abs(place - CENTRE) < 0.55 for place in centre_of_mass(ink))


def place(ink: Ink, mask: npt.NDArray[np.bool_]) -> Ink:
    """Fit the masked part of an ink into 20x20, keeping its aspect, and its centre of mass into the middle of 28x28.

    mask: (H, W), True where the digit is; at least one pixel. Returns (28, 28) uint8.
    """
    top, bottom, left, right = box_of(mask)
    digit = _fit(ink[top:bottom, left:right])
    row, column = centre_of_mass(digit) if digit.any() else (digit.shape[0] / 2, digit.shape[1] / 2)
    y, x = (
        min(max(round(CENTRE - centre), 0), SIDE - size) for centre, size in zip((row, column), digit.shape, strict=True)
    )
    placed = np.zeros((SIDE, SIDE), np.uint8)
    placed[y : y + digit.shape[0], x : x + digit.shape[1]] = digit
    return placed


def scaled(picture: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """A picture, (H, W) uint8, with its longer side at `side` pixels and its aspect kept."""
    scale = side / max(picture.shape)
    height, width = (max(1, round(length * scale)) for length in picture.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)


def _fit(digit: Ink) -> Ink:
    resized = scaled(digit, BOX).astype(np.float32)
    # Thin strokes fade when they shrink; MNIST's pictures all reach full ink.
    full = np.clip(resized * (255 / max(float(resized.max()), 1.0)), 0, 255)
    return np.asarray(np.rint(full), dtype=np.uint8)
