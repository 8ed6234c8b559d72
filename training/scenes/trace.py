"""A digit drawn anew along its middle line, with an even pen of any width: hair-thin pens, pencils."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading import Ink
from training.scenes.digit import Layer, crop, drawn, stroke


def traced(ink: Ink, rng: np.random.Generator, size: float, thickness: float, strength: float = 0.4) -> Layer:
    """The digit drawn anew along its middle line with a pen of constant thickness, in pixels, cropped to its ink."""
    points, links = middle_line(drawn(ink, rng, strength, 72, 36, 0.1) > 0.5)
    if not len(links):
        return stroke(ink, rng, size, strength)
    spread = np.ptp(points, axis=0).max() + 1
    pad = thickness / 2 + 2
    places = (points - points.min(0)) * (size / spread) + pad
    height, width = (int(end) for end in np.ceil(places.max(0) + pad))
    bits = 4  # of the fraction that OpenCV takes coordinates with
    lines = np.rint(places[:, ::-1] * 2**bits).astype(np.int32)[links]
    cover = np.zeros((height, width), np.uint8)
    cv2.polylines(
        cover, list(lines), isClosed=False, color=255, thickness=max(round(thickness), 1), lineType=cv2.LINE_AA, shift=bits
    )
    return crop(cover.astype(np.float32) * np.float32(min(thickness, 1) / 255))


def middle_line(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """The thinned middle of a shape.

    Returns (N, 2) smoothed (row, column) points and (M, 2) pairs of neighbours among them; a dot is its own.
    """
    thin = thinned(mask)
    points = np.argwhere(thin).astype(np.float64)
    number = np.full(thin.shape, -1)
    number[thin] = np.arange(len(points))
    links = np.concatenate([_neighbours(number, step) for step in ((0, 1), (1, 0), (1, 1), (1, -1))])
    alone = np.setdiff1d(np.arange(len(points)), links)  # a dot, that would be lost without a line to itself
    for _ in range(4):
        points = _smoothed(points, links)
    return points, np.concatenate([links, np.stack([alone, alone], axis=1)])


def _neighbours(number: npt.NDArray[np.int64], step: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Pairs of numbered pixels that are one step apart; a diagonal step only where no corner joins them."""
    down, right = step
    height, width = number.shape
    here = number[: height - down, max(-right, 0) : width - max(right, 0)]
    there = number[down:, max(right, 0) : width + min(right, 0)]
    both = (here >= 0) & (there >= 0)
    if down and right:
        beside = number[: height - down, max(right, 0) : width + min(right, 0)]
        below = number[down:, max(-right, 0) : width - max(right, 0)]
        both &= (beside < 0) & (below < 0)
    return np.stack([here[both], there[both]], axis=1)


def _smoothed(points: npt.NDArray[np.float64], links: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Every point that has two neighbours moved half way to their mean; ends and crossings stay."""
    sums, counts = np.zeros_like(points), np.bincount(links.ravel(), minlength=len(points))
    np.add.at(sums, links[:, 0], points[links[:, 1]])
    np.add.at(sums, links[:, 1], points[links[:, 0]])
    inner = counts == 2
    moved = points.copy()
    moved[inner] = (points[inner] + sums[inner] / 2) / 2
    return moved


def thinned(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A shape thinned to lines one pixel wide (Zhang and Suen 1984)."""
    thin = np.pad(mask, 1).astype(np.uint8)
    weights = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)
    while True:
        before = int(thin.sum())
        for table in _removable():
            code = cv2.filter2D(thin.astype(np.float32), -1, weights, borderType=cv2.BORDER_CONSTANT)
            thin[table[code.astype(np.uint8)]] = 0
        if int(thin.sum()) == before:
            return thin[1:-1, 1:-1].astype(np.bool_)


@lru_cache(maxsize=1)
def _removable() -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For both passes of Zhang and Suen: which of 256 neighbourhoods lose their middle. Bit 0 is north, then clockwise."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    filled = bits.sum(1)
    rises = ((bits == 0) & (np.roll(bits, -1, axis=1) == 1)).sum(1)
    border = (filled >= 2) & (filled <= 6) & (rises == 1)
    north, east, south, west = bits[:, 0], bits[:, 2], bits[:, 4], bits[:, 6]
    first = border & (north * east * south == 0) & (east * south * west == 0)
    second = border & (north * east * west == 0) & (north * south * west == 0)
    return first, second
