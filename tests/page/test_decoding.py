"""Every form of a PNG, and every way that a picture may lie, is read alike at the service and in the browser."""

import base64
import io
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from agreeing import asked
from PIL import Image
from playwright.sync_api import Route
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


def jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(255 - pixels).save(file, "JPEG", quality=95)
    return file.getvalue()


def test_what_follows_the_end_of_a_jpeg_is_nothing_to_it(desk: Visit, seven: npt.NDArray[np.uint8]) -> None:
    whole = jpeg(seven)
    trailers = {
        "none": b"",
        "padding": bytes(4096),
        "a phone's notes": b"\0\0\x01\x0aImage_UTC_Data1732579200000SEFHk\0\0\0\x01\0\0\0" + bytes(24) + b"\x24\0\0\0SEFT",
        "a film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(9000),
    }
    pairs = asked(desk.page, ((kind, whole + trailer) for kind, trailer in trailers.items()))
    assert [pair.kind for pair in pairs if not pair.is_same or pair.browser["status"] == "rejected"] == []
    assert len({pair.browser["seen"] for pair in pairs}) == 1
    cut = asked(desk.page, [("cut, then padded", whole[: len(whole) // 2] + bytes(64)), ("whole", whole)])
    assert [pair.browser["reason"] for pair in cut] == ["truncated", None]
    assert cut[0].is_same


def xmp(orientation: int) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()


def segment(content: bytes) -> bytes:
    """Metadata of a JPEG."""
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def odd_headers(seven: npt.NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    """Names and files whose headers say a thing twice, or not in full."""
    texts = [chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(orientation)) for orientation in (6, 3)]
    named = [segment(b"http://ns.adobe.com/xap/1.0/\0" + xmp(orientation)) for orientation in (6, 3)]
    frames = [chunk(b"acTL", struct.pack(">II", count, 0)) for count in (5000, 2)]
    turned = Image.Exif()
    turned[0x0112] = 8
    extras = {
        "XMP twice": b"".join(texts),
        "empty EXIF, then some": chunk(b"eXIf", b"") + chunk(b"eXIf", turned.tobytes()) + texts[0],
        "many frames, then few": frames[0] + frames[1],
        "few frames, then many": frames[1] + frames[0],
        "no count of frames": chunk(b"acTL", b""),
        "half a colour": chunk(b"tRNS", b"\0"),
    }
    for name, extra in extras.items():
        yield name, written(seven.astype(np.int64)[..., None], 0, 8, interlaced=False, extras=extra)
    whole = jpeg(seven)
    yield "XMP twice in a JPEG", whole[:2] + named[0] + named[1] + whole[2:]
    yield "JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100)
    yield "a header alone", written(seven.astype(np.int64)[..., None], 0, 8, interlaced=False)[:27]
    yield "a frame of a JPEG cut amid", whole[: whole.index(b"\xff\xc0") + 6]


def test_odd_headers_are_read_alike(desk: Visit, seven: npt.NDArray[np.uint8]) -> None:
    pairs = asked(desk.page, odd_headers(seven))
    assert [(pair.kind, pair.service, pair.browser) for pair in pairs if not pair.is_same] == []
    assert [pair.kind for pair in pairs if pair.browser.get("seen") and not pair.saw_the_same] == []
    assert len({pair.browser["seen"] for pair in pairs if "XMP" in pair.kind}) == 2, "of a PNG and of a JPEG"
    reasons = {pair.browser["reason"] for pair in pairs}
    assert reasons == {None, "too_many_frames", "damaged", "truncated", "unsupported_format"}


READ = """async ([data, without]) => {
    const { decode } = await import("/page/reading/decode.js");
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const limits = { max_bytes: 1e6, max_pixels: 1e6, max_side: 1e4, max_aspect: 100, max_frames: 10 };
    if (without === "decoder") window.createImageBitmap = async () => { throw new DOMException("no", "InvalidStateError"); };
    else window.OffscreenCanvas = class { constructor() { throw new RangeError("no room"); } };
    return decode(bytes, limits).then(() => "read", ({ reason, message }) => [reason ?? null, message]);
}"""


@pytest.mark.parametrize(
    ("form", "without", "told"),
    [
        ("AVIF", "decoder", ["unsupported_format", "This browser does not read this AVIF; the service may."]),
        ("WEBP", "decoder", ["damaged", "The picture is damaged and cannot be decoded."]),
        ("WEBP", "room", [None, "no room"]),
    ],
)
def test_what_a_browser_lacks_is_not_called_a_damaged_picture(
    visit: Callable[..., Visit], seven: npt.NDArray[np.uint8], form: str, without: str, told: list[str | None]
) -> None:
    file = io.BytesIO()
    Image.fromarray(seven).save(file, form)
    assert visit().page.evaluate(READ, [base64.b64encode(file.getvalue()).decode(), without]) == told


def test_what_the_browser_cannot_hold_is_told_of_that_picture_alone(
    visit: Callable[..., Visit], seven: npt.NDArray[np.uint8]
) -> None:
    def without_room(route: Route) -> None:
        """Its canvases have none."""
        sent = route.fetch()
        route.fulfill(response=sent, body=sent.text() + "\nOffscreenCanvas.prototype.getContext = () => null;\n")

    one = visit(before=lambda page: page.route("**/page/local/worker.js", without_room))
    pairs = asked(one.page, [("JPEG", jpeg(seven)), ("text", b"Dear Sir or Madam")])
    assert [pair.browser["reason"] for pair in pairs] == ["unreadable", "not_an_image"]
    assert pairs[0].browser["message"] == "This browser cannot read it; the service may."
    assert one.complaints, "the console has what it was"
    one.complaints.clear()
