"""Which format a file's bytes announce, and whether they lack its end."""

from collections.abc import Callable
from enum import StrEnum


class Format(StrEnum):
    """The formats that are read."""

    PNG = "PNG"
    JPEG = "JPEG"
    WEBP = "WebP"
    AVIF = "AVIF"
    BMP = "BMP"
    GIF = "GIF"
    TIFF = "TIFF"


PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # a star, 42, for the common kind, a plus, 43, for the big one
MAGIC = (
    (PNG_MAGIC, Format.PNG), (b"\xff\xd8\xff", Format.JPEG), (b"GIF87a", Format.GIF), (b"GIF89a", Format.GIF),
    *((magic, Format.TIFF) for magic in TIFF_MAGIC), (b"BM", Format.BMP),
)  # fmt: skip
# What the first bytes of formats that people do send, and that are not read, look like.
UNSUPPORTED = (
    b"%pdf", b"8bps", b"<svg", b"<?xml", b"\x00\x00\x01\x00", b"p1", b"p2", b"p3", b"p4", b"p5", b"p6", b"%!ps",
    b"\x00\x00\x00\x0cjp", b"\xff\x0a", b"\x00\x00\x00\x0cjxl", b"qoif", b"\x76\x2f\x31\x01",
)  # fmt: skip
ISO_MEDIA = b"ftyp"  # at byte 4: AVIF, HEIC, and films


def format_of(data: bytes) -> Format | None:
    """The format that the first bytes announce."""
    for magic, found in MAGIC:
        if data.startswith(magic):
            return found
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data[4:8] == ISO_MEDIA:
        size = min(int.from_bytes(data[:4], "big"), 256)
        brands = {data[start : start + 4] for start in (8, *range(16, size, 4))}
        return Format.AVIF if brands & {b"avif", b"avis"} else None
    return None


def is_unsupported(data: bytes) -> bool:
    """Whether bytes of no format that is read are of one that people do send."""
    return data[4:8] == ISO_MEDIA or data.lstrip()[:16].lower().startswith(UNSUPPORTED)


def is_cut(data: bytes) -> bool:
    """Whether a file that could not be decoded lacks the mark or the length that its format ends with."""
    for magic, lacks_its_end in ENDS:
        if data.startswith(magic):
            return lacks_its_end(data)
    return data[4:8] == ISO_MEDIA and _boxes_end(data) > len(data)


ENDS: tuple[tuple[bytes | tuple[bytes, ...], Callable[[bytes], bool]], ...] = (
    (b"\x89PNG", lambda data: b"IEND" not in data[-16:]),
    (b"\xff\xd8", lambda data: b"\xff\xd9" not in data[-16:]),
    (b"GIF8", lambda data: not data.endswith(b"\x3b")),
    (b"RIFF", lambda data: len(data) < 8 + int.from_bytes(data[4:8], "little")),
    (b"BM", lambda data: len(data) < int.from_bytes(data[2:6], "little")),
    (TIFF_MAGIC, lambda _: True),  # a TIFF has no end to look for; offsets beyond it are what fails
)


def _boxes_end(data: bytes) -> int:
    """Where the last box of an ISO media file, itself perhaps cut, says that it ends."""
    end = 0
    for _ in range(64):
        if end + 8 > len(data):
            break
        size = int.from_bytes(data[end : end + 4], "big")
        if size < 8:  # 0: to the end of the file; 1: longer than any of ours
            break
        end += size
    return end
