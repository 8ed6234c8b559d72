"""What a picture's header says, before anything is decoded.

Decoders believe a header more than they should: metadata that overlaps, a million empty segments or scans, texts that
unpack to gigabytes. What is walked here is walked once, with a bound on its steps, and only what makes up the picture is
handed on. A walk raises ValueError, IndexError or struct.error where the bytes are not what their format says.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from serving.reading.formats import PNG_MAGIC, TIFF_MAGIC

EXIF_START = b"Exif\0\0"
XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')
ORIENTATION_TAG = 0x0112
SHORT = 3


def orientation_in(exif: bytes, xmp: bytes = b"") -> int:
    """The orientation, 1 to 8, that EXIF or, where that has none, XMP tells; 1 where they are absent or damaged.

    Nothing else of the EXIF is looked at: its other tags may each claim to be as long as the whole.
    """
    start = len(EXIF_START) if exif.startswith(EXIF_START) else 0
    try:
        found = _orientation_in_tiff(exif[start:])
    except struct.error:
        found = 0
    if not 1 <= found <= 8:
        told = XMP_ORIENTATION.search(xmp)
        found = int(told[1]) if told else 1
    return found


def _orientation_in_tiff(data: bytes) -> int:
    """The orientation tag of the first directory of EXIF; 0 where it has none."""
    if data[:4] not in TIFF_MAGIC[:2]:
        return 0
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    for entry in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", data, entry)
        if tag == ORIENTATION_TAG and kind == SHORT:
            return int(value)
    return 0


# PNG

PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
MOST_CHUNKS = 20_000
"""Chunks of a PNG that are looked at; encoders make them of 8 KiB or more, so that a picture has a few thousand."""
MOST_PROFILE = 2**17
"""Bytes that EXIF packed into a text of a PNG may unpack to; EXIF proper ends at 64 KiB."""


class Png(NamedTuple):
    """The parts of a PNG that make up the picture."""

    width: int
    height: int
    depth: int
    colour: int
    """0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha"""
    is_interlaced: bool
    frames: int
    orientation: int
    packed: bytes
    """The pixels as they are packed."""
    extras: bytes
    """The chunks of palette and transparency, as they lie in the file."""

    def bare(self) -> bytes:
        """The same picture as a PNG without animation, texts, profiles and whatever else it carried."""
        header = struct.pack(">IIBBBBB", *self[:4], 0, 0, self.is_interlaced)
        return PNG_MAGIC + _chunk(b"IHDR", header) + self.extras + _chunk(b"IDAT", self.packed) + PNG_END


def read_png(data: bytes) -> Png:
    """Walk a PNG's chunks and check each one's sum; one without its end is walked as far as it goes."""
    chunks = _chunks(data)
    if next(chunks, None) != (b"IHDR", 16, 29):
        raise ValueError("no header")
    width, height, depth, colour, packing, filtering, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if packing or filtering or interlaced > 1:
        raise ValueError("unknown packing")
    packed: list[bytes] = []
    extras: list[bytes] = []
    metadata: dict[bytes, bytes] = {}
    for kind, start, end in chunks:
        if kind == b"IDAT":
            packed.append(data[start:end])
        elif kind in {b"PLTE", b"tRNS"}:
            extras.append(data[start - 8 : end + 4])
        elif kind in {b"eXIf", b"iTXt", b"zTXt", b"tEXt", b"acTL"}:
            _keep_metadata(metadata, kind, data[start:end])
    frames = _u32(metadata[b"acTL"], 0) if b"acTL" in metadata else 1
    orientation = orientation_in(metadata.get(b"exif", b""), metadata.get(b"xmp", b"")) if metadata else 1
    pixels = packed[0] if len(packed) == 1 else b"".join(packed)
    return Png(width, height, depth, colour, bool(interlaced), frames, orientation, pixels, b"".join(extras))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG, as (kind, where the content starts, where it ends), up to its end or where it is cut."""
    view = memoryview(data)
    at = len(PNG_MAGIC)
    for _ in range(MOST_CHUNKS):
        kind, end = data[at + 4 : at + 8], at + 8 + _u32(data, at)
        if kind == b"IEND" or len(kind) < 4:
            return
        if end + 4 <= len(data) and zlib.crc32(view[at + 4 : end]) != _u32(data, end):
            raise ValueError("a chunk's sum is wrong")
        yield kind, at + 8, end
        at = end + 4
    raise ValueError("too many chunks")


def grey_png(data: bytes) -> tuple[int, int, bytes] | None:
    """(width, height, the pixels as packed) of a PNG that is no more than eight-bit grey in one piece; None of others.

    What `read_png` says of it too, for a third of the time.
    """
    if data[24:29] != b"\x08\0\0\0\0" or data[8:16] != b"\0\0\0\x0dIHDR" or data[37:41] != b"IDAT":
        return None
    end = len(data) - len(PNG_END)
    if _u32(data, 33) != end - 45 or not data.endswith(PNG_END):
        return None
    if zlib.crc32(data[12:29]) != _u32(data, 29) or zlib.crc32(data[37 : end - 4]) != _u32(data, end - 4):
        return None
    return _u32(data, 16), _u32(data, 20), data[41 : end - 4]


def _keep_metadata(metadata: dict[bytes, bytes], kind: bytes, content: bytes) -> None:
    """Keep the first EXIF, XMP and count of frames of a PNG; EXIF may hide, packed and in hexadecimal digits, in a text."""
    if kind == b"acTL":
        metadata.setdefault(b"acTL", content.ljust(4, b"\0"))
    elif kind == b"eXIf":
        metadata.setdefault(b"exif", content)
    elif content.startswith(b"XML:com.adobe.xmp\0\0"):
        metadata.setdefault(b"xmp", content)
    elif content.startswith(b"Raw profile type exif\0") and b"exif" not in metadata:
        text = content[22:]
        try:
            if kind == b"zTXt":
                text = zlib.decompressobj().decompress(text[1:], MOST_PROFILE)
            metadata[b"exif"] = bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
        except (zlib.error, ValueError):  # damaged EXIF beside good pixels: the picture as it lies is better than none
            return


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


