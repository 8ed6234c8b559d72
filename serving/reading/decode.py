"""Bytes to grey pixels, limits first. The only import of Pillow."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from serving.reading.refusal import ImageRejected, Reason

Pixels = npt.NDArray[np.uint8]
"""(H, W) uint8, as light as the picture: 0 is black, 255 is white."""

# Named by their plugins, because a format counts only once its plugin is imported, and importing all takes a while.
FORMATS = [
    plugin.format
    for plugin in (
        PngImagePlugin.PngImageFile,
        JpegImagePlugin.JpegImageFile,
        WebPImagePlugin.WebPImageFile,
        BmpImagePlugin.BmpImageFile,
        GifImagePlugin.GifImageFile,
        TiffImagePlugin.TiffImageFile,
    )
]
# What the first bytes of formats that people do send, and that are not read, look like.
UNSUPPORTED = (
    b"%PDF", b"8BPS", b"<svg", b"<?xml", b"\x00\x00\x01\x00", b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"%!PS",
    b"\x00\x00\x00\x0cjP", b"\xff\x0a", b"\x00\x00\x00\x0cJXL", b"qoif", b"\x76\x2f\x31\x01",
)  # fmt: skip
ISO_MEDIA = b"ftyp"  # at byte 4: AVIF, HEIC, and films
# Decoders meet damaged bytes with all of these; each was seen in Pillow's source or in fuzzing.
DECODER_FAULTS = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError, OverflowError,
    AttributeError, RuntimeError, ArithmeticError, MemoryError,
)  # fmt: skip
ENOUGH_PIXELS = 1024
"""A JPEG is decoded at a fraction of its size as long as both sides keep this many pixels."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost; checked before anything is decoded."""

    max_bytes: int = 16 * 2**20
    max_pixels: int = 25_000_000


def decode(data: bytes, limits: Limits) -> Pixels:
    """Decode a picture, whatever its mode, to (H, W) uint8 luminance, turned as its EXIF orientation says.

    Of animations and multi-page files the first frame counts. Transparent pictures are laid on paper that contrasts with
    their ink. Raises ImageRejected.
    """
    if not data:
        raise ImageRejected(Reason.EMPTY)
    if len(data) > limits.max_bytes:
        raise ImageRejected(Reason.TOO_MANY_BYTES)
    image = _open(data)
    if image.width * image.height > limits.max_pixels:
        raise ImageRejected(Reason.TOO_MANY_PIXELS)
    try:
        image.draft("L", (ENOUGH_PIXELS, ENOUGH_PIXELS))
        image.load()
    except DECODER_FAULTS as error:
        raise ImageRejected(_why_broken(data)) from error
    try:
        return _grey(_upright(image))
    except DECODER_FAULTS as error:
        raise ImageRejected(Reason.DAMAGED) from error


def _open(data: bytes) -> Image.Image:
    """Read the header alone."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageRejected(_why_unidentified(data)) from error
    except Image.DecompressionBombError as error:  # Pillow has a limit of its own, far above any sensible one of ours
        raise ImageRejected(Reason.TOO_MANY_PIXELS) from error
    except DECODER_FAULTS as error:
        raise ImageRejected(_why_broken(data)) from error


def _why_unidentified(data: bytes) -> Reason:
    if data[4:8] == ISO_MEDIA or data.lstrip()[:16].lower().startswith(tuple(magic.lower() for magic in UNSUPPORTED)):
        return Reason.UNSUPPORTED_FORMAT
    if data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"RIFF", b"BM")):
        return _why_broken(data)
    return Reason.NOT_AN_IMAGE


def _why_broken(data: bytes) -> Reason:
    return Reason.TRUNCATED if _lacks_its_end(data) else Reason.DAMAGED


def _lacks_its_end(data: bytes) -> bool:
    """Whether a file that could not be decoded lacks the mark or the length that its format ends with."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-16:]
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" not in data[-16:]
    if data.startswith(b"GIF8"):
        return not data.endswith(b"\x3b")
    if data.startswith(b"RIFF"):
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if data.startswith(b"BM"):
        return len(data) < int.from_bytes(data[2:6], "little")
    return data.startswith((b"II*\x00", b"MM\x00*"))  # a TIFF has no end to look for; offsets beyond it are what fails


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except DECODER_FAULTS:  # damaged EXIF beside good pixels: the picture as it lies is better than none
        return image


def _grey(image: Image.Image) -> Pixels:
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        grey, alpha = np.moveaxis(np.asarray(image.convert("RGBA").convert("LA"), dtype=np.float32), 2, 0)
        return _on_paper(grey, alpha / 255)
    if image.mode.startswith(("I", "F")):
        return _eight_bits(np.asarray(image, dtype=np.float64), sixteen=image.mode.startswith("I"))
    return np.asarray(image.convert("L"))


def _on_paper(grey: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> Pixels:
    """Lay a transparent picture on white paper, or on black where what can be seen of it is light."""
    seen = float(alpha.sum())
    paper = 0.0 if seen and float((grey * alpha).sum()) / seen > 127.5 and float(alpha.min()) < 1 else 255.0
    return np.rint(grey * alpha + paper * (1 - alpha)).astype(np.uint8)


def _eight_bits(values: npt.NDArray[np.float64], *, sixteen: bool) -> Pixels:
    """Deep grey to eight bits: integers from 16 bits, floats from [0, 1] or [0, 255], anything else from its own range."""
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if sixteen and low >= 0 and high <= 65_535:
        values = values / 257
    elif low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 255:
        values = (values - low) / (high - low) * 255
    return np.rint(values).astype(np.uint8)
