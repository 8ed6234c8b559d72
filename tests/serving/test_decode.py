import io
import resource
import struct
import time
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, features

from serving.reading.decode import Limits, decode
from serving.reading.refusal import ImageRejected, Reason

LIMITS = Limits()
PNG = b"\x89PNG\r\n\x1a\n"
ORIENTATION = 0x0112
LOSSLESS: dict[str, dict[str, object]] = {"WEBP": {"lossless": True}}
has_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow is built without AVIF")


def encode(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def grey(size: tuple[int, int] = (23, 17), seed: int = 0) -> np.ndarray:
    """A slope with noise on it, (H, W)."""
    height, width = size
    slope = np.add.outer(np.arange(height) * 3, np.arange(width) * 5) % 200
    return (slope + np.random.default_rng(seed).integers(0, 50, size)).astype(np.uint8)


def coloured(size: tuple[int, int] = (23, 17)) -> np.ndarray:
    return np.stack([grey(size), 255 - grey(size, 1), grey(size, 2) // 2], axis=2)


def drawing(paper: int = 255, ink: int = 0, size: tuple[int, int] = (60, 45)) -> np.ndarray:
    picture = np.full(size, paper, np.uint8)
    picture[10:40, 15:19] = ink
    picture[36:40, 15:31] = ink
    return picture


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    header: tuple[int, int, int, int, int], packed: bytes, before: bytes = b"", end: bytes | None = None, after: bytes = b""
) -> bytes:
    """A PNG from (width, height, depth, colour, interlaced) and the packed pixels, with chunks before and after them."""
    start = PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", *header[:4], 0, 0, header[4]))
    return start + before + chunk(b"IDAT", packed) + after + (chunk(b"IEND", b"") if end is None else end)


def filtered(picture: np.ndarray, filters: list[int]) -> bytes:
    """The rows of an (H, W) picture, each with the PNG filter that is its turn: none, sub, up, average, Paeth."""
    rows = []
    above = np.zeros(picture.shape[1], int)
    for number, row in enumerate(picture.astype(int)):
        kind = filters[number % len(filters)]
        left, corner = np.r_[0, row[:-1]], np.r_[0, above[:-1]]
        estimate = left + above - corner
        distances = np.abs(estimate - np.stack([left, above, corner]))
        paeth = np.choose(distances.argmin(0), [left, above, corner])
        predicted = [np.zeros_like(row), left, above, (left + above) // 2, paeth][kind]
        rows.append(bytes([kind]) + ((row - predicted) % 256).astype(np.uint8).tobytes())
        above = row
    return b"".join(rows)


def decode_or_refuse(data: bytes) -> Reason | None:
    """The reason, or None where the bytes were decoded to what was promised."""
    try:
        decoded = decode(data, LIMITS)
    except ImageRejected as refusal:
        return refusal.reason
    pixels = decoded.pixels
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2 or pixels.shape[2:] == (3,)
    assert pixels.flags.c_contiguous
    assert 0 < pixels.size <= 3 * decoded.width * decoded.height <= 3 * LIMITS.max_pixels
    assert 1 <= decoded.orientation <= 8
    return None


def refused(data: bytes, limits: Limits = LIMITS) -> Reason:
    with pytest.raises(ImageRejected) as refusal:
        decode(data, limits)
    return refusal.value.reason


# Small grey PNG take a way of their own


@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [0, 1, 2, 3, 4], [2, 1], [4, 0]], ids=str)
@pytest.mark.parametrize("size", [(28, 28), (1, 1), (1, 30), (30, 1), (2, 3), (64, 64), (65, 64), (150, 90)], ids=str)
def test_grey_png_of_every_filter_is_what_pillow_makes_of_it(filters: list[int], size: tuple[int, int]) -> None:
    picture = grey(size)
    data = png((size[1], size[0], 8, 0, 0), zlib.compress(filtered(picture, filters)))
    np.testing.assert_array_equal(opened(data), picture)
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, picture)


@pytest.mark.parametrize("seed", range(40))
def test_random_grey_png_are_what_pillow_makes_of_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = tuple(random.integers(1, 80, 2).tolist())
    picture = grey(size, seed) if seed % 2 else random.integers(0, 256, size, dtype=np.uint8)
    data = encode(picture, compress_level=seed % 10)
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, picture)


ADDED = {
    "gamma": chunk(b"gAMA", struct.pack(">I", 100_000)),
    "sRGB": chunk(b"sRGB", b"\0"),
    "significant bits": chunk(b"sBIT", b"\x05"),
    "background": chunk(b"bKGD", b"\0\x80"),
    "resolution": chunk(b"pHYs", struct.pack(">IIB", 3000, 1000, 1)),
    "text": chunk(b"tEXt", b"Software\0by hand"),
    "a text that is no text": chunk(b"zTXt", b"Raw profile type exif\0\0not packed"),
    "a profile that is none": chunk(b"iCCP", b"icc\0\0not packed"),
    "an unknown chunk": chunk(b"abCd", b"?"),
}


