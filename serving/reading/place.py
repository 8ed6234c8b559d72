"""Ink to 28x28, as MNIST places it (LeCun et al. 1998)."""

from typing import NamedTuple, cast

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
MOST_OFF = 0.55
LEAST_MAXIMUM = 254
"""Every one of the 70,000 has a pixel of 254 or 255."""

_PLACES = np.stack([np.ones((SIDE, SIDE)), *np.mgrid[:SIDE, :SIDE]]).reshape(3, -1).astype(np.float32)
"""Of each pixel: one, its row, its column. Sums of 28x28 pixels times these are whole numbers that float32 holds exactly."""


def centre_of_mass(ink: Ink) -> tuple[float, float]:
    """The (row, column) of an ink's centre of mass, as indices; the middle of one that is all paper."""
    moments = cv2.moments(ink)
    mass = moments["m00"]
    if not mass:
        return ink.shape[0] / 2, ink.shape[1] / 2
    return moments["m01"] / mass, moments["m10"] / mass


def is_placed(ink: Ink) -> bool:
    """Whether an ink is already as MNIST places it, and has to stay as it is, bit for bit.

    True for all 70,000 pictures of MNIST: black paper around a box whose longer side is 19 or 20, its centre of mass in
    the middle, its darkest pixel full ink.
    """
    if ink.shape != (SIDE, SIDE):
        return False
    _, _, width, height = cv2.boundingRect(ink)
    if max(width, height) not in {BOX - 1, BOX} or cv2.norm(ink, cv2.NORM_INF) < LEAST_MAXIMUM:
        return False
    mass, rows, columns = cast("list[float]", (_PLACES @ ink.reshape(SIDE * SIDE).astype(np.float32)).tolist())
    return abs(rows / mass - CENTRE) < MOST_OFF and abs(columns / mass - CENTRE) < MOST_OFF


class Placed(NamedTuple):
    """A digit as MNIST places it."""

    picture: Ink
    """(28, 28) uint8."""
    box: tuple[int, int, int, int]
    """Of the ink that was placed: left, top, right, bottom, the ends excluded."""
    scale: float
    """How many pixels of the 28x28 a pixel of the ink takes."""
    shift: tuple[float, float]
    """Where the box's left and top came to lie: x, y."""


def place(ink: Ink, mask: npt.NDArray[np.uint8]) -> Placed:
    """Fit the masked part of an ink into 20x20, keeping its aspect, and its centre of mass into the middle of 28x28.

    ink: (H, W) uint8, 0 paper. mask: (H, W) uint8, not 0 where the digit is; at least one pixel. Returns full ink at 255.
    """
    left, top, width, height = cv2.boundingRect(mask)
    digit = _fit(ink[top : top + height, left : left + width])
    row, column = centre_of_mass(digit)
    high, wide = digit.shape
    y, x = _start(row, high), _start(column, wide)
    placed = np.zeros((SIDE, SIDE), np.uint8)
    placed[y : y + high, x : x + wide] = digit
    return Placed(placed, (left, top, left + width, top + height), BOX / max(width, height), (x, y))


def _start(centre: float, length: int) -> int:
    """Where a side begins whose centre is to come to the middle; it does not leave the picture for that."""
    return min(max(round(CENTRE - centre), 0), SIDE - length)


def scaled(picture: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """A picture, (H, W) uint8, with its longer side at `side` pixels and its aspect kept."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)


def _fit(ink: Ink) -> Ink:
    """An ink's box at 20 pixels, the strongest of it at full ink: strokes fade when they shrink, and MNIST's do not."""
    resized = scaled(ink, BOX)
    return cast("Ink", cv2.convertScaleAbs(resized, alpha=255 / max(cv2.minMaxLoc(resized)[1], 1)))
