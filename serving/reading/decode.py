"""Bytes to pixels, limits first. The only import of Pillow."""

import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from PIL import BmpImagePlugin, GifImagePlugin, Image, ImageFile, PngImagePlugin, TiffImagePlugin, WebPImagePlugin, features

from serving.reading.eightbit import Pixels, from_deep, on_paper, with_needed_channels
from serving.reading.formats import Format, format_of, is_cut, is_unsupported
from serving.reading.headers import (
    check_gif,
    grey_png,
    is_packed_bmp,
    orientation_in,
    read_jpeg,
    read_png,
    read_tiff,
    webp_size,
)
from serving.reading.refusal import ImageRejected, Reason
from serving.reading.unfilter import evenly_filtered, unfiltered, unpacked

__all__ = ["Decoded", "Limits", "Pixels", "decode"]

# What decoders may meet damaged bytes with; fuzzing met no other.
DECODER_FAULTS = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError, KeyError, TypeError, OverflowError,
    AttributeError, RuntimeError, ArithmeticError, MemoryError, AssertionError, Image.DecompressionBombError,
)  # fmt: skip
ENOUGH_PIXELS = 500
"""A large picture is decoded, or made smaller before anything else, while its longer side keeps at least this many pixels.

500 rather than 512, so that 12 megapixels (4000x3000) come down to an eighth: a JPEG then takes 12 ms, not 15, and a tenth
of what it takes in full."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost; checked before anything is decoded."""

    max_bytes: int = 16 * 2**20
    max_pixels: int = 25_000_000
    max_side: int = 30_000
    max_aspect: float = 100
    """The longer side over the shorter."""
    max_frames: int = 1000
    """Counted where the header tells: PNG, WebP and AVIF. A GIF and a TIFF would have to be walked to their ends to be
    counted; of both nothing beyond the first frame is looked at, however many follow."""


class Decoded(NamedTuple):
    """A picture, upright."""

    pixels: Pixels
    """(H, W) grey or (H, W, 3) RGB uint8, C-contiguous, perhaps smaller than it was uploaded."""
    width: int
    """Of the upright picture as it was uploaded."""
    height: int
    orientation: int
    """The EXIF orientation, 1 to 8, that was undone."""


def decode(data: bytes, limits: Limits) -> Decoded:
    """Decode a picture of any format and mode to eight bits, turned as its EXIF orientation says.

    Colour is kept where there is any. Of animations and multi-page files the first frame counts. Transparent pictures are
    laid on paper that contrasts with their ink. Raises ImageRejected.
    """
    if not data:
        raise ImageRejected(Reason.EMPTY)
    if len(data) > limits.max_bytes:
        raise ImageRejected(Reason.TOO_MANY_BYTES)
    found = format_of(data)
    if found is None or (found is Format.AVIF and not features.check("avif")):
        raise ImageRejected(_why_unidentified(data))
    try:
        return DECODERS[found](data, limits)
    except DECODER_FAULTS as error:
        raise ImageRejected(Reason.TRUNCATED if is_cut(data) else Reason.DAMAGED) from error


def _why_unidentified(data: bytes) -> Reason:
    if is_unsupported(data):
        return Reason.UNSUPPORTED_FORMAT
    if data.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF")):
        return Reason.TRUNCATED if is_cut(data) else Reason.DAMAGED
    return Reason.NOT_AN_IMAGE


def _check(limits: Limits, size: tuple[int, int], frames: int = 1) -> None:
    """Refuse what the header announces too much of; size is (width, height)."""
    shorter, longer = min(size), max(size)
    if shorter < 1:
        raise ValueError("a picture without pixels")
    if shorter * longer > limits.max_pixels:
        raise ImageRejected(Reason.TOO_MANY_PIXELS)
    if longer > limits.max_side:
        raise ImageRejected(Reason.TOO_LONG)
    if longer > limits.max_aspect * shorter:
        raise ImageRejected(Reason.TOO_NARROW)
    if frames > limits.max_frames:
        raise ImageRejected(Reason.TOO_MANY_FRAMES)


# One function for each format. Pillow's readers of PNG and JPEG headers are bypassed where nothing but its decoder is
# needed: they take longer than a small picture does, and they believe what they read.