@pytest.mark.parametrize("added", ADDED)
def test_what_a_png_carries_besides_does_not_change_its_pixels(added: str) -> None:
    packed = zlib.compress(filtered(grey(), [1]))
    for position in ("before", "after"):
        data = png((17, 23, 8, 0, 0), packed, **{position: ADDED[added]})
        np.testing.assert_array_equal(decode(data, LIMITS).pixels, grey())


def test_a_png_in_many_pieces_is_whole() -> None:
    packed = zlib.compress(filtered(grey(), [4]))
    pieces = b"".join(chunk(b"IDAT", packed[start : start + 7]) for start in range(0, len(packed), 7))
    data = PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 17, 23, 8, 0, 0, 0, 0)) + pieces + chunk(b"IEND", b"")
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, grey())


BROKEN_PACKING = {
    "cut": lambda rows: zlib.compress(rows)[:-30],
    "no sum": lambda rows: zlib.compress(rows[:-1]),
    "wrong sum": lambda rows: zlib.compress(rows)[:-4] + b"????",
    "too few rows": lambda rows: zlib.compress(rows[: len(rows) // 2]),
    "unknown filter": lambda rows: zlib.compress(rows[:18] + b"\x09" + rows[19:]),
    "empty": lambda _: b"",
    "not packed": lambda rows: rows,
}


@pytest.mark.parametrize("how", BROKEN_PACKING)
@pytest.mark.parametrize("filters", [[1], [4]])
def test_a_png_with_right_sums_around_broken_pixels_is_refused_in_silence(
    how: str, filters: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    data = png((17, 23, 8, 0, 0), BROKEN_PACKING[how](filtered(grey(), filters)))
    assert refused(data) is Reason.DAMAGED
    assert refused(data[:-12]) is Reason.TRUNCATED
    assert capfd.readouterr() == ("", ""), "libraries print warnings by themselves"


@pytest.mark.parametrize("colour", ["L", "RGB", "P"])
def test_a_changed_byte_among_a_pngs_pixels_is_noticed(colour: str) -> None:
    data = encode(Image.fromarray(coloured()).convert(colour))
    start = data.index(b"IDAT") + 4
    for place in range(start, len(data) - 16, 5):
        assert refused(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :]) is Reason.DAMAGED


def test_more_rows_than_a_png_needs_do_no_harm(capfd: pytest.CaptureFixture[str]) -> None:
    packed = zlib.compress(filtered(grey(), [3]) + bytes(10_000))
    np.testing.assert_array_equal(decode(png((17, 23, 8, 0, 0), packed), LIMITS).pixels, grey())
    assert capfd.readouterr() == ("", "")


# PNG whose rows are filtered alike, and packed in a hurry, as OpenCV and browsers write them, take another


def hurried(picture: np.ndarray, kind: int = 1, before: bytes = b"", cut: int = 0) -> bytes:
    """A PNG of one filter for all rows; picture: (H, W) or (H, W, channels). cut: bytes that its pixels lack."""
    height, width = picture.shape[:2]
    values = picture.reshape(height, width, -1).astype(int)
    if kind:
        start = np.zeros_like(values[:, :1] if kind == 1 else values[:1])
        values = np.diff(values, axis=2 - kind, prepend=start) % 256
    rows = np.insert(values.reshape(height, -1), 0, kind, axis=1).astype(np.uint8).tobytes()
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    return png((width, height, 8, colour, 0), zlib.compress(rows[: len(rows) - cut], 1), before)


SIZES = {"small": (20, 31), "large": (150, 90), "wide": (80, 700), "to be reduced": (40, 1100)}
CHANNELS: dict[str, Callable[[np.ndarray, np.ndarray], list[np.ndarray]]] = {
    "grey": lambda one, _: [one],
    "grey as RGB": lambda one, _: [one] * 3,
    "grey and opaque": lambda one, _: [one] * 3 + [np.full_like(one, 255)],
    "grey and opaque, two channels": lambda one, _: [one, np.full_like(one, 255)],
    "grey but for one pixel": lambda one, _: [one, one, with_last(one, 9)],
    "opaque but for one pixel": lambda one, _: [one] * 3 + [with_last(np.full_like(one, 255), 254)],
    "opaque from the second pixel on": lambda one, _: [one] * 3 + [with_last(np.full_like(one, 255), 254)[::-1, ::-1]],
    "as opaque as it is light": lambda one, _: [one] * 4,
    "in the alpha alone": lambda one, _: [np.zeros_like(one)] * 3 + [one],
    "in two channels": lambda one, other: [one, other],
    "RGB": lambda one, other: [one, other, 255 - one],
    "RGB and alpha": lambda one, other: [one, 255 - one, one // 2, other],
}


def with_last(values: np.ndarray, last: int) -> np.ndarray:
    changed = values.copy()
    changed[-1, -1] = last
    return changed


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", CHANNELS)
def test_an_evenly_filtered_png_is_what_it_is_when_its_writer_took_its_time(kind: int, size: str, channels: str) -> None:
    shape = SIZES[size]
    slope = np.add.outer(np.arange(shape[0]), np.arange(shape[1]) // 9).astype(np.uint8)
    planes = CHANNELS[channels](slope, drawing(size=shape) if min(shape) > 40 else slope[::-1])
    picture = planes[0] if len(planes) == 1 else np.stack(planes, axis=2)
    data, slow = hurried(picture, kind), encode(picture)
    np.testing.assert_array_equal(np.asarray(opened(data)), picture)
    hasty, patient = decode(data, LIMITS), decode(slow, LIMITS)
    np.testing.assert_array_equal(hasty.pixels, patient.pixels)
    assert hasty[1:] == patient[1:]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_evenly_filtered_png_is_turned_too(orientation: int) -> None:
    lying = np.ascontiguousarray(LIE[orientation](np.stack([drawing()] * 3, axis=2)))
    decoded = decode(hurried(lying, before=chunk(b"eXIf", turned(orientation).tobytes()[6:])), LIMITS)
    np.testing.assert_array_equal(decoded.pixels, drawing())
    assert decoded.orientation == orientation


@pytest.mark.parametrize("filters", [[1, 0], [1, 2], [1, 1, 1, 4], [3]])
def test_a_png_in_a_hurry_whose_rows_are_not_filtered_alike_is_read(filters: list[int]) -> None:
    picture = grey((100, 90))
    data = png((90, 100, 8, 0, 0), zlib.compress(filtered(picture, filters), 1))
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, picture)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("how", ["rows are missing", "the stream is cut", "a byte is changed"])
def test_an_evenly_filtered_png_that_is_broken_is_refused_in_silence(
    how: str, channels: int, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = np.stack([grey((90, 100))] * channels, axis=2)
    whole = hurried(picture, cut=picture.size // 2 + 7 if how == "rows are missing" else 0)
    start, end = whole.index(b"IDAT") + 4, len(whole) - 16
    packed = whole[start:end]
    if how == "the stream is cut":
        packed = packed[: len(packed) // 2]
    elif how == "a byte is changed":
        packed = packed[:40] + bytes([packed[40] ^ 255]) + packed[41:]
    data = whole[: start - 8] + chunk(b"IDAT", packed) + whole[-12:]
    assert refused(data) is Reason.DAMAGED
    assert capfd.readouterr() == ("", "")


# Every mode of every format


def interlaced() -> bytes:
    """Seven passes over 8x8 squares; each pixel is what it stands for, since none is filtered."""
    picture = grey((16, 16))
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = [row for top, left, down, right in passes for row in picture[top::down, left::right]]
    return png((16, 16, 8, 0, 1), zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))


def shallow(depth: int) -> bytes:
    row = bytes(range(0, 250, 10))
    width = len(row) * 8 // depth
    return png((width, 3, depth, 0, 0), zlib.compress((b"\0" + row) * 3))


MADE: dict[str, Callable[[], bytes]] = {
    "PNG interlaced": interlaced,
    "PNG of 1 bit": lambda: shallow(1),
    "PNG of 2 bits": lambda: shallow(2),
    "PNG of 4 bits": lambda: shallow(4),
    "PNG, RGB of 16 bits": lambda: png((2, 1, 16, 2, 0), zlib.compress(b"\0" + bytes(range(12)))),
    "PNG, palette of 4 colours": lambda: encode(Image.fromarray(coloured()).quantize(4)),
    "PNG, grey palette": lambda: encode(Image.fromarray(grey()).quantize(200)),
    "GIF, interlaced": lambda: encode(Image.fromarray(coloured()).quantize(50), "GIF", interlace=1),
    "JPEG, progressive": lambda: encode(coloured(), "JPEG", progressive=True),
    "JPEG, grey and progressive": lambda: encode(grey(), "JPEG", progressive=True),
    "JPEG, no subsampling": lambda: encode(coloured(), "JPEG", subsampling=0),
    "JPEG, kept as RGB": lambda: encode(coloured(), "JPEG", keep_rgb=True),
    "WebP, lossy": lambda: encode(coloured(), "WEBP", quality=70),
    "WebP, lossless": lambda: encode(coloured(), "WEBP", lossless=True),
    "TIFF, YCbCr": lambda: encode(Image.fromarray(coloured()).convert("YCbCr"), "TIFF"),
    "TIFF, JPEG inside": lambda: encode(coloured((64, 64)), "TIFF", compression="jpeg"),
    "TIFF, in small strips": lambda: encode(coloured(), "TIFF", compression="tiff_lzw", strip_size=100),
    "TIFF, big": lambda: encode(grey(), "TIFF", big_tiff=True),
    "TIFF, group 4": lambda: encode(Image.fromarray(grey()).convert("1"), "TIFF", compression="group4"),
    "BMP, palette": lambda: encode(Image.fromarray(coloured()).quantize(9), "BMP"),
    **{
        f"{kind}, {mode}": lambda kind=kind, mode=mode: encode(Image.fromarray(coloured()).convert(mode), kind)
        for kind, modes in {
            "PNG": ["1", "L", "P", "RGB"], "JPEG": ["L", "RGB", "CMYK"], "WEBP": ["L", "RGB"], "GIF": ["1", "L", "P", "RGB"],
            "BMP": ["1", "L", "P", "RGB"], "TIFF": ["1", "L", "P", "RGB", "CMYK"],
        }.items()
        for mode in modes
    },
}  # fmt: skip


@pytest.mark.parametrize("made", MADE)
def test_every_kind_of_picture_is_what_pillow_makes_of_it(made: str) -> None:
    data = MADE[made]()
    image = opened(data)
    decoded = decode(data, LIMITS)
    expected = np.asarray(image.convert("RGB"))
    if (expected == expected[..., :1]).all():
        expected = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(decoded.pixels, expected)
    assert decoded[1:] == (*image.size, 1)


@has_avif
def test_avif_is_read() -> None:
    data = encode(coloured(), "AVIF")
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, opened(data).convert("RGB"))
    assert decode(encode(drawing(), "AVIF"), LIMITS).pixels.ndim == 2
    assert refused(data[: len(data) // 2]) is Reason.TRUNCATED


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_grey_picture_saved_as_rgb_is_grey(kind: str) -> None:
    data = encode(Image.fromarray(grey()).convert("RGB"), kind, **LOSSLESS.get(kind, {}))
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, grey())


def test_one_coloured_pixel_keeps_a_picture_in_colour() -> None:
    picture = np.stack([grey()] * 3, axis=2)
    picture[3, 5] = 255, 0, 0
    np.testing.assert_array_equal(decode(encode(picture), LIMITS).pixels, picture)


def deep(kind: str, values: np.ndarray, *, big_endian: bool = False) -> bytes:
    if not big_endian:
        return encode(values, kind)
    image = Image.frombytes("I;16B", values.shape[::-1], values.astype(">u2").tobytes())
    return encode(image, kind)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "TIFF, big endian"])
@pytest.mark.parametrize(("bits", "factor"), [(8, 1), (10, 1023 / 255), (12, 4095 / 255), (14, 16383 / 255), (16, 257.0)])
def test_deep_grey_is_read_from_the_range_that_holds_it(kind: str, bits: int, factor: float) -> None:
    picture = grey()
    picture[0, 0] = 255
    values = np.rint(picture * factor).astype(np.uint16)
    data = deep(kind[:4].strip(), values, big_endian="big" in kind)
    assert np.abs(decode(data, LIMITS).pixels.astype(int) - picture).max() <= 1, bits


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 0.5, 1]], [[0, 128, 255]]),
        ([[0, 128, 255]], [[0, 128, 255]]),
        ([[-1, 0, 1]], [[0, 128, 255]]),
        ([[0, np.nan, np.inf]], [[0, 0, 0]]),
        ([[0, 1, np.inf]], [[0, 255, 255]]),
        ([[np.nan, np.nan]], [[0, 0]]),
        ([[-7, -7]], [[0, 0]]),
        ([[-3e38, 0, 3e38]], [[0, 128, 255]]),
    ],
)
def test_fractions_are_read_from_the_range_that_holds_them(values: list[list[float]], expected: list[list[int]]) -> None:
    data = encode(np.array(values, np.float32), "TIFF")
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, expected)


