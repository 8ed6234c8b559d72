"""Noise of the sensor and of the wire. All: (ink, rng) to (28, 28) uint8."""

import numpy as np

from serving.reading import Ink

PHOTONS = 2.0
"""Counted, on average, where ink is full."""
FLIPPED = 0.2
"""The share of pixels that are lost."""


def shot(ink: Ink, rng: np.random.Generator) -> Ink:
    """Few photons: the count of each pixel is a Poisson number."""
    counts = rng.poisson(ink * (PHOTONS / 255))
    return np.asarray(np.minimum(np.rint(counts * (255 / PHOTONS)), 255), np.uint8)


def impulse(ink: Ink, rng: np.random.Generator) -> Ink:
    """Salt and pepper: pixels that are all ink or all paper, as often one as the other."""
    drawn = rng.random(ink.shape)
    return np.where(drawn < FLIPPED / 2, 0, np.where(drawn < FLIPPED, 255, ink)).astype(np.uint8)
