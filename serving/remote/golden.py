"""Pictures and broken files from code, the same everywhere: nothing has to be there to compare a service with."""

import struct
import zlib
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading import Limits

Pixels = npt.NDArray[np.uint8]

LETTERS = "AEKMRWXg&?"
FORMATS = (".jpg", ".webp", ".bmp", ".tiff", ".png")


@cache
def golden() -> dict[str, bytes]:
    """Files by a name that says what is in them: digits and others, in sizes and formats as people send them."""
    return {
        **{f"digit {digit}, as MNIST has it.png": _file(_mnist(digit)) for digit in range(10)},
        **{
            f"digit {digit}, dark on light{FORMATS[digit % 5]}": _file(_drawn(digit), FORMATS[digit % 5])
            for digit in range(10)
        },
        **{f"digit {digit}, in falling light.png": _file(_shaded(_drawn(digit, 400))) for digit in (2, 5, 8)},
        "digit 3, blue on yellow.png": _file(_coloured(_drawn(3))),
        "digit 4, on nothing.png": _file(_transparent(_drawn(4))),
        "digit 6, on its side.jpg": _turned(_file(cv2.rotate(_drawn(6), cv2.ROTATE_90_COUNTERCLOCKWISE), ".jpg")),
        "digit 9, 12 megapixels.jpg": _file(_drawn(9, 3464), ".jpg"),
        "digit 7, two greys.png": _file(_drawn(7) // 128 * 255),
        **{f"letter {letter}.png": _file(_text(letter, 200)) for letter in LETTERS},
        "word.png": _file(_text("twelve", 400)),
        "noise.png": _file(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)),
        "blank.png": _file(np.full((100, 100), 255, np.uint8)),
        "28x28 of noise.png": _file(np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)),
    }


@cache
def broken() -> dict[str, bytes]:
    """Files that are refused, each for a reason of its own."""
    seven = _file(_drawn(7))
    return {
        "empty": b"",
        "a letter": b"Dear Sir or Madam,\n",
        "a PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "cut off": seven[: len(seven) // 2],
        "damaged": seven[:50] + bytes(len(seven) - 62) + seven[-12:],
        "too many pixels": _announcing(20_000, 20_000),
        "too long": _announcing(31_000, 800),
        "too narrow": _announcing(20_000, 2),
        "too many bytes": seven + bytes(Limits().max_bytes),
    }


def _text(letters: str, side: int, thickness: int | None = None) -> Pixels:
    """(side, side) uint8: letters in the middle, dark on light."""
    canvas, font = np.full((side, side), 245, np.uint8), cv2.FONT_HERSHEY_SIMPLEX
    pen = thickness or max(2, side // 25)
    (width, height), _ = cv2.getTextSize(letters, font, 1, 1)
    scale = 0.6 * side / max(width, height)
    left, baseline = round((side - scale * width) / 2), round((side + scale * height) / 2)
    cv2.putText(canvas, letters, (left, baseline), font, scale, 30, pen, cv2.LINE_AA)
    return canvas


def _drawn(digit: int, side: int = 200) -> Pixels:
    return _text(str(digit), side)


def _mnist(digit: int) -> Pixels:
    """(28, 28) uint8, light on dark and with an empty edge, so that it is not touched by the reading."""
    small = cv2.resize(255 - _drawn(digit), (28, 28), interpolation=cv2.INTER_AREA)
    inner = np.zeros((28, 28), np.uint8)
    inner[4:24, 4:24] = np.where(small > 15, small, 0)[4:24, 4:24]
    return inner


def _shaded(picture: Pixels) -> Pixels:
    light = np.linspace(1, 0.35, picture.shape[1]) * np.linspace(1, 0.7, picture.shape[0])[:, None]
    return np.asarray((picture * light).astype(np.uint8))


def _coloured(picture: Pixels) -> Pixels:
    share = picture[..., None] / 255.0
    return np.asarray((share * np.array([60, 220, 235]) + (1 - share) * np.array([200, 60, 40])).astype(np.uint8))  # BGR


def _transparent(picture: Pixels) -> Pixels:
    return np.dstack([np.zeros((*picture.shape, 3), np.uint8), 255 - picture])


def _file(picture: cv2.typing.MatLike, ending: str = ".png") -> bytes:
    _, data = cv2.imencode(ending, picture)
    return data.tobytes()


def _turned(jpeg: bytes) -> bytes:
    """The same JPEG with an EXIF segment that says: turn by a quarter, clockwise."""
    tags = b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x112, 3, 1, 6, 0, 0)
    segment = b"Exif\0\0" + tags
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def _announcing(width: int, height: int) -> bytes:
    """A PNG of so many pixels by its header, and of hardly any bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