def test_whole_numbers_of_32_bits_are_spread() -> None:
    data = encode(np.array([[-(2**31), 0, 2**31 - 1]], np.int32), "TIFF")
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, [[0, 128, 255]])


def test_of_lab_the_lightness_counts() -> None:
    lab = Image.frombytes("LAB", (17, 23), coloured().tobytes())
    np.testing.assert_array_equal(decode(encode(lab, "TIFF"), LIMITS).pixels, coloured()[..., 0])


# Orientation


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


LIE = {
    1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud, 5: lambda p: p.swapaxes(0, 1),
    6: np.rot90, 7: lambda p: np.rot90(p.swapaxes(0, 1), 2), 8: lambda p: np.rot90(p, -1),
}  # fmt: skip
"""How an upright picture lies in a file of each orientation."""


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", pytest.param("AVIF", marks=has_avif)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(kind: str, orientation: int) -> None:
    upright = drawing()
    lying = Image.fromarray(np.ascontiguousarray(LIE[orientation](upright)))
    data = encode(lying, kind, exif=turned(orientation), **LOSSLESS.get(kind, {}))
    pixels, width, height, undone = decode(data, LIMITS)
    assert pixels.shape == upright.shape
    assert (height, width) == upright.shape
    assert undone == orientation
    assert np.abs(pixels.astype(int) - upright).mean() < 5


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_large_picture_tells_its_upright_size_from_before_its_reduction(kind: str, orientation: int) -> None:
    large = Image.fromarray(drawing()).resize((1500, 2000), Image.Resampling.NEAREST)
    lying = Image.fromarray(np.ascontiguousarray(LIE[orientation](np.asarray(large))))
    decoded = decode(encode(lying, kind, exif=turned(orientation)), LIMITS)
    assert decoded[1:] == (1500, 2000, orientation)
    assert decoded.pixels.shape == (500, 375)


