"""PNG whose rows are all filtered alike, unpacked without a decoder.

OpenCV and browsers write such files. A decoder undoes the difference from the left from pixel to pixel, which takes most of
its time; for a whole picture at once it takes a tenth.
"""

import zlib

import cv2
import numpy as np

from serving.reading.eightbit import Pixels

MOST_BYTES = 2**22
"""Of the unpacked rows: what is larger is not kept in memory beside its picture."""
WELL_PACKED = b"\x80"
"""From this second byte on a stream says that its writer took its time, for the filters of each row as a rule."""
WELL_SHRUNK = 8
"""Colour is unpacked here where it shrank by this factor: Pillow unpacks what shrank less, photos, in less time."""
FEW = 1024
"""Up to so many values a plain sum of them is faster."""
CACHED = 2**16
"""So many sums at a time stay in the cache."""


def evenly_filtered(packed: bytes, size: tuple[int, int], channels: int) -> Pixels | None:
    """The pixels of a PNG of eight bits whose rows are filtered alike; None of others, and of broken ones.

    packed: as they are packed. size: width and height. Returns (H, W), or (H, W, 2) grey and alpha, (H, W, 3) RGB, (H, W, 4)
    RGB and alpha; what is grey and opaque is (H, W) always.
    """
    width, height = size
    length = 1 + width * channels
    if length * height > MOST_BYTES or packed[1:2] >= WELL_PACKED:
        return None
    if channels > 1 and WELL_SHRUNK * len(packed) > length * height:
        return None
    try:
        rows = unpacked(packed, length * height)
    except zlib.error:
        return None
    if rows is None or rows[0] > 2 or rows[::length].count(rows[0]) != height:
        return None
    values = np.frombuffer(rows, np.uint8).reshape(height, length)[:, 1:]
    if channels > 1:
        values = _without_needless_channels(values.reshape(height, width, channels), rows[0])
    return unfiltered(values, rows[0])


def unpacked(packed: bytes, size: int) -> bytes | None:
    """What a stream unpacks to, where that is as many bytes as it should be and the stream ends there. Raises zlib.error."""
    unpacking = zlib.decompressobj()
    rows = unpacking.decompress(packed, size + 1)
    return rows if len(rows) == size and unpacking.eof and not unpacking.unused_data else None


def unfiltered(values: Pixels, kind: int) -> Pixels:
    """(H, W) or (H, W, channels) rows, all of filter 0, none, 1, the difference from the left, or 2, that from above.

    Sums of bytes wrap.
    """
    if kind == 0:
        return values.copy()
    if kind == 2 or values.size < FEW:
        return np.add.accumulate(values, axis=2 - kind, dtype=np.uint8)
    pixels = np.empty(values.shape, np.uint8)
    step = max(1, CACHED // values[0].size)
    for first in range(0, len(values), step):
        # A row's sums over all that is above and to the left, less those of the row before it.
        sums = cv2.integral(values[first : first + step])[:, 1:].astype(np.uint8)
        np.subtract(sums[1:], sums[:-1], out=pixels[first : first + step])
    return pixels


def _without_needless_channels(values: Pixels, kind: int) -> Pixels:
    """Filtered (H, W, channels) as (H, W) of one of them where all colours are the same and nothing is transparent."""
    height, width, channels = values.shape
    one = np.asarray(cv2.extractChannel(values, 0), np.uint8)
    planes = [one] * channels
    if channels % 2 == 0:
        opaque = np.zeros((height, width), np.uint8)
        opaque[(np.s_[:], np.s_[:, 0], np.s_[0])[kind]] = 255
        planes[-1] = opaque
    return one if cv2.norm(values, cv2.merge(planes), cv2.NORM_INF) == 0 else values
