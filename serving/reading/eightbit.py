"""Decoded values to eight bits a channel: needless colour dropped, transparency laid on paper, deep grey brought down."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(H, W) or (H, W, 3) uint8, as light as the picture: 0 is black, 255 is white."""

LEAST_CONTRAST = 8.0
"""Grey levels of standard deviation above which what is opaque shows something itself; noise has some four."""


def without_needless_colour(pixels: Pixels) -> Pixels:
    """(H, W, 3) as (H, W) where all three channels are equal; a coarse grid tells most coloured pictures at once."""
    grid = pixels[::7, ::7]
    if (grid[..., 0] != grid[..., 1]).any() or (grid[..., 0] != grid[..., 2]).any():
        return pixels
    return _merged(_planes(pixels))


def on_paper(premultiplied: Pixels) -> Pixels:
    """Lay a transparent picture on white paper, or on black where what can be seen of it is light.

    premultiplied: (H, W, 2) grey and alpha, or (H, W, 4) RGB and alpha, the former multiplied by the latter. A drawing may
    be in the alpha alone. Returns (H, W) or (H, W, 3).
    """
    *ink, alpha = _planes(premultiplied)
    mean_alpha = cv2.mean(alpha)[0]
    is_light = sum(cv2.mean(plane)[0] for plane in ink) / len(ink) > mean_alpha / 2
    # A sheet with a drawing on it whose corners or shadows are transparent goes on as it is; a drawing contrasts.
    is_sheet = mean_alpha > 127.5 and _has_contrast(ink, alpha)
    if is_light is not is_sheet:
        return _merged(ink)
    clear = cv2.bitwise_not(alpha)
    return _merged([np.asarray(cv2.add(plane, clear), dtype=np.uint8) for plane in ink])


def _has_contrast(ink: Sequence[Pixels], alpha: Pixels) -> bool:
    opaque = cv2.inRange(alpha, np.array(255), np.array(255))
    return any(float(cv2.meanStdDev(plane, mask=opaque)[1][0, 0]) > LEAST_CONTRAST for plane in ink)


def _planes(pixels: Pixels) -> list[Pixels]:
    return [np.asarray(plane, dtype=np.uint8) for plane in cv2.split(pixels)]


def _merged(planes: Sequence[Pixels]) -> Pixels:
    first = planes[0]
    if all(np.array_equal(first, plane) for plane in planes[1:]):
        return first
    return np.asarray(cv2.merge(planes), dtype=np.uint8)


def from_deep(values: npt.NDArray[np.float32], *, whole: bool) -> Pixels:
    """Deep grey to eight bits, from the range that the numbers are most likely meant in.

    values: (H, W). Whole numbers: the least of 8, 10, 12, 14 and 16 bits that holds them. Others: [0, 1] or [0, 255]. What
    fits none of these is spread from its own least to its own largest value. Values that are not finite become the nearest
    that are.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = float(finite.min()), float(finite.max())
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    ranges = [2.0**bits - 1 for bits in (8, 10, 12, 14, 16)] if whole else [1.0, 255.0]
    for full in ranges:
        if low >= 0 and high <= full:
            return np.asarray(np.rint(values * (255 / full)), dtype=np.uint8)
    if low == high:
        return np.zeros(values.shape, np.uint8)
    spread = (values.astype(np.float64) - low) * (255 / (high - low))  # 32 bits would overflow
    return np.asarray(np.rint(spread), dtype=np.uint8)