def test_small_and_grey_png_are_turned_too() -> None:
    picture = grey()
    data = encode(np.ascontiguousarray(np.rot90(picture)), exif=turned(6))
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, picture)


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "PNG"])
def test_an_orientation_that_only_xmp_tells_counts(kind: str) -> None:
    lying = np.ascontiguousarray(np.rot90(drawing(), 2))
    if kind == "PNG":
        text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        data = png((45, 60, 8, 0, 0), zlib.compress(filtered(lying, [0])), text)
    elif kind == "TIFF":
        data = encode(lying, kind, tiffinfo={700: XMP})
    else:
        data = encode(lying, kind, xmp=XMP, **LOSSLESS.get(kind, {}))
    decoded = decode(data, LIMITS)
    assert decoded.orientation == 3
    assert np.abs(decoded.pixels.astype(int) - drawing()).mean() < 5


def test_exif_in_a_text_of_a_png_counts() -> None:
    digits = turned(3).tobytes().hex().encode()
    content = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n      %d\n%b\n" % (len(digits) // 2, digits))
    data = png((17, 23, 8, 0, 0), zlib.compress(filtered(np.rot90(grey(), 2), [0])), chunk(b"zTXt", content))
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, grey())


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"nonsense", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_damaged_exif_leaves_the_picture_as_it_lies(exif: bytes) -> None:
    data = png((17, 23, 8, 0, 0), zlib.compress(filtered(grey(), [0])), chunk(b"eXIf", exif))
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, grey())


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        assert decode(encode(grey(), kind, exif=turned(orientation)), LIMITS)[1:] == (17, 23, 1)


