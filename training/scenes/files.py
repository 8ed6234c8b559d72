"""Pixels to the bytes of a file, one function a format. All: (pixels, rng) to bytes."""

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Rng = np.random.Generator
Pixels = npt.NDArray[Any]
"""(H, W), (H, W, 2) grey and alpha, (H, W, 3) RGB, (H, W, 4) RGBA of uint8; or (H, W) uint16 or float32, 0 to 1."""

# What each EXIF orientation asks of a viewer, undone: how upright pixels have to lie in the file (TIFF 6.0, tag 274).
LYING: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: np.swapaxes(upright, 0, 1),
    6: np.rot90,
    7: lambda upright: np.swapaxes(upright[::-1, ::-1], 0, 1),
    8: lambda upright: np.rot90(upright, -1),
}
ORIENTATION = 274


def _saved(pixels: Pixels, form: str, mode: str | None = None, **options: Any) -> bytes:
    """Through Pillow, converted to a mode first."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    target = io.BytesIO()
    (image.convert(mode) if mode else image).save(target, form, **options)
    return target.getvalue()


def png(pixels: Pixels, rng: Rng) -> bytes:
    """PNG as the pixels are: grey, grey with alpha, RGB, RGBA, 16-bit grey."""
    del rng
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        return _saved(pixels, "PNG")
    swapped = pixels if pixels.ndim == 2 else pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]
    _, encoded = cv2.imencode(".png", swapped)
    return encoded.tobytes()


def one_bit_png(pixels: Pixels, rng: Rng) -> bytes:
    """PNG of one bit a pixel."""
    del rng
    return _saved(pixels > 127, "PNG")


def palette_png(pixels: Pixels, rng: Rng) -> bytes:
    """PNG with a palette in which 16 entries of one colour are more and more opaque. pixels: (H, W, 4) of one colour."""
    del rng
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 3] // 17), "P")
    image.putpalette([int(value) for value in pixels[0, 0, :3]] * 16)
    target = io.BytesIO()
    image.save(target, "PNG", transparency=bytes(range(0, 256, 17)))
    return target.getvalue()


def jpeg(pixels: Pixels, rng: Rng) -> bytes:
    """JPEG at quality 90, grey or RGB."""
    del rng
    _, encoded = cv2.imencode(".jpg", pixels if pixels.ndim == 2 else pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return encoded.tobytes()


def turned_jpeg(pixels: Pixels, rng: Rng) -> bytes:
    """JPEG whose pixels lie as one of the EXIF orientations 2 to 8 says."""
    orientation = int(rng.integers(2, 9))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return _saved(LYING[orientation](pixels), "JPEG", quality=90, exif=exif)


def cmyk_jpeg(pixels: Pixels, rng: Rng) -> bytes:
    """JPEG in printing colours."""
    del rng
    return _saved(pixels, "JPEG", "CMYK", quality=90)


def tiff(pixels: Pixels, rng: Rng) -> bytes:
    """TIFF as the pixels are, float32 too."""
    del rng
    return _saved(pixels, "TIFF")


def gif(pixels: Pixels, rng: Rng) -> bytes:
    """GIF."""
    del rng
    return _saved(pixels, "GIF")


def bmp(pixels: Pixels, rng: Rng) -> bytes:
    """BMP."""
    del rng
    return _saved(pixels, "BMP")


def webp(pixels: Pixels, rng: Rng) -> bytes:
    """WebP, lossy at quality 40 to 90."""
    return _saved(pixels, "WEBP", quality=int(rng.integers(40, 91)))
