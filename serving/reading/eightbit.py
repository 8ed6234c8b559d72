"""Decoded values to eight bits a channel: needless colour dropped, transparency laid on paper, deep grey brought down."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""(H, W) or (H, W, 3) uint8, as light as the picture: 0 is black, 255 is white."""

LEAST_CONTRAST = 8.0
"""Grey levels of standard deviation above which what is opaque shows something itself; noise has some four."""


def with_needed_channels(pixels: Pixels) -> Pixels:
    """A picture of any channels as (H, W) or, where there is colour, (H, W, 3); what is transparent is laid on paper.

    pixels: (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha. A coarse grid tells most opaque
    coloured pictures at once.
    """
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 3:
        grid = pixels[::7, ::7]
        is_coloured = (grid[..., 0] != grid[..., 1]).any() or (grid[..., 0] != grid[..., 2]).any()
        return pixels if is_coloured else _merged(_planes(pixels))
    *colours, alpha = _planes(pixels)
    if alpha.min() == 255:
        return _merged(colours)
    ink = colours[:1] if _are_equal(colours) else colours
    return _on_paper([np.asarray(cv2.multiply(plane, alpha, scale=1 / 255), np.uint8) for plane in ink], alpha)


def on_paper(premultiplied: Pixels) -> Pixels:
    """(H, W, 2) or (H, W, 4), grey or RGB multiplied by the alpha that follows, as (H, W) or (H, W, 3), laid on paper."""
    *ink, alpha = _planes(premultiplied)
    return _on_paper(ink, alpha)


def _on_paper(ink: Sequence[Pixels], alpha: Pixels) -> Pixels:
    """Lay a transparent picture on white paper, or on black where what can be seen of it is light.

    ink: one plane or three, (H, W), multiplied by the alpha. A drawing may be in the alpha alone.
    """
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
    """The (H, W) channels, in memory that is got at once: OpenCV itself takes three times as long."""
    height, width, channels = pixels.shape
    planes = list(np.empty((channels, height, width), np.uint8))
    cv2.split(pixels, planes)
    return planes


def _merged(planes: Sequence[Pixels]) -> Pixels:
    return planes[0] if _are_equal(planes) else np.asarray(cv2.merge(planes), dtype=np.uint8)


def _are_equal(planes: Sequence[Pixels]) -> bool:
    return all(cv2.norm(planes[0], plane, cv2.NORM_INF) == 0 for plane in planes[1:])


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
