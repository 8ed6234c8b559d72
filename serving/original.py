"""A picture as it was uploaded, in colour, for people to look at."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from serving.drawing import Shown
from serving.reading import Limits, decode

JPEG = b"\xff\xd8"
SIDE = 512
"""Pixels: transparent pictures that are larger are made smaller, to be seen with the checkerboard."""
TILES, TONES = 8, (200, 240)
"""Of the checkerboard: tiles along the longer side, and the grey of the two kinds."""


def original(data: bytes, limits: Limits) -> Shown:
    """Decode a picture, upright, what is transparent on a checkerboard. Raises ImageRejected.

    Large pictures come smaller, as the reading takes them. Returns (H, W) or (H, W, 3) uint8, red, green, blue.
    """
    decoded = decode(data, limits)  # first, because it keeps the limits
    layered = _with_transparency(data)
    return decoded.pixels if layered is None else _upright(_on_checkerboard(layered), decoded.orientation)


def _with_transparency(data: bytes) -> Shown | None:
    """(H, W, 4) uint8, red, green, blue, opacity, as it lies in the file; None for a picture that nothing shines through."""
    if data.startswith(JPEG):  # never transparent, and slow to decode a second time where it is a whole photo
        return None
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype not in (np.uint8, np.uint16):
        return None
    eight_bits = (pixels // 257 if pixels.dtype == np.uint16 else pixels).astype(np.uint8)
    return None if eight_bits[..., 3].min() == 255 else np.asarray(cv2.cvtColor(eight_bits, cv2.COLOR_BGRA2RGBA), np.uint8)


def _on_checkerboard(layered: Shown) -> Shown:
    opacity = layered[..., 3]
    # Weighted before it is made smaller, so that the colours of what cannot be seen do not bleed into what can.
    colours = _smaller(cv2.multiply(layered[..., :3], cv2.merge([opacity] * 3), scale=1 / 255))
    tile = max(1, max(colours.shape) // TILES)
    rows, columns = np.indices(colours.shape[:2]) // tile
    board = np.where((rows + columns) % 2, *TONES)
    behind = np.rint(board * (1 - _smaller(opacity) / 255)).astype(np.uint8)
    return np.asarray(cv2.add(colours, cv2.merge([behind] * 3)), np.uint8)


def _smaller(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    height, width = picture.shape[:2]
    factor = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _upright(lying: Shown, orientation: int) -> Shown:
    """Undo an EXIF orientation, 1 to 8: mirrored, turned, or both."""
    turned = {
        2: lambda: lying[:, ::-1],
        3: lambda: lying[::-1, ::-1],
        4: lambda: lying[::-1],
        5: lambda: lying.swapaxes(0, 1),
        6: lambda: lying.swapaxes(0, 1)[:, ::-1],
        7: lambda: lying.swapaxes(0, 1)[::-1, ::-1],
        8: lambda: lying.swapaxes(0, 1)[::-1],
    }
    return turned.get(orientation, lambda: lying)()
