"""Bytes to 28x28: the only preprocessing there is."""

import warnings
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from serving.reading.decode import Limits, Pixels, decode
from serving.reading.ink import border, find_ink, shrink
from serving.reading.place import SIDE, Ink, is_placed, place, scaled
from serving.reading.refusal import ImageRejected, Reason

__all__ = ["SIDE", "ImageRejected", "Ink", "Limits", "Reading", "ReadingKind", "Reason", "png", "prepare_process", "read"]

ReadingKind = Literal["digit", "plain"]
"""How a picture becomes 28x28: "digit" finds the ink and places it as MNIST does, "plain" fits the whole picture."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one picture."""

    picture: Ink
    """(28, 28) uint8, 0 is paper and 255 is ink; what the network sees."""
    is_blank: bool = False
    """No ink was found; the picture is all paper."""


def prepare_process() -> None:
    """Set up this process for reading: no threads of OpenCV's, which would wait for those of other workers, no warnings.

    Pillow warns of damaged metadata, which is in a client's hand and no news to the user of a folder.
    """
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", module="PIL")


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
    if pixels.shape == (SIDE, SIDE):
        return pixels
    resized = scaled(pixels, SIDE)
    rows, columns = resized.shape
    fitted = np.full((SIDE, SIDE), int(np.median(border(pixels))), np.uint8)
    top, left = (SIDE - rows) // 2, (SIDE - columns) // 2
    fitted[top : top + rows, left : left + columns] = resized
    return fitted


def png(picture: Ink) -> bytes:
    """A picture as the bytes of a PNG file."""
    _, encoded = cv2.imencode(".png", picture)
    return encoded.tobytes()