PNG_MODES = {
    (1, 0): ("1", "1"), (2, 0): ("L", "L;2"), (4, 0): ("L", "L;4"), (8, 0): ("L", "L"), (16, 0): ("I;16", "I;16B"),
    (8, 2): ("RGB", "RGB"), (16, 2): ("RGB", "RGB;16B"), (8, 4): ("LA", "LA"), (16, 4): ("RGBA", "LA;16B"),
    (8, 6): ("RGBA", "RGBA"), (16, 6): ("RGBA", "RGBA;16B"),
}  # fmt: skip
"""(bits, colour type of the header) to Pillow's mode and its name of the bytes' layout."""
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Colour type of the header to channels."""
PIXEL_MODES = {(): "L", (2,): "LA", (3,): "RGB", (4,): "RGBA"}
"""Channels, as a shape ends with them, to Pillow's mode."""
PACKED_BMP_PIXELS = 1_000_000
"""Of a run-length encoded BMP, which Pillow unpacks in Python: 0.1 s; 20 KB that announce 25 megapixels would take 3 s."""
SMALL_PIXELS = 64 * 64
"""Up to so many the overhead of a call is most of its time."""


def _decode_png(data: bytes, limits: Limits) -> Decoded:
    grey = grey_png(data)
    if grey is not None:
        return _decode_grey_png(data, *grey, limits)
    png = read_png(data)
    size = (png.width, png.height)
    _check(limits, size, png.frames)
    is_plain = png.depth == 8 and not png.is_interlaced and not png.extras
    pixels = evenly_filtered(png.packed, size, CHANNELS[png.colour]) if is_plain and png.colour in CHANNELS else None
    if pixels is not None:
        return _decoded(pixels, size, png.orientation)
    if png.extras or png.colour == 3:
        image: Image.Image = PngImagePlugin.PngImageFile(io.BytesIO(png.bare()))
        image.load()
    else:
        mode, layout = PNG_MODES[png.depth, png.colour]
        image = _unpacked(mode, size, png.packed, "zip", layout, png.is_interlaced)
    return _upright(image, size, png.orientation)


def _unpacked(mode: str, size: tuple[int, int], data: bytes, decoder: str, *arguments: object) -> Image.Image:
    """What one of Pillow's decoders makes of bytes; an error where they do not fill the picture."""
    image = Image.new(mode, size, None)  # not painted first, which takes as long as decoding nothing does
    image.frombytes(data, decoder, *arguments)
    return image


def _decode_grey_png(data: bytes, width: int, height: int, packed: bytes, limits: Limits) -> Decoded:
    """A PNG of nothing but eight-bit grey."""
    size = width, height
    _check(limits, size)
    if width * height <= SMALL_PIXELS:
        pixels = _small_grey(data, width, height, packed)
        if pixels is not None:
            return Decoded(pixels, width, height, 1)
    pixels = evenly_filtered(packed, size, 1)
    return _upright(_unpacked("L", size, packed, "zip", "L", 0), size, 1) if pixels is None else _decoded(pixels, size, 1)


def _small_grey(data: bytes, width: int, height: int, packed: bytes) -> Pixels | None:
    """The pixels of a grey PNG as small as a data set's, in a quarter of the time of Pillow; None of broken ones.

    They are unpacked and counted first, and where their rows are all filtered alike, as OpenCV writes them, that is nearly
    all. Else OpenCV decodes the file; of sound ones it makes what Pillow makes, of others it would print warnings.
    """
    rows = unpacked(packed, height * (width + 1))
    if rows is None:
        return None
    filters = rows[:: width + 1]
    if filters.count(filters[0]) == height and filters[0] <= 2:
        return unfiltered(np.frombuffer(rows, np.uint8).reshape(height, width + 1)[:, 1:], filters[0])
    if max(filters) > 4:
        return None
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), dtype=np.uint8)


def _decoded(pixels: Pixels, size: tuple[int, int], orientation: int) -> Decoded:
    """From pixels of one to four channels on; size is (width, height) as it lies in the file."""
    if orientation == 1 and max(size) < 2 * ENOUGH_PIXELS:
        width, height = size
        return Decoded(with_needed_channels(pixels), width, height, 1)
    mode = PIXEL_MODES[pixels.shape[2:]]
    return _upright(Image.frombuffer(mode, size, pixels, "raw", mode, 0, 1), size, orientation)


