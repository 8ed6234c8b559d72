"""Light where none should be. All: (ink, rng) to (28, 28) uint8."""

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading import SIDE, Ink

BRIGHTER = (0.5, 0.7)
"""How much is added to every pixel, 1 is full ink."""
STRIPE = 6
"""Columns."""
FOG = (1.2, 1.8)
"""How dense the fog is at its densest, beside full ink."""
OCTAVES = (2, 3, 5, 9, 17)
"""Grid points of the fog's layers along a side; each layer is half as strong as the one before."""


def brightness(ink: Ink, rng: np.random.Generator) -> Ink:
    """Brighter everywhere, so paper is grey; what is brighter than full ink is cut off."""
    return np.asarray(np.minimum(ink + np.rint(rng.uniform(*BRIGHTER) * 255), 255), np.uint8)


def stripe(ink: Ink, rng: np.random.Generator) -> Ink:
    """Inverted along a vertical band in the middle."""
    del rng
    banded, left = ink.copy(), (SIDE - STRIPE) // 2
    banded[:, left : left + STRIPE] = 255 - banded[:, left : left + STRIPE]
    return banded


def fog(ink: Ink, rng: np.random.Generator) -> Ink:
    """Clouds of every size in front of the digit; the whole as bright at most as before."""
    dense = _clouds(rng) * rng.uniform(*FOG)
    return np.asarray(np.rint((ink + dense * 255) / (1 + dense.max())), np.uint8)


def _clouds(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """(28, 28), 0 to 1: noise that is the stronger the coarser it is (Fournier et al. 1982 call it plasma)."""
    total = np.zeros((SIDE, SIDE))
    for layer, points in enumerate(OCTAVES):
        total += cv2.resize(rng.random((points, points)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) / 2**layer
    return np.asarray((total - total.min()) / np.ptp(total))
