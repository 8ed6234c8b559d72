"""Colour to grey."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.decode import Pixels

LOOK = 96
"""The side at which a picture's colours are looked at."""


def luminance(pixels: npt.NDArray[np.uint8]) -> Pixels:
    """(H, W) or (H, W, 3) RGB uint8 to (H, W) uint8 luminance (ITU-R BT.601)."""
    return pixels if pixels.ndim == 2 else cast("Pixels", cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))


def contrast(pixels: npt.NDArray[np.uint8]) -> Pixels:
    """(H, W) or (H, W, 3) RGB uint8 to the (H, W) uint8 grey in which ink and paper differ most.

    That is the first principal component (Pearson 1901) of how the colours differ from their surroundings: of red ink on
    green paper of the same luminance nothing is left in luminance. Shadows and the edge of a table are no contrast of the
    pen's, so surroundings are taken out first. White stays lighter than black.
    """
    if pixels.ndim == 2:
        return pixels
    weights = _direction(pixels)
    offset = 255.0 * float(-weights[weights < 0].sum())
    return cast("Pixels", cv2.transform(pixels, np.append(weights, offset)[np.newaxis]).reshape(pixels.shape[:2]))


def _direction(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """The direction as weights of red, green and blue; their absolute values sum to 1."""
    scale = LOOK / max(pixels.shape[:2])
    small = pixels if scale >= 1 else cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    values = small.astype(np.float32)
    side = max(3, min(small.shape[:2]) // 3) | 1
    detail = (values - cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE)).reshape(-1, 3)
    spread = detail.T @ detail / len(detail)
    _, axes = np.linalg.eigh(spread.astype(np.float64))
    weights = axes[:, -1]
    weights = weights / np.abs(weights).sum()
    if weights.sum() < 0:
        weights = -weights
    return np.asarray(weights)
