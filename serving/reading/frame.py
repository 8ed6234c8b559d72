"""Ink without the frame around it: the box of a form, closed or open, apart from the digit or touching it."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

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
CORNER = 10
"""A corner is one such part of the sides."""


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


class Framed(NamedTuple):
    """All ink in the smallest rectangle around it, turned upright, and the lines along its sides."""

    mask: Mask
    """(h, w) uint8, what is in the rectangle, with a pixel or two around it."""
    onto: npt.NDArray[np.float64]
    """(2, 3), a place in the picture to its place in here."""
    lines: list[Line | None]
    """Along the top, the bottom, the left and the right."""


def has_frame(mask: Mask, corner: tuple[int, int]) -> bool:
    """Whether there is a frame that `inside_frame` would take away.

    mask: (H, W) uint8, the part of a picture where its ink is. corner: where that part lies, left and top.
    """
    return _framed(mask, corner) is not None


def inside_frame(strength: Ink, mask: Mask) -> Inside | None:
    """The picture inside of the frame whose sides bound all ink, or None where there is none.

    strength, mask: (H, W) uint8. The smallest rectangle around all ink is a frame where at least three of its sides are
    drawn; a digit leaves corners and sides free.
    """
    found = _framed(mask, (0, 0))
    if found is None:
        return None
    upright, onto, lines = found
    height, width = upright.shape
    inner = np.asarray(cv2.warpAffine(strength, onto, (width, height), flags=cv2.INTER_LINEAR), np.uint8)
    frame = np.zeros_like(upright)
    for place, line in enumerate(lines):
        if line:
            bare = _without_others(upright, lines, place)
            _take(line, _sides(inner)[place], _sides(frame)[place], _sides(bare)[place])
    return Inside(inner, frame, np.asarray(cv2.invertAffineTransform(onto), np.float64))


def _framed(mask: Mask, corner: tuple[int, int]) -> Framed | None:
    """The frame around all ink, if it has one: what most ink lacks, and is quick to tell, is asked first."""
    if not _is_large_and_hollow(mask):
        return None
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=corner)
    hull = cv2.convexHull(contours[0] if len(contours) == 1 else np.concatenate(contours))
    centre, (width, height), angle = cv2.minAreaRect(hull)
    if min(width, height) < LEAST_SIDE or _reached_corners(hull, centre, (width, height), angle) < CORNERS:
        return None
    while angle > 45 or angle <= -45:  # OpenCV may name either pair of sides the width
        width, height, angle = height, width, angle - 90 if angle > 45 else angle + 90
    size = round(width) + 3, round(height) + 3
    onto = _onto(centre, angle, size, corner)
    upright = np.asarray(cv2.warpAffine(mask, onto, size, flags=cv2.INTER_NEAREST), np.uint8)
    if _corners(upright) < CORNERS or _bare_sides(upright) > 4 - SIDES:
        return None
    lines: list[Line | None] = []
    for side in _sides(upright):
        lines.append(_line(side))
        if lines.count(None) > 4 - SIDES:
            return None
    return Framed(upright, onto, lines)


def _onto(centre: Sequence[float], angle: float, size: tuple[int, int], corner: tuple[int, int]) -> npt.NDArray[np.float64]:
    """What turns a part of a picture, which lies at a corner, around a centre in the picture: to the middle of a size."""
    (xx, xy, x), (yx, yy, y) = cv2.getRotationMatrix2D(centre, angle, 1.0).tolist()
    x, y = x + (size[0] / 2 - centre[0]), y + (size[1] / 2 - centre[1])
    left, top = corner
    return np.array([[xx, xy, x + xx * left + xy * top], [yx, yy, y + yx * left + yy * top]])


def _reached_corners(hull: MatLike, centre: Sequence[float], size: Sequence[float], degrees: float) -> int:
    """How many corners of a rectangle its ink's hull, (N, 1, 2), comes so close to that there can be ink in them.

    In units of a corner's own sides, ink in it is at most two away from the tip along both sides together. Sums in Python:
    for the few points of a hull they take less than numpy's calls.
    """
    wide, high = (_corner(round(side) + 3) for side in size)
    tip = size[0] / 2 / wide + size[1] / 2 / high - 2
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    places = hull.reshape(-1, 2).tolist()
    reached = 0
    for down in (1 / high, -1 / high):  # both ends of the one diagonal, and of the other
        x_weight, y_weight = cosine / wide - sine * down, sine / wide + cosine * down
        middle = x_weight * centre[0] + y_weight * centre[1]
        along = [x_weight * x + y_weight * y for x, y in places]
        reached += (max(along) - middle >= tip) + (middle - min(along) >= tip)
    return reached


def _without_others(mask: Mask, lines: list[Line | None], place: int) -> Mask:
    """The ink without the lines along the other sides, which run on below this one at its ends."""
    bare = mask.copy()
    for other, (side, line) in enumerate(zip(_sides(bare), lines, strict=True)):
        if line and other != place:
            side[: int(np.median(line.last))] = 0
    return bare


def _is_large_and_hollow(mask: Mask) -> bool:
    """Whether what bounds all ink is; asked first, as it is quick."""
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


def _corner(side: int) -> int:
    """How far a corner goes along a side, both in pixels."""
    return max(3, side // CORNER)


def _corners(mask: Mask) -> int:
    """How many corners of a mask have ink in them."""
    return sum(map(cv2.hasNonZero, corners(mask, CORNER)))


def _bare_sides(mask: Mask) -> int:
    """How many sides have too little ink along them for `_line`, counted as long as there may be a frame."""
    turned = cv2.transpose(mask)  # rows are gone through in a fraction of the time of columns
    high, wide = _reach(len(mask)), _reach(len(turned))
    bare = 0
    # A digit seldom has much ink along its left and its right.
    for end in (turned[:wide], turned[-wide:], mask[:high], mask[-high:]):
        bare += cv2.countNonZero(cv2.reduce(end, 0, cv2.REDUCE_MAX)) < COVERED * end.shape[1]
        if bare > 4 - SIDES:
            break
    return bare


def _reach(side: int) -> int:
    """How deep in from an end a line along it is looked for, in pixels; side: how far it is to the other end."""
    return max(5, side // 5)


def _line(mask: Mask) -> Line | None:
    """The line along the top, or None where there is none. It may lean, as far as a line through its thirds does."""
    reach = _reach(len(mask))
    ink = np.greater(mask[:reach], 0, order="C")
    drawn = np.asarray(ink.any(0))
    places = np.flatnonzero(drawn)
    if len(places) < COVERED * len(drawn):
        return None
    outer = ink.argmax(0)
    third = max(1, len(places) // 3)
    left, right = places[:third], places[-third:]
    rise = (_median(outer[right]) - _median(outer[left])) / max(1.0, _median(right) - _median(left))
    level = outer - rise * np.arange(len(outer))
    level = _median(level[drawn]) + rise * np.arange(len(outer))
    near = max(1.5, 0.02 * len(mask))
    straight = drawn & (np.abs(outer - level) <= near)
    if straight.mean() < COVERED:
        return None
    thickness = int(_median(ink[:, straight].sum(0)))  # of most columns: a stroke that runs along the line is thicker
    if thickness >= reach - 1:
        return None
    first = np.maximum(np.floor(level - near), 0).astype(np.int64)
    core = np.maximum(np.ceil(level).astype(np.int64) + thickness, first + 1)
    return Line(first, core, core + 2)


def _median(values: npt.NDArray[np.int64] | npt.NDArray[np.float64]) -> float:
    """The median of (N,) values, for a fifth of what numpy takes for so few."""
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