# Transparency


def veiled(colour: int | tuple[int, int, int], alpha: np.ndarray) -> Image.Image:
    image = Image.new("L" if isinstance(colour, int) else "RGB", alpha.shape[::-1], colour)
    image.putalpha(Image.fromarray(alpha))
    return image


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (60, 255), (200, 0)])
def test_a_drawing_in_the_alpha_alone_lies_on_contrasting_paper(mode: str, ink: int, paper: int) -> None:
    data = encode(veiled(ink, 255 - drawing()).convert(mode))
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, drawing(paper, ink))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_a_coloured_drawing_lies_on_paper_in_its_colours(kind: str) -> None:
    data = encode(veiled((200, 0, 40), 255 - drawing()), kind, **LOSSLESS.get(kind, {}))
    pixels = decode(data, LIMITS).pixels
    assert (pixels[drawing() == 0] == (200, 0, 40)).all()
    assert (pixels[drawing() == 255] == 255).all()


@pytest.mark.parametrize("paper", [0, 255])
def test_every_colour_of_every_alpha_is_rounded_right(paper: int) -> None:
    colour, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    # As much again of a decided ink, so that the paper is the one under test.
    colour = np.hstack([colour, np.full((256, 256), 255 - paper, np.uint8)])
    alpha = np.hstack([alpha, np.repeat(np.arange(256, dtype=np.uint8)[:, None] // 3 * 2, 256, axis=1)])
    image = Image.merge("LA", (Image.fromarray(colour), Image.fromarray(alpha)))
    expected = np.rint((colour * alpha.astype(float) + paper * (255.0 - alpha)) / 255)
    for mode in ("LA", "RGBA"):
        np.testing.assert_array_equal(decode(encode(image.convert(mode)), LIMITS).pixels, expected)


@pytest.mark.parametrize("picture", [grey(), coloured()], ids=["grey", "coloured"])
def test_a_picture_that_is_opaque_everywhere_is_the_picture(picture: np.ndarray) -> None:
    image = Image.fromarray(picture)
    image.putalpha(255)
    np.testing.assert_array_equal(decode(encode(image), LIMITS).pixels, picture)


@pytest.mark.parametrize("paper", [0, 255])
def test_a_sheet_with_transparent_corners_goes_on_as_it_is(paper: int) -> None:
    picture = drawing(paper, 255 - paper)
    alpha = np.full_like(picture, 255)
    alpha[:4, :4] = alpha[-4:, :4] = 0
    data = encode(Image.merge("LA", (Image.fromarray(picture), Image.fromarray(alpha))))
    np.testing.assert_array_equal(decode(data, LIMITS).pixels, picture)


def test_a_hole_in_a_white_sheet_is_ink() -> None:
    np.testing.assert_array_equal(decode(encode(veiled(255, drawing())), LIMITS).pixels, drawing())


def test_nothing_to_be_seen_is_white_paper() -> None:
    assert (decode(encode(veiled((9, 8, 7), np.zeros((20, 30), np.uint8))), LIMITS).pixels == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_is_paper(kind: str) -> None:
    image = Image.fromarray((drawing() == 0).astype(np.uint8), "P")
    image.putpalette([255, 0, 255, 0, 0, 160])
    pixels = decode(encode(image, kind, transparency=0), LIMITS).pixels
    assert (pixels[drawing() == 255] == 255).all()
    assert (pixels[drawing() == 0] == (0, 0, 160)).all()


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_transparent_colour_of_a_png_is_paper(mode: str) -> None:
    transparent = (255, 255, 255) if mode == "RGB" else 255
    data = encode(Image.fromarray(drawing(255, 240 if mode != "1" else 0)).convert(mode), transparency=transparent)
    pixels = decode(data, LIMITS).pixels
    assert pixels[0, 0] == (0 if mode != "1" else 255), "the ink is light"


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_a_large_transparent_picture_is_its_small_original(mode: str) -> None:
    large = Image.fromarray(255 - drawing()).resize((2250, 3000), Image.Resampling.NEAREST)
    for ink in (0, 255):
        pixels = decode(encode(veiled(ink, np.asarray(large)).convert(mode), compress_level=1), LIMITS).pixels
        assert pixels.shape == (500, 375)
        small = Image.fromarray(drawing(255 - ink, ink)).resize((375, 500), Image.Resampling.NEAREST)
        assert np.abs(pixels.astype(int) - np.asarray(small)).mean() < 5


# Limits


def test_each_limit_has_its_reason() -> None:
    data = encode(grey((40, 30)))
    assert refused(b"") is Reason.EMPTY
    assert refused(data, Limits(max_bytes=len(data) - 1)) is Reason.TOO_MANY_BYTES
    assert refused(data, Limits(max_pixels=1199)) is Reason.TOO_MANY_PIXELS
    assert refused(data, Limits(max_side=39)) is Reason.TOO_LONG
    assert refused(data, Limits(max_aspect=1.3)) is Reason.TOO_NARROW
    decode(data, Limits(max_bytes=len(data), max_pixels=1200, max_side=40, max_aspect=4 / 3, max_frames=1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", pytest.param("AVIF", marks=has_avif)])
def test_the_limits_hold_in_every_format(kind: str) -> None:
    data = encode(grey((30, 40)), kind)
    assert refused(data, Limits(max_pixels=1199)) is Reason.TOO_MANY_PIXELS
    assert refused(data, Limits(max_side=39)) is Reason.TOO_LONG
    assert refused(data, Limits(max_aspect=1.3)) is Reason.TOO_NARROW
    assert refused(encode(grey((1, 400)), kind)) is Reason.TOO_NARROW


@pytest.mark.parametrize("kind", ["PNG", "WEBP", pytest.param("AVIF", marks=has_avif)])
def test_an_animation_may_have_so_many_frames(kind: str) -> None:
    frames = [Image.fromarray(coloured() // number) for number in range(1, 5)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert refused(data, Limits(max_frames=3)) is Reason.TOO_MANY_FRAMES
    first = decode(data, Limits(max_frames=4)).pixels
    assert np.abs(first.astype(int) - coloured()).mean() < 40, "the first frame"


@pytest.mark.parametrize("kind", ["GIF", "TIFF"])
def test_where_frames_are_not_counted_the_first_is_read(kind: str) -> None:
    frames = [Image.fromarray(drawing(ink=ink)) for ink in (0, 99, 199)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode(data, Limits(max_frames=1)).pixels, drawing())


FOREIGN = {
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50),
    "a film": b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(50),
    "PDF": b"%PDF-1.7\n",
    "SVG": b'\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PNM": b"P5 1 1 255 \0",
    "icon": b"\0\0\1\0\1\0",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_formats_that_are_not_read_are_told_apart(name: str) -> None:
    assert refused(FOREIGN[name]) is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("data", [b"Dear Sir or Madam,\n", b"\0", b"RI", bytes(100), b"GIF", b"\xff\xfe\xfd"])
def test_other_bytes_are_no_picture(data: bytes) -> None:
    assert refused(data) is Reason.NOT_AN_IMAGE


# Bombs


def short_texts() -> bytes:
    bomb = zlib.compress(bytes(2**20 - 64), 9)
    names = [b"Raw profile type exif"] * 200 + [b"Comment"] * 200
    return b"".join(chunk(b"zTXt", name + b"\0\0" + bomb) for name in names)


def greedy_exif(tags: int, length: int) -> bytes:
    """EXIF whose tags each claim all of it."""
    head = b"II*\0" + struct.pack("<IH", 8, tags)
    entries = b"".join(struct.pack("<HHII", 1000 + tag, 7, length, 10 + 12 * tags) for tag in range(tags))
    return head + entries + bytes(length)


def tiff(*tags: tuple[int, int, int, int], body: bytes = b"") -> bytes:
    """A TIFF of one directory of (tag, type, count, value)."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + body


def hollow_tiff(compression: int, rows: int = 5000) -> bytes:
    return tiff(
        (256, 3, 1, 5000), (257, 3, 1, 5000), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1), (273, 4, 1, 200),
        (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, 1, 2**31), body=bytes(200),
    )  # fmt: skip


def hollow_jpeg(*, progressive: bool = False, scans: int = 1) -> bytes:
    data = encode(coloured((16, 16)), "JPEG", progressive=progressive)
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data = data[: frame + 5] + struct.pack(">HH", 5000, 5000) + data[frame + 9 :]
    scan = data.index(b"\xff\xda")
    return data[:scan] + data[scan:-2] * scans + data[-2:]


def wide_gif() -> bytes:
    data = bytearray(encode(drawing(), "GIF"))
    data[6:10] = struct.pack("<HH", 5000, 5000)
    return bytes(data)


def animated_gif(frames: int) -> bytes:
    data = encode(drawing(), "GIF")
    start = data.index(b"\x2c")
    return data[:-1] + data[start:-1] * frames + b";"


def sized_webp(kind: bytes, size: bytes) -> bytes:
    content = kind + struct.pack("<I", 10) + size
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WEBP" + content


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG of many pixels": lambda: png((60_000, 60_000, 8, 0, 0), zlib.compress(bytes(1000))),
    "PNG of 25 megapixels with nothing behind": lambda: png((5000, 5000, 8, 6, 0), zlib.compress(bytes(1000))),
    "PNG of small size with gigabytes behind": lambda: png((28, 28, 8, 0, 0), zlib.compress(bytes(10**8), 9)),
    "PNG in a hurry, of 25 megapixels": lambda: png((5000, 5000, 8, 6, 0), zlib.compress(b"\1" + bytes(10**8), 1)),
    "PNG in a hurry, with gigabytes behind": lambda: png((90, 90, 8, 2, 0), zlib.compress(bytes(10**8), 1)),
    "PNG with texts": lambda: png((17, 23, 8, 0, 0), zlib.compress(filtered(grey(), [0])), short_texts()),
    "PNG with a profile": lambda: png((17, 23, 8, 2, 0), b"", chunk(b"iCCP", b"i\0\0" + zlib.compress(bytes(10**8), 9))),
    "PNG with greedy EXIF": lambda: png((17, 23, 8, 2, 0), b"", chunk(b"eXIf", greedy_exif(60_000, 10**7))),
    "PNG of a million chunks": lambda: png((17, 23, 8, 2, 0), b"", chunk(b"tEXt", b"") * 10**6),
    "PNG that says it is animated": lambda: png((17, 23, 8, 2, 0), b"", chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
    "JPEG of 25 megapixels with nothing behind": hollow_jpeg,
    "JPEG of 25 megapixels, progressive": lambda: hollow_jpeg(progressive=True),
    "JPEG of two thousand scans": lambda: hollow_jpeg(progressive=True, scans=2000),
    "JPEG of a million segments": lambda: b"\xff\xd8" + b"\xff\xe1\0\2" * 10**6,
    "JPEG of junk": lambda: b"\xff\xd8\xff" + bytes(10**7),
    "JPEG with greedy EXIF": lambda: encode(grey(), "JPEG", exif=b"Exif\0\0" + greedy_exif(2000, 40_000)),
    "WebP of many pixels": lambda: sized_webp(b"VP8X", bytes(4) + b"\xff\xff\0\xff\xff\0"),
    "WebP of many pixels, lossless": lambda: sized_webp(b"VP8L", b"\x2f" + b"\xff" * 9),
    "GIF with a wide canvas": wide_gif,
    "GIF of a hundred thousand frames": lambda: animated_gif(100_000),
    "GIF of a million blocks": lambda: encode(drawing(), "GIF")[:13] + b"!\xfe" + b"\x01." * 10**6,
    "TIFF of 25 megapixels with nothing behind": lambda: hollow_tiff(1),
    "TIFF of one wide strip, LZW": lambda: hollow_tiff(5),
    "TIFF of one wide strip, deflate": lambda: hollow_tiff(8),
    "TIFF of many narrow strips": lambda: hollow_tiff(5, rows=1),
    "TIFF with greedy tags": lambda: greedy_exif(60_000, 10**7),
    "TIFF with many numbers": lambda: tiff((258, 3, 5_000_000, 30), (256, 3, 1, 5), (257, 3, 1, 5), body=bytes(10**7 + 99)),
    "BMP of 25 megapixels by a few line ends": lambda: (
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 1078, 0, 1078, 40, 5000, 5000, 1, 8, 1, 0, 0, 0, 0, 0)
        + bytes(1024) + b"\1\1\0\0" * 5000
    ),
    "BMP of 25 megapixels with nothing behind": lambda: (
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 5000, 5000, 1, 24, 0, 0, 0, 0, 0, 0)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_nothing(name: str) -> None:
    data = BOMBS[name]()
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    decode_or_refuse(data)
    seconds = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
    print(f"{name}: {seconds:.3f} s, {grown / 1024:.0f} MiB")  # noqa: T201 - shown with -rP
    assert seconds < 1, "of the processor; a third of that is usual"
    assert grown < 250 * 1024


# Broken files


CORPUS: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: encode(drawing()),
    "PNG, RGBA": lambda: encode(veiled((9, 90, 200), 255 - drawing()), exif=turned(6)),
    "PNG, palette": lambda: encode(Image.fromarray(coloured()).quantize(16), transparency=3),
    "PNG, 16 bit": lambda: encode(grey().astype(np.uint16) * 200),
    "PNG, in a hurry": lambda: hurried(np.stack([drawing(size=(90, 80))] * 4, axis=2)),
    "PNG, in a hurry and grey": lambda: hurried(drawing(size=(90, 80))),
    "PNG, animated": lambda: encode(Image.fromarray(grey()), save_all=True, append_images=[Image.fromarray(grey(seed=1))]),
    "JPEG": lambda: encode(coloured((40, 50)), "JPEG", exif=turned(6)),
    "JPEG, grey": lambda: encode(drawing(), "JPEG"),
    "JPEG, progressive": lambda: encode(coloured((40, 50)), "JPEG", progressive=True),
    "JPEG, CMYK": lambda: encode(Image.fromarray(coloured((40, 50))).convert("CMYK"), "JPEG"),
    "WEBP": lambda: encode(coloured((40, 50)), "WEBP", exif=turned(6)),
    "WEBP, lossless": lambda: encode(coloured(), "WEBP", lossless=True),
    "WEBP, RGBA": lambda: encode(veiled((9, 90, 200), 255 - drawing()), "WEBP"),
    "TIFF": lambda: encode(coloured(), "TIFF", exif=turned(6)),
    "TIFF, LZW": lambda: encode(coloured(), "TIFF", compression="tiff_lzw"),
    "TIFF, JPEG": lambda: encode(coloured((64, 64)), "TIFF", compression="jpeg"),
    "TIFF, group 4": lambda: encode(Image.fromarray(drawing()).convert("1"), "TIFF", compression="group4"),
    "TIFF, float": lambda: encode(grey().astype(np.float32), "TIFF"),
    "GIF": lambda: encode(Image.fromarray(coloured()).quantize(16), "GIF", transparency=3),
    "GIF, animated": lambda: encode(
        Image.fromarray(grey()), "GIF", save_all=True, append_images=[Image.fromarray(drawing())]
    ),
    "BMP": lambda: encode(coloured(), "BMP"),
    "BMP, palette": lambda: encode(drawing(), "BMP"),
    **({"AVIF": lambda: encode(coloured(), "AVIF")} if features.check("avif") else {}),
}


def with_sums(data: bytes) -> bytes:
    """A PNG's bytes with every chunk's sum made right again, so that a decoder meets what lies behind the sums."""
    mended, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(mended)


def broken(data: bytes, random: np.random.Generator) -> Iterator[bytes]:
    """A file in many states of disrepair."""
    size = len(data)
    for end in np.linspace(0, size - 1, 40).astype(int):
        yield data[:end]
        yield data[:end] + bytes(size - end)  # fetched in part
    for _ in range(60):
        changed = bytearray(data)
        for place in random.integers(0, size, random.integers(1, 6)):
            changed[place] ^= 1 << random.integers(8)
        yield bytes(changed)
        start, length = random.integers(0, size), random.integers(1, 40)
        yield data[:start] + bytes(length) + data[start + length :]
        yield data[:start] + random.bytes(length) + data[start:]
        yield data[:start] + data[start + length :]
    for _ in range(30):  # numbers that lie, of either byte order
        place, value = random.integers(0, min(size - 4, 200)), int(random.choice([0, 1, 255, 65535, 2**31 - 1, 2**32 - 1]))
        for order in "<>":
            yield data[:place] + struct.pack(order + "I", value) + data[place + 4 :]
            yield data[:place] + struct.pack(order + "H", value & 65535) + data[place + 2 :]
    for _ in range(10):
        first, second, third = np.sort(random.integers(0, size, 3))
        yield data[:first] + data[second:third] + data[first:second] + data[third:]
    for magic in (PNG, b"\xff\xd8\xff\xe0", b"GIF89a", b"II*\0", b"MM\0*", b"II+\0", b"BM", b"RIFF", b"\0\0\0\x18ftypavif"):
        yield magic + data[len(magic) :]
        yield magic + data


@pytest.mark.parametrize("name", CORPUS)
def test_broken_files_are_decoded_or_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = CORPUS[name]()
    assert decode_or_refuse(data) is None
    for number, state in enumerate(broken(data, np.random.default_rng(7))):
        began = time.perf_counter()
        decode_or_refuse(with_sums(state) if name.startswith("PNG") and number % 2 else state)
        assert time.perf_counter() - began < 2
    if not name.startswith("TIFF"):  # libtiff's complaints cannot be switched off through Pillow
        assert capfd.readouterr() == ("", ""), "libraries print warnings by themselves"


@pytest.mark.parametrize("name", [name for name in CORPUS if not name.startswith("TIFF")])
def test_half_a_file_is_called_truncated(name: str) -> None:
    data = CORPUS[name]()
    assert refused(data[: len(data) // 2]) is Reason.TRUNCATED


@settings(max_examples=300, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.builds(
            lambda name, changes, mend: (with_sums if mend else bytes)(changed(CORPUS[name](), changes)),
            st.sampled_from(sorted(CORPUS)),
            st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=8)), max_size=8),
            st.booleans(),
        ),
    )
)
@example(data=b"BM")
@example(data=PNG)
@example(data=b"\xff\xd8\xff")
@example(data=b"II*\0")
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    decode_or_refuse(data)


def changed(data: bytes, changes: list[tuple[int, bytes]]) -> bytes:
    altered = bytearray(data)
    for place, content in changes:
        start = place % len(data)
        altered[start : start + len(content)] = content
    return bytes(altered)
