"""Bytes to 28x28: the only preprocessing there is."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from serving.reading.decode import Limits, Pixels, decode
from serving.reading.ink import find_ink, shrink
from serving.reading.place import SIDE, Ink, is_placed, place
from serving.reading.refusal import ImageRejected, Reason

__all__ = ["SIDE", "ImageRejected", "Ink", "Limits", "Reading", "ReadingKind", "Reason", "png", "read"]

ReadingKind = Literal["digit", "plain"]
"""How a picture becomes 28x28: "digit" finds the ink and places it as MNIST does, "plain" fits the whole picture."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one picture."""

    picture: Ink
    """(28, 28) uint8, 0 is paper and 255 is ink; what the network sees."""
    is_blank: bool = False
    """No ink was found; the picture is all paper."""


def read(data: bytes, kind: ReadingKind, limits: Limits) -> Reading:
    """Read one picture from the bytes of a file. Raises ImageRejected.

    A 28x28 grey picture that is already as the data set makes them passes unchanged, bit for bit.
    """
    pixels = decode(data, limits)
    return _read_digit(pixels) if kind == "digit" else Reading(_fit_whole(pixels))


def _read_digit(pixels: Pixels) -> Reading:
    if is_placed(pixels):
        return Reading(pixels)
    found = find_ink(shrink(pixels))
    if found is None:
        return Reading(np.zeros((SIDE, SIDE), np.uint8), is_blank=True)
    return Reading(place(*found))


def _fit_whole(pixels: Pixels) -> Ink:
    """The whole picture in 28x28, its aspect kept, its polarity too; what is left over is as its border mostly is."""
    height, width = pixels.shape
    if (height, width) == (SIDE, SIDE):
        return pixels
    scale = SIDE / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    resized = cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    fitted = np.full((SIDE, SIDE), int(np.median(border)), np.uint8)
    top, left = (SIDE - rows) // 2, (SIDE - columns) // 2
    fitted[top : top + rows, left : left + columns] = resized
    return fitted


def png(picture: Ink) -> bytes:
    """A picture as the bytes of a PNG file."""
    _, encoded = cv2.imencode(".png", picture)
    return encoded.tobytes()
