"""Bytes to 28x28: the only preprocessing there is."""

import warnings
from typing import Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.decode import Decoded, Limits, Pixels, decode
from serving.reading.grey import luminance
from serving.reading.ink import Found, Trace, find_ink
from serving.reading.paper import Polarity, border
from serving.reading.place import SIDE, Ink, Placed, is_placed, place, scaled
from serving.reading.refusal import ImageRejected, Reason

__all__ = [
    "SIDE",
    "How",
    "ImageRejected",
    "Ink",
    "Limits",
    "Reading",
    "ReadingKind",
    "Reason",
    "Trace",
    "decode",
    "png",
    "prepare_process",
    "read",
]

ReadingKind = Literal["digit", "plain"]
"""How a picture becomes 28x28: "digit" finds the ink and places it as MNIST does, "plain" fits the whole picture."""


class How(NamedTuple):
    """How a picture came about. Kept as it was measured, and put into the uploaded picture's pixels when asked."""

    width: int
    height: int
    """Of the uploaded picture, upright."""
    orientation: int
    """The EXIF orientation that was undone, 1 to 8."""
    ink: Polarity | None = None
    """Which was taken for ink; None where the picture passed unchanged, was fitted whole, or has none."""
    removed: frozenset[str] = frozenset()
    """What was taken for no part of the digit: "frame", "lines", "neighbours", "specks"."""
    placed: Placed | None = None
    back: npt.NDArray[np.float64] | None = None
    """(2, 3), a place of what was placed to its place in the uploaded picture."""

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """Of what was read, in the uploaded upright picture's pixels: left, top, right, bottom."""
        if self.placed is None or self.back is None:
            return None
        left, top, right, bottom = self.placed.box
        corners = np.array([[x, y, 1.0] for x in (left, right) for y in (top, bottom)]) @ self.back.T
        (x, y), (to_x, to_y) = corners.min(0).tolist(), corners.max(0).tolist()
        return x, y, to_x, to_y

    @property
    def scale(self) -> float:
        """Pixels of the 28x28 per pixel of the uploaded picture."""
        if self.placed is None or self.back is None:
            return 1.0
        return self.placed.scale / float(np.sqrt(abs(np.linalg.det(self.back[:, :2]))))

    @property
    def shift(self) -> tuple[float, float]:
        """Where the box's left and top came to lie in the 28x28: x, y."""
        return self.placed.shift if self.placed else (0.0, 0.0)


class Reading(NamedTuple):
    """What was read of one picture."""

    picture: Ink
    """(28, 28) uint8, 0 is paper and 255 is ink; what the network sees."""
    is_blank: bool = False
    """No ink was found; the picture is all paper."""
    is_clutter: bool = False
    """What was found is spread as no digit is; the network need not be asked to know."""
    how: How | None = None


def prepare_process() -> None:
    """Set up this process for reading: no threads of OpenCV's, which would wait for those of other workers, no warnings.

    Pillow warns of damaged metadata, which is in a client's hand and no news to the user of a folder.
    """
    cv2.setNumThreads(1)
    warnings.filterwarnings("ignore", module="PIL")


def read(data: bytes, kind: ReadingKind, limits: Limits, trace: Trace | None = None) -> Reading:
    """Read one picture from the bytes of a file. Raises ImageRejected.

    A 28x28 grey picture that is already as the data set makes them passes unchanged, bit for bit. trace: is told the steps.
    """
    decoded = decode(data, limits)
    if kind == "plain":
        return Reading(_fit_whole(luminance(decoded.pixels)), how=_how(decoded))
    return _read_digit(decoded, trace or _untold)


def _untold(_step: str, _made: npt.NDArray[np.uint8]) -> None:
    """Nobody asked."""


def _read_digit(decoded: Decoded, tell: Trace) -> Reading:
    pixels = decoded.pixels
    tell("decoded", pixels)
    if pixels.shape == (SIDE, SIDE) and is_placed(pixels):
        return Reading(pixels, how=_how(decoded))
    found = find_ink(pixels, tell)
    if found is None:
        return Reading(np.zeros((SIDE, SIDE), np.uint8), is_blank=True, how=_how(decoded))
    placed = place(found.ink, found.mask)
    tell("placed", placed.picture)
    return Reading(placed.picture, is_clutter=found.is_clutter, how=_how(decoded, found, placed))


def _how(decoded: Decoded, found: Found | None = None, placed: Placed | None = None) -> How:
    if found is None or placed is None:
        return How(decoded.width, decoded.height, decoded.orientation)
    reduced = max(decoded.width, decoded.height) / max(decoded.pixels.shape[:2])
    return How(
        decoded.width, decoded.height, decoded.orientation, found.polarity, found.removed, placed, found.back * reduced
    )


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