def _decode_jpeg(data: bytes, limits: Limits) -> Decoded:
    jpeg = read_jpeg(data)
    size = (jpeg.width, jpeg.height)
    _check(limits, size)
    mode, layout = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}[jpeg.planes]
    scale = next((scale for scale in (8, 4, 2) if max(size) // scale >= ENOUGH_PIXELS), 1)
    reduced = (math.ceil(jpeg.width / scale), math.ceil(jpeg.height / scale))
    image = _unpacked(mode, reduced, data, "jpeg", layout, "", scale, 0)
    return _upright(image, size, jpeg.orientation)


def _decode_webp(data: bytes, limits: Limits) -> Decoded:
    _check(limits, webp_size(data))
    return _decode_file(WebPImagePlugin.WebPImageFile, data, limits)


def _decode_avif(data: bytes, limits: Limits) -> Decoded:
    from PIL import AvifImagePlugin  # Pillow has it from 11.3 on

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a worker has one core; by itself it would take them all
    return _decode_file(AvifImagePlugin.AvifImageFile, data, limits)


def _decode_gif(data: bytes, limits: Limits) -> Decoded:
    check_gif(data)
    return _decode_file(GifImagePlugin.GifImageFile, data, limits, counts=False)


def _decode_bmp(data: bytes, limits: Limits) -> Decoded:
    if is_packed_bmp(data):
        limits = replace(limits, max_pixels=min(limits.max_pixels, PACKED_BMP_PIXELS))
    return _decode_file(BmpImagePlugin.BmpImageFile, data, limits)


def _decode_tiff(data: bytes, limits: Limits) -> Decoded:
    orientation = read_tiff(data)
    image = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    _check(limits, image.size)
    if not 1 <= orientation <= 8:
        orientation = orientation_in(b"", _bytes(image.info.get("xmp")))
    image.load()  # turns the picture
    return _upright(image, image.size, orientation, turn=False)


def _decode_file(
    plugin: Callable[[io.BytesIO], ImageFile.ImageFile], data: bytes, limits: Limits, *, counts: bool = True
) -> Decoded:
    """Decode the first frame with Pillow's class for the format; counts: whether it knows at once how many there are."""
    image = plugin(io.BytesIO(data))
    size = image.size
    _check(limits, size, int(getattr(image, "n_frames", 1)) if counts else 1)
    image.load()
    exif, xmp = image.info.get("exif"), image.info.get("xmp")
    return _upright(image, size, orientation_in(_bytes(exif), _bytes(xmp)) if exif or xmp else 1)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


DECODERS: dict[Format, Callable[[bytes, Limits], Decoded]] = {
    Format.PNG: _decode_png,
    Format.JPEG: _decode_jpeg,
    Format.WEBP: _decode_webp,
    Format.AVIF: _decode_avif,
    Format.BMP: _decode_bmp,
    Format.GIF: _decode_gif,
    Format.TIFF: _decode_tiff,
}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation."""


def _upright(image: Image.Image, size: tuple[int, int], orientation: int, *, turn: bool = True) -> Decoded:
    """From a loaded picture of any mode on; size is (width, height) as it lies in the file."""
    image = _reduced(image)
    width, height = size
    if turn and orientation != 1:
        image = image.transpose(TURNS[orientation])
        if orientation >= 5:
            width, height = height, width
    return Decoded(_eight_bits(image), width, height, orientation)


def _reduced(image: Image.Image) -> Image.Image:
    """A large picture at a fraction of its size, in its own mode; converted first it takes several times the memory.

    One with alpha becomes premultiplied by it, so that what cannot be seen does not bleed into what can.
    """
    factor = max(image.size) // ENOUGH_PIXELS
    if factor < 2:
        return image
    if image.mode == "PA" or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in {"RGBA", "LA"}:
        image = image.convert(image.mode[:-1] + "a")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode == "P":
        image = image.convert("L" if _is_grey(image.getpalette() or []) else "RGB")
    elif image.mode.startswith("I;16"):
        image = image.convert("I")
    return image.reduce(factor)


def _eight_bits(image: Image.Image) -> Pixels:
    """A picture of any mode as (H, W) or (H, W, 3) uint8."""
    mode = image.mode
    if mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        return _opaque(image)
    if mode.startswith(("I", "F")):
        return from_deep(np.asarray(image, dtype=np.float32), whole=mode.startswith("I"))
    if mode == "LAB":
        return _array(image.getchannel("L"))
    if mode in {"L", "1"} or (mode == "P" and _is_grey(image.getpalette() or [])):
        return _array(image if mode == "L" else image.convert("L"))
    return with_needed_channels(_array(image if mode == "RGB" else image.convert("RGB")))


def _opaque(image: Image.Image) -> Pixels:
    if image.mode in {"PA", "P"} or "transparency" in image.info:
        image = image.convert("RGBA")
    pixels = _array(image)
    return with_needed_channels(pixels) if image.mode in {"RGBA", "LA"} else on_paper(pixels)


def _is_grey(palette: list[int]) -> bool:
    """Whether a palette, [red, green, blue, red, ...], has no colour in it."""
    return palette[::3] == palette[1::3] == palette[2::3]


def _array(image: Image.Image) -> Pixels:
    """A picture of mode L or RGB, with alpha or without, as its bytes: half of what numpy's way takes on a small one."""
    bands = len(image.getbands())
    shape = (image.height, image.width) if bands == 1 else (image.height, image.width, bands)
    return np.frombuffer(image.tobytes(), np.uint8).reshape(shape)
