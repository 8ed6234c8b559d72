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
# What decoders may meet damaged bytes with; a million mutated files met no other.
DECODER_FAULTS = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError, OverflowError,
    AttributeError, RuntimeError, ArithmeticError, MemoryError,
)  # fmt: skip
ENOUGH_PIXELS = 1024
"""A large picture is decoded, or made smaller before anything else, down to at least this many pixels a side."""


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
        return _grey(_upright(_reduced(image)))
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


def _reduced(image: Image.Image) -> Image.Image:
    """A large picture at a fraction of its size, in its own mode; converted first it takes several times the memory."""
    factor = max(image.size) // ENOUGH_PIXELS
    if factor < 2:
        return image
    if image.mode in {"1", "P", "PA"}:
        image = image.convert("RGBA" if _is_transparent(image) else "L")
    elif image.mode.startswith("I;16"):
        image = image.convert("I")
    exif = image.getexif()
    reduced = image.reduce(factor)
    reduced.getexif().update(exif)  # the orientation is still to be applied
    return reduced


def _is_transparent(image: Image.Image) -> bool:
    return image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info


def _grey(image: Image.Image) -> Pixels:
    if _is_transparent(image):
        grey, alpha = np.moveaxis(np.asarray(image.convert("RGBA").convert("LA"), dtype=np.float32), 2, 0)
        return _on_paper(grey, alpha / 255)
    if image.mode.startswith(("I", "F")):
        return _eight_bits(np.asarray(image, dtype=np.float32), whole=image.mode.startswith("I"))
    if image.mode == "LAB":
        return np.asarray(image.getchannel("L"))
    return np.asarray(image.convert("L"))


def _on_paper(grey: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32]) -> Pixels:
    """Lay a transparent picture on white paper, or on black where what can be seen of it is light."""
    seen = float(alpha.sum())
    paper = 0.0 if seen and float((grey * alpha).sum()) / seen > 127.5 and float(alpha.min()) < 1 else 255.0
    return np.rint(grey * alpha + paper * (1 - alpha)).astype(np.uint8)


def _eight_bits(values: npt.NDArray[np.float32], *, whole: bool) -> Pixels:
    """Deep grey to eight bits, from the range that the numbers are most likely meant in.

    Whole numbers: the least of 8, 10, 12, 14 and 16 bits that holds them. Others: [0, 1] or [0, 255]. What fits none of
    these is spread from its own least to its own largest value. Values that are not finite become the nearest that are.
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
    return np.asarray(np.rint((values - low) * (255 / (high - low))), dtype=np.uint8)
