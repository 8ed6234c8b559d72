"""Every form of a PNG, and every way that a picture may lie, is read alike at the service and in the browser."""

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from agreeing import asked
from PIL import Image
from visiting import Visit

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("runtime")]

FORMS = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (3, 1),
    (3, 2),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (6, 8),
    (6, 16),
]
"""Colour types with their depths (PNG, 11.2.2)."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def written(values: npt.NDArray[np.int64], colour: int, depth: int, *, interlaced: bool, extras: bytes = b"") -> bytes:
    """A PNG of (H, W, channels) numbers, its rows filtered in every way by turns."""
    height, width, channels = values.shape
    packed = b""
    for left, top, across, down in PASSES if interlaced else [(0, 0, 1, 1)]:
        rows = [_row(row, depth) for row in values[top::down, left::across] if row.size]
        packed += _filtered(rows, max(1, channels * depth // 8))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extras + chunk(b"IDAT", zlib.compress(packed)) + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _row(values: npt.NDArray[np.int64], depth: int) -> bytes:
    bits = (values.ravel()[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8)).tobytes()


def _filtered(rows: list[bytes], step: int) -> bytes:
    """Each row by the next of the five filters (PNG, 9.2)."""
    told, above = b"", bytes(len(rows[0])) if rows else b""
    for number, row in enumerate(rows):
        left, corner = bytes(step) + row[:-step], bytes(step) + above[:-step]
        guesses = [
            bytes(len(row)), left[: len(row)], above, bytes((a + b) // 2 for a, b in zip(left, above, strict=False)),
            bytes(_likeliest(*three) for three in zip(left, above, corner, strict=False)),
        ]  # fmt: skip
        kind = number % 5
        told += bytes([kind, *((one - other) % 256 for one, other in zip(row, guesses[kind], strict=True))])
        above = row
    return told


def _likeliest(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((abs(guess - left), 0, left), (abs(guess - above), 1, above), (abs(guess - corner), 2, corner))[2]


def forms(seven: npt.NDArray[np.int64]) -> Iterator[tuple[str, bytes]]:
    """Names and PNGs. seven: (H, W) from 0 to 255, ink on paper of 0."""
    for (colour, depth), interlaced in product(FORMS, (False, True)):
        full, channels = 2**depth - 1, CHANNELS[colour]
        grey = seven * full // 255
        values = np.repeat(grey[..., None], channels, axis=2)
        values[..., 0] = full - values[..., 0] // 2  # of no palette and no grey that is alone
        if channels in {2, 4}:
            values[..., -1] = full - grey // 3
        extras = [b""]
        if colour == 3:
            palette = np.stack([np.arange(full + 1) * 255 // full] * 3, axis=1)
            palette[:, 2] = 255 - palette[:, 2] // 3
            named = chunk(b"PLTE", palette.astype(np.uint8).tobytes())
            extras = [named, named + chunk(b"tRNS", bytes(range(0, 2 ** min(depth, 4), 1)))]
        elif colour == 2 and depth == 8:
            extras.append(chunk(b"tRNS", struct.pack(">3H", *values[0, 0].tolist())))
        for extra in extras:
            yield (
                f"{colour} {depth} {interlaced} {len(extra)}",
                written(values, colour, depth, interlaced=interlaced, extras=extra),
            )


@pytest.fixture(scope="module")
def seven(digits: list[bytes]) -> npt.NDArray[np.uint8]:
    """(90, 70), a digit that is off the middle of its paper, on paper with some noise."""
    ink = np.asarray(Image.open(io.BytesIO(digits[7])).resize((56, 56)))
    noise = np.random.default_rng(0).integers(0, 9, (90, 70), np.uint8)
    return np.maximum(np.pad(ink, ((4, 30), (10, 4))), noise)


def test_every_form_of_a_png_is_read_alike(desk: Visit, seven: npt.NDArray[np.uint8]) -> None:
    pairs = asked(desk.page, forms(seven.astype(np.int64)))
    assert len(pairs) > 2 * len(FORMS)
    assert [pair.kind for pair in pairs if not (pair.saw_the_same and pair.is_same)] == []
    assert {pair.service["status"] for pair in pairs} & {"digit", "unsure"}


def test_large_and_clear_pictures_are_made_smaller_alike(desk: Visit, seven: npt.NDArray[np.uint8]) -> None:
    large = np.asarray(Image.fromarray(seven).resize((1111, 1428)))
    drawings = {
        "L": large,
        "RGB": np.stack([large, large // 2, 255 - large], axis=2),
        "LA": np.stack([255 - large, large], axis=2),
        "RGBA": np.stack([large // 3, large // 2, large, large], axis=2),
    }
    files = {mode: io.BytesIO() for mode in drawings}
    for mode, pixels in drawings.items():
        Image.fromarray(pixels).save(files[mode], "PNG")
    pairs = asked(desk.page, ((mode, file.getvalue()) for mode, file in files.items()))
    assert [pair.kind for pair in pairs if not (pair.saw_the_same and pair.is_same)] == []


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pictures_are_turned_alike(desk: Visit, seven: npt.NDArray[np.uint8], form: str) -> None:
    turned = []
    for orientation in range(1, 9):
        exif, file = Image.Exif(), io.BytesIO()
        exif[0x0112] = orientation
        Image.fromarray(255 - seven).save(file, form, exif=exif, quality=95)
        turned.append((str(orientation), file.getvalue()))
    pairs = asked(desk.page, turned)
    assert [pair.kind for pair in pairs if not (pair.saw_the_same and pair.is_same)] == []
    assert len({pair.browser["seen"] for pair in pairs}) == 8