# JPEG

MOST_SEGMENTS = 4096
"""Segments of a JPEG before its pixels; a profile may take 255, and nothing else takes as many."""
MOST_SCANS = 32
"""Scans of a progressive JPEG; ten are usual. Each, however short, is a walk over the picture: 10 ms at 25 megapixels."""
FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
SCAN, END = 0xDA, 0xD9
NEXT_MARKER = re.compile(rb"\xff+([^\x00\xff])")
MARKER_AFTER_SCAN = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
XMP_START = b"http://ns.adobe.com/xap/1.0/\0"


class Jpeg(NamedTuple):
    """What the header of a JPEG says."""

    width: int
    height: int
    planes: int
    orientation: int


def read_jpeg(data: bytes) -> Jpeg:
    """Walk a JPEG's segments up to its pixels."""
    exif = xmp = b""
    height = width = planes = 0
    pixels = len(data)
    for marker, start, end in _segments(data):
        if marker == 0xE1:
            content = data[start:end]
            exif = exif or (content if content.startswith(EXIF_START) else b"")
            xmp = xmp or (content if content.startswith(XMP_START) else b"")
        elif marker in FRAME_MARKERS:
            depth, height, width, planes = struct.unpack_from(">BHHB", data, start)
            if depth != 8:
                raise ValueError("only eight bits a sample are read")
        pixels = end
    if data.count(b"\xff\xda", pixels) >= MOST_SCANS and _scans(data, pixels) > MOST_SCANS:
        raise ValueError("too many scans")
    return Jpeg(width, height, planes, orientation_in(exif, xmp) if exif or xmp else 1)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The segments of a JPEG, as (marker, where the content starts, where it ends), up to its first scan's included."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        marker, at = _next_marker(data, at, NEXT_MARKER)
        if marker == END:
            raise ValueError("no pixels")
        if marker in BARE_MARKERS:
            continue
        start, at = at + 2, at + int.from_bytes(data[at : at + 2], "big")
        yield marker, start, at
        if marker == SCAN:
            return
    raise ValueError("too many segments")


def _scans(data: bytes, at: int) -> int:
    """Count the scans of a JPEG from inside its first one on, hardly beyond MOST_SCANS."""
    scans = 1
    for _ in range(MOST_SEGMENTS):
        marker, at = _next_marker(data, at, MARKER_AFTER_SCAN)
        scans += marker == SCAN
        if marker == END or scans > MOST_SCANS:
            return scans
        at += int.from_bytes(data[at : at + 2], "big")
    return MOST_SCANS + 1


def _next_marker(data: bytes, at: int, pattern: re.Pattern[bytes]) -> tuple[int, int]:
    """The next marker from `at` on, and where it ends; what lies between is skipped, as libjpeg does. END where none is."""
    found = pattern.search(data, at)
    return (found[1][0], found.end()) if found else (END, len(data))


# WebP, BMP, GIF, TIFF


def webp_size(data: bytes) -> tuple[int, int]:
    """The (width, height) of a WebP's canvas, which its decoder makes room for before it tells the size."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def is_packed_bmp(data: bytes) -> bool:
    """Whether a BMP's pixels are run-length encoded."""
    return data[14:18] > b"\x0c\0\0\0" and data[30:34] in {b"\1\0\0\0", b"\2\0\0\0"}


MOST_BLOCKS = 20_000
"""Blocks of comments and the like before a GIF's first frame; each holds up to 255 bytes."""


def check_gif(data: bytes) -> None:
    """Walk a GIF up to its first frame, as its decoder will, block by block and slowly."""
    at = 13 + _gif_palette(data[10])
    blocks = 0
    while data[at] == 0x21:  # an extension
        at += 2
        while data[at]:
            at += 1 + data[at]
            blocks += 1
            if blocks > MOST_BLOCKS:
                raise ValueError("too many blocks")
        at += 1


def _gif_palette(flags: int) -> int:
    """The bytes that a palette takes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
BYTE_TYPES = {1, 2, 7}
MOST_NUMBERS = 2**17
"""Numbers in one tag of a TIFF, each of which becomes an object: 25 megapixels in tiles of 16x16 have 98 thousand."""


def read_tiff(data: bytes) -> int:
    """Check that the tags of a TIFF's first directory together are no longer than the file; the orientation, 0 for none."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = b"+" in data[2:4]
    entry, inline, head = ("HHQ8s", 8, "Q") if is_big else ("HHI4s", 4, "H")
    size = struct.calcsize("=" + entry)
    (start,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    (count,) = struct.unpack_from(order + head, data, start)
    first = start + struct.calcsize("=" + head)
    if count * size > len(data) - first:
        raise ValueError("more tags than the file is long")
    total, orientation = 0, 0
    for at in range(first, first + count * size, size):
        tag, kind, length, value = struct.unpack_from(order + entry, data, at)
        taken = length * TIFF_SIZES.get(kind, 0)
        total += taken if taken > inline else 0
        if total > len(data) or (length > MOST_NUMBERS and kind not in BYTE_TYPES and taken):
            raise ValueError("tags that are longer than the file")
        if tag == ORIENTATION_TAG and kind == SHORT:
            (orientation,) = struct.unpack_from(order + "H", value)
    return orientation
