"""Lines through points of a unit square, drawn by an unsteady hand."""

import cv2
import numpy as np
import numpy.typing as npt

from training.scenes.digit import Layer, crop

Path = npt.NDArray[np.float64]
"""(N, 2) x and y in the unit square, y downwards."""
Rng = np.random.Generator
BITS = 4
"""Of the fraction that OpenCV takes coordinates with."""


def spun(paths: list[Path], angle: float) -> list[Path]:
    """Turned around the middle of the unit square."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return [(path - 0.5) @ turn.T + 0.5 for path in paths]


def spline(points: Path) -> Path:
    """A smooth line through points (Catmull and Rom 1974)."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    t = np.linspace(0, 1, 12, endpoint=False)[:, None, None]
    a, b, c, d = (ends[start : len(ends) - 3 + start] for start in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.asarray(curve.transpose(1, 0, 2).reshape(-1, 2), np.float64)


def dense(path: Path) -> Path:
    """The same line with a point at least every fortieth of the unit square."""
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)])
    at = np.linspace(0, along[-1], max(int(along[-1] * 40), 2))
    return np.stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)], axis=1)


def unsteady(rng: Rng, path: Path, amount: float) -> Path:
    """A line drawn by hand: off by a slow wobble, and in its aspect."""
    points = dense(path)
    knots = np.linspace(0, 1, max(len(points) // 12, 2) + 1)
    wobble = rng.normal(0, amount, (2, len(knots)))
    at = np.linspace(0, 1, len(points))
    return np.asarray(points + np.stack([np.interp(at, knots, wobble[axis]) for axis in (0, 1)], axis=1), np.float64)


def draw(rng: Rng, paths: list[Path], size: float, thickness: float, *, filled: bool = False) -> Layer:
    """Paths of a unit square drawn `size` pixels large with a pen, cropped."""
    bend = np.eye(2) + rng.normal(0, 0.08, (2, 2))
    moved = [unsteady(rng, path, 0.012) @ bend.T * size for path in paths]
    low = np.min([path.min(0) for path in moved], axis=0) - thickness / 2 - 2
    high = np.max([path.max(0) for path in moved], axis=0) + thickness / 2 + 2
    width, height = (int(side) for side in np.ceil(high - low))
    fixed = [np.rint((path - low) * 2**BITS).astype(np.int32).reshape(-1, 1, 2) for path in moved]
    cover = np.zeros((height, width), np.uint8)
    if filled:
        cv2.fillPoly(cover, fixed, 255, cv2.LINE_AA, BITS)
    cv2.polylines(
        cover, fixed, isClosed=False, color=255, thickness=max(round(thickness), 1), lineType=cv2.LINE_AA, shift=BITS
    )
    return crop(cover.astype(np.float32) * np.float32(1 / 255))
