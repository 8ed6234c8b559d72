"""Digits and scribbles as somebody might draw them on the page: strokes with points and a pen's width."""

from typing import Any

import numpy as np

from training.scenes.hand import spline, spun, unsteady

SIDE = 280
"""The page's paper is so wide and high."""
PENS = range(8, 41, 4)
DIGITS: list[list[list[tuple[float, float]]]] = [
    [[(0.5, 0.05), (0.15, 0.3), (0.15, 0.7), (0.5, 0.95), (0.85, 0.7), (0.85, 0.3), (0.5, 0.05)]],
    [[(0.35, 0.2), (0.55, 0.05), (0.55, 0.95)]],
    [[(0.2, 0.25), (0.5, 0.05), (0.8, 0.3), (0.2, 0.95), (0.85, 0.95)]],
    [[(0.2, 0.1), (0.7, 0.08), (0.75, 0.35), (0.4, 0.48), (0.8, 0.65), (0.6, 0.93), (0.2, 0.9)]],
    [[(0.6, 0.05), (0.15, 0.6), (0.85, 0.6)], [(0.65, 0.35), (0.62, 0.95)]],
    [[(0.8, 0.05), (0.3, 0.05), (0.25, 0.45), (0.7, 0.45), (0.8, 0.75), (0.5, 0.95), (0.2, 0.88)]],
    [[(0.7, 0.05), (0.3, 0.4), (0.2, 0.75), (0.5, 0.95), (0.8, 0.75), (0.5, 0.55), (0.25, 0.7)]],
    [[(0.15, 0.08), (0.85, 0.08), (0.4, 0.95)]],
    [[(0.75, 0.15), (0.4, 0.08), (0.3, 0.3), (0.7, 0.6), (0.6, 0.93), (0.3, 0.8), (0.65, 0.4), (0.75, 0.15)]],
    [[(0.75, 0.3), (0.4, 0.45), (0.25, 0.2), (0.6, 0.05), (0.75, 0.3), (0.7, 0.95)]],
]
"""The corners of each digit's strokes, x and y in a unit square."""


def drawing(rng: np.random.Generator) -> list[dict[str, Any]]:
    """The strokes of a digit, or of a scribble once in ten times, as serving/page/strokes.js takes them."""
    corners = DIGITS[rng.integers(10)] if rng.random() < 0.9 else [list(rng.uniform(0, 1, (rng.integers(2, 9), 2)))]
    size, width = rng.uniform(0.25, 0.85), int(rng.choice(PENS))
    start = rng.uniform(0.02, 0.98 - size, 2) if rng.random() < 0.9 else rng.uniform(-0.2, 0.6, 2)
    paths = spun([np.asarray(corner, np.float64) for corner in corners], rng.normal(0, 0.12))
    lines = [unsteady(rng, spline(path), 0.015) * size + start for path in paths]
    return [{"width": width, "points": np.round(line * SIDE, 1).tolist()} for line in lines]
