"""Ink without the frame around it: the box of a form, closed or open, apart from the digit or touching it."""

import itertools
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.lines import Mask
from serving.reading.paper import corners
from serving.reading.place import Ink

LEAST_SIDE = 22
"""Pixels below which a rectangle's sides cannot be told from strokes."""
COVERED = 0.6
"""The part of a side that is drawn at least, for it to be one."""
SIDES = 3
"""A frame has at least this many."""
CORNERS = 2
"""And at least so many corners with ink in them: a round digit reaches all sides and no corner."""


NEAR = 0.4
"""As a part of the side: two strokes that meet a line no further apart belong to one that lies on it."""


class Line(NamedTuple):
    """A line along the top of a picture: rows, per column, (W,)."""

    first: npt.NDArray[np.int64]
    """Where it may begin at the earliest."""
    core: npt.NDArray[np.int64]
    """Where it ends in most columns; ink below belongs to something else."""
    last: npt.NDArray[np.int64]
    """Where it ends at the latest, with the grey of its edge."""


class Inside(NamedTuple):
    """What is inside a frame, turned upright."""

    strength: Ink
    """(h, w) uint8, the frame taken away."""
    frame: Mask
    """(h, w) uint8, 255 where it was."""
    back: npt.NDArray[np.float64]
    """(2, 3), a place in here to its place in the picture."""


def inside_frame(strength: Ink, mask: Mask) -> Inside | None:
    """The picture inside of the frame whose sides bound all ink, or None where there is none.

    strength, mask: (H, W) uint8. The smallest rectangle around all ink is a frame where at least three of its sides are
    drawn; a digit leaves corners and sides free.
    """
    if not _may_be_frame(mask):
        return None
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    centre, (width, height), angle = cv2.minAreaRect(np.concatenate(contours))
    if min(width, height) < LEAST_SIDE:
        return None
    while angle > 45 or angle <= -45:  # OpenCV may name either pair of sides the width
        width, height, angle = height, width, angle - 90 if angle > 45 else angle + 90
    size = round(width) + 3, round(height) + 3
    onto = np.asarray(cv2.getRotationMatrix2D(centre, angle, 1.0), np.float64)
    onto[:, 2] += (size[0] / 2 - centre[0], size[1] / 2 - centre[1])
    upright = np.asarray(cv2.warpAffine(mask, onto, size, flags=cv2.INTER_NEAREST), np.uint8)
    if _corners(upright) < CORNERS:
        return None
    lines = [_line(side) for side in _sides(upright)]
    if sum(line is not None for line in lines) < SIDES:
        return None
    inner = np.asarray(cv2.warpAffine(strength, onto, size, flags=cv2.INTER_LINEAR), np.uint8)
    frame = np.zeros_like(upright)
    for place, line in enumerate(lines):
        if line:
            bare = _without_others(upright, lines, place)
            _take(line, _sides(inner)[place], _sides(frame)[place], _sides(bare)[place])
    return Inside(inner, frame, np.asarray(cv2.invertAffineTransform(onto), np.float64))


def _without_others(mask: Mask, lines: list[Line | None], place: int) -> Mask:
    """The ink without the lines along the other sides, which run on below this one at its ends."""
    bare = mask.copy()
    for other, (side, line) in enumerate(zip(_sides(bare), lines, strict=True)):
        if line and other != place:
            side[: int(np.median(line.last))] = 0
    return bare


def _may_be_frame(mask: Mask) -> bool:
    """Whether what bounds all ink is large enough and hollow; asked first, as it is quick."""
    _, _, width, height = cv2.boundingRect(mask)
    return min(width, height) >= LEAST_SIDE and cv2.countNonZero(mask) < 0.6 * width * height


def _take(line: Line, strength: Ink, frame: Mask, bare: Mask) -> None:
    """Take a line along the top away from the strength, and mark it; not where the digit lies on it, or is darker.

    strength, frame: (H, W) uint8, changed. bare: (H, W) uint8, the ink without the other lines.
    """
    rows, columns = np.arange(int(line.last.max()))[:, np.newaxis], np.arange(bare.shape[1])
    below = np.minimum(line.core, len(bare) - 2)
    crossed = _crossed((bare[below, columns] > 0) & (bare[below + 1, columns] > 0))
    band = (rows >= line.first) & (rows < line.last) & ~crossed
    top = strength[: len(rows)]
    level = float(np.median(np.where(band, top, 0).max(0)[~crossed])) if not crossed.all() else 255.0
    top[band] = np.clip(top[band] - 1.2 * level, 0, 255)
    frame[: len(rows)][band] = 255


def _crossed(touched: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where along a line the digit lies on it: where a stroke goes on inside, and between two such places that are near."""
    places = np.flatnonzero(touched)
    for one, other in itertools.pairwise(places):
        if other - one <= NEAR * len(touched):
            touched[one:other] = True
    return touched


def _sides(picture: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], ...]:
    """Four views of a picture, each with another of its sides at the top."""
    return picture, picture[::-1], picture.T, picture.T[::-1]


def _corners(mask: Mask) -> int:
    """How many corners of a mask have ink in them."""
    return sum(bool(corner.any()) for corner in corners(mask, 10))


def _line(mask: Mask) -> Line | None:
    """The line along the top, or None where there is none. It may lean, as far as a line through its thirds does."""
    reach = max(5, len(mask) // 5)
    ink = mask[:reach] > 0
    drawn = np.asarray(ink.any(0))
    places = np.flatnonzero(drawn)
    if len(places) < COVERED * len(drawn):
        return None
    outer = ink.argmax(0)
    third = max(1, len(places) // 3)
    left, right = places[:third], places[-third:]
    rise = (np.median(outer[right]) - np.median(outer[left])) / max(1.0, float(np.median(right) - np.median(left)))
    level = outer - rise * np.arange(len(outer))
    level = np.median(level[drawn]) + rise * np.arange(len(outer))
    near = max(1.5, 0.02 * len(mask))
    straight = drawn & (np.abs(outer - level) <= near)
    if straight.mean() < COVERED:
        return None
    thickness = int(np.median(ink[:, straight].sum(0)))  # of most columns: a stroke that runs along the line is thicker
    if thickness >= reach - 1:
        return None
    first = np.maximum(np.floor(level - near), 0).astype(np.int64)
    core = np.maximum(np.ceil(level).astype(np.int64) + thickness, first + 1)
    return Line(first, core, core + 2)
