"""Thirty kinds of files that are no pictures of a digit, made from one that is, and why each is refused."""

import base64
import gzip
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Make = Callable[[bytes], bytes]
"""Of a digit's PNG file."""
PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def announcing(width: int, height: int, colour: int = 0, *before: bytes) -> bytes:
    """A PNG that announces so many pixels and has few. before: chunks before the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return PNG + header + b"".join(before) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def saved(data: bytes, form: str) -> bytes:
    """The same picture in another format, larger, so that it has some bytes."""
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").resize((140, 140)).save(file, form)
    return file.getvalue()


def cut(form: str, kept: float) -> Make:
    def make(data: bytes) -> bytes:
        whole = saved(data, form)
        return whole[: int(len(whole) * kept)]

    return make


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("digit.png", data)
    return file.getvalue()


def with_byte(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]


BYTES: dict[str, tuple[str, Make]] = {
    "empty": ("empty", lambda _: b""),
    "text": ("not_an_image", lambda _: b"Dear Sir or Madam,\n"),
    "zeros": ("not_an_image", lambda data: bytes(len(data))),
    "noise": ("not_an_image", lambda data: zlib.compress(data)[2:]),
    "base64": ("not_an_image", base64.b64encode),
    "html": ("not_an_image", lambda _: b"<!doctype html><title>404</title>"),
    "zip": ("not_an_image", zipped),
    "gzip": ("not_an_image", gzip.compress),
    "wrong-magic": ("not_an_image", lambda data: b"\x88" + data[1:]),
    "pdf": ("unsupported_format", lambda _: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
    "svg": ("unsupported_format", lambda _: b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "heic": ("unsupported_format", lambda _: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)),
    "photoshop": ("unsupported_format", lambda _: b"8BPS\0\1" + bytes(100)),
    "png-cut-in-its-header": ("truncated", lambda data: data[:20]),
    "png-cut-amid": ("truncated", lambda data: data[: len(data) // 2]),
    "jpeg-cut": ("truncated", cut("JPEG", 0.1)),
    "gif-cut": ("truncated", cut("GIF", 0.1)),
    "webp-cut": ("truncated", cut("WEBP", 0.5)),
    "bmp-cut": ("truncated", cut("BMP", 0.5)),
    "tiff-cut": ("truncated", cut("TIFF", 0.5)),
    "wrong-checksum-of-pixels": ("damaged", lambda data: with_byte(data, len(data) - 14)),
    "no-width": ("damaged", lambda _: announcing(0, 28)),
    "huge": ("too_many_pixels", lambda _: announcing(60_000, 60_000)),
    "long": ("too_long", lambda _: announcing(40_000, 500)),
    "narrow": ("too_narrow", lambda _: announcing(28, 4000)),
    "animated": ("too_many_frames", lambda _: announcing(28, 28, 0, chunk(b"acTL", struct.pack(">II", 2000, 0)))),
}
"""By name: the reason, and how one is made."""


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(17 * 2**20)


NODES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "fat": ("too_many_bytes", _sparse),
    "pipe": ("unreadable", os.mkfifo),
    "dangling-link": ("unreadable", lambda path: path.symlink_to("nowhere")),
    "link-to-itself": ("unreadable", lambda path: path.symlink_to(path.name)),
}
"""By name: the reason, and how one is made at a path."""

REASONS = {name: reason for kinds in (BYTES, NODES) for name, (reason, _) in kinds.items()}


def write_broken(path: Path, kind: str, digit: bytes) -> None:
    """Write one of a kind."""
    if kind in BYTES:
        path.write_bytes(BYTES[kind][1](digit))
    else:
        NODES[kind][1](path)
