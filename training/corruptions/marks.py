"""Ink that is not the digit's, and a digit without its own. All: (ink, rng) to (28, 28) uint8."""

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading import SIDE, Ink

DROP, WET = 1.1, 0.1
"""Sigma of the drops, and the share of the picture that they cover."""
GAP = 3.0
"""From one dot to the next."""
TEETH = (3, 5)
SWING = 3.0
"""How far a zigzag reaches to either side."""
BITS = 4
"""Of the fraction in the coordinates that OpenCV draws at."""


def spatter(ink: Ink, rng: np.random.Generator) -> Ink:
    """Drops here and there: some are ink, some take it away."""
    field = cv2.GaussianBlur(rng.normal(size=ink.shape), (0, 0), DROP)
    spattered = ink.copy()
    spattered[field > np.quantile(field, 1 - WET / 2)] = 255
    spattered[field < np.quantile(field, WET / 2)] = 0
    return spattered


def dotted_line(ink: Ink, rng: np.random.Generator) -> Ink:
    """A straight line of dots from the left side to the right."""
    start, end = _across(rng)
    count = int(np.hypot(*(end - start)) / GAP) + 1
    marked = ink.copy()
    for point in np.linspace(start, end, count):
        cv2.circle(marked, _fixed(point), round(0.8 * 2**BITS), 255, -1, cv2.LINE_AA, BITS)
    return marked


def zigzag(ink: Ink, rng: np.random.Generator) -> Ink:
    """A zigzag from the left side to the right."""
    start, end = _across(rng)
    along = (end - start) / np.hypot(*(end - start))
    beside = np.array([-along[1], along[0]])
    points = np.linspace(start, end, int(rng.integers(TEETH[0], TEETH[1] + 1)) * 2)
    points += beside * (SWING * rng.choice([-1, 1]) * (-1) ** np.arange(len(points)))[:, None]
    marked = ink.copy()
    line = np.array([_fixed(point) for point in points])
    cv2.polylines(marked, [line], isClosed=False, color=255, thickness=1, lineType=cv2.LINE_AA, shift=BITS)
    return marked


def canny_edges(ink: Ink, rng: np.random.Generator) -> Ink:
    """The digit's outline alone (Canny 1986)."""
    del rng
    return np.asarray(cv2.Canny(ink, 100, 200), np.uint8)


def _across(rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Two points (x, y), one on the left side and one on the right."""
    left, right = rng.uniform(3, SIDE - 4, 2)
    return np.array([0.0, left]), np.array([SIDE - 1.0, right])


def _fixed(point: npt.NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.rint(point * 2**BITS).astype(int)
    return int(x), int(y)
