"""Grey pixels to ink on paper: which of the two is the ink, and where it is."""

from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.decode import Pixels
from serving.reading.place import Ink, scaled

Value = TypeVar("Value", bound=np.generic)

WORKING_SIDE = 512
"""A picture is looked at with its longer side at most this long; the digit ends at 20 pixels all the same."""
LEAST_CONTRAST = 24.0
"""Grey levels between paper and ink below which a picture is blank: sensor noise and JPEG stay well under it."""


def shrink(pixels: Pixels) -> Pixels:
    """The picture at a size worth looking at."""
    return pixels if max(pixels.shape) <= WORKING_SIDE else scaled(pixels, WORKING_SIDE)


def find_ink(pixels: Pixels) -> tuple[Ink, npt.NDArray[np.bool_]] | None:
    """Separate ink from paper at Otsu's threshold (1979); what the border mostly is, is paper.

    pixels: (H, W) uint8. Returns the ink, (H, W) uint8 with the mean paper at 0 and the mean ink at 255, and the mask
    of what lies on ink's side of the threshold; None where there is no contrast, so no ink.
    """
    threshold, _ = cv2.threshold(pixels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    light = pixels > threshold
    if light.all() or not light.any():
        return None
    light_level, dark_level = float(pixels[light].mean()), float(pixels[~light].mean())
    if light_level - dark_level < LEAST_CONTRAST:
        return None
    paper_is_light = border(light).mean() >= 0.5
    mask = ~light if paper_is_light else light
    paper, full = (light_level, dark_level) if paper_is_light else (dark_level, light_level)
    ink = np.clip((pixels.astype(np.float32) - paper) * (255 / (full - paper)), 0, 255)
    return np.rint(ink).astype(np.uint8), mask


def border(values: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """The outermost pixels of an (H, W) array."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
