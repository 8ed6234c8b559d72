"""Ink without the straight lines that cross it: rules, squares, the borders of a cell, the edge of a table."""

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.place import Ink

Mask = npt.NDArray[np.uint8]
"""(H, W) uint8, 255 where something is and 0 elsewhere."""

ACROSS = 0.9
"""The part of a picture's width that a line covers at least."""
GAP = 0.15
"""The gaps in a line that are bridged, as a part of the width."""
THICK = 0.07
"""A line is thick from this part of the picture's longer side."""
ENDS = 0.015
"""A line comes at least so close to both sides, as a part of the width: the bar of a large digit ends before them."""
SLOPES = tuple(sorted((step / 50 for step in range(-7, 8)), key=abs))
"""How far lines may lean: rows per column, the level first; up to eight degrees."""
BETWEEN = 0.012
"""How far a line may lie from the nearest of the slopes, as a part of its length."""
MOST = 3
"""Lines of as many slopes are taken away: rules have one, the sides of a cell in perspective two."""
GRID = 3
"""So many lines, along and across, are those of a grid, and may be thick."""
COARSE = 96
"""The width at which slopes are tried."""


def without_lines(strength: Ink) -> tuple[Ink, Mask]:
    """Take away what runs straight across the picture, from side to side or from top to bottom.

    strength: (H, W) uint8. What is taken is the line's own strength, so that a darker pen that crosses it stays; where the
    two are as dark, the pen's stroke is closed again from both sides. Returns the rest and where lines were, both (H, W).
    """
    every = _without_both(strength, thick=True)
    is_settled = not any(every[2]) or (min(every[2]) >= 1 and sum(every[2]) >= GRID)  # there are none, or a grid's
    return every[:2] if is_settled else _without_both(strength, thick=False)[:2]


def _without_both(strength: Ink, *, thick: bool) -> tuple[Ink, Mask, tuple[int, int]]:
    """Without lines along and across; also where they were, and how many of each."""
    flat, rows, along = _without_rows(strength, thick=thick)
    turned, columns, across = _without_rows(np.ascontiguousarray(strength.T), thick=thick)
    return np.minimum(flat, turned.T), np.maximum(rows, columns.T), (along, across)


def _without_rows(strength: Ink, *, thick: bool) -> tuple[Ink, Mask, int]:
    taken, count = np.zeros_like(strength), 0
    for _ in range(MOST):
        slope = _slope(strength)
        if slope is None:
            break
        line, lines = _lines_at(strength, slope, thick=thick)
        if not lines:
            break
        _, mask = cv2.threshold(line, int(strength.max()) * 0.15, 255, cv2.THRESH_BINARY)
        rest = cv2.subtract(strength, line)
        lean = _lean(strength.shape[1])
        closed = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, _box(1, 2 * (lean + max(2, len(strength) // 25)) + 1))
        strength = np.asarray(cv2.max(rest, cv2.min(closed, mask)), np.uint8)
        taken, count = np.maximum(taken, mask), count + lines
    return strength, taken, count


def _slope(strength: Ink) -> float | None:
    """The slope of a line that crosses the picture, in rows per column; None where no line does."""
    ink = np.asarray(cv2.threshold(strength, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1], np.uint8)
    scale = min(1.0, COARSE / ink.shape[1])
    small = cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else ink
    small = cv2.dilate(small, _box(1, 3))
    best, most = None, ACROSS - GAP
    for slope in SLOPES:
        covered = float((_sheared(np.asarray(small, np.uint8), slope, cv2.INTER_NEAREST) > 0).mean(1).max())
        if covered > most + 0.02:
            best, most = slope, covered
    return best


def _lines_at(strength: Ink, slope: float, *, thick: bool) -> tuple[Ink, int]:
    """How strong lines of a slope are everywhere, (H, W) uint8, and how many they are."""
    level = _sheared(strength, slope, cv2.INTER_LINEAR) if slope else strength
    width = level.shape[1]
    # A line that leans a little is a straight one in a picture in which each pixel is its column's strongest nearby.
    spread = cv2.dilate(level, _box(1, 2 * _lean(width) + 1))
    spread = cv2.morphologyEx(spread, cv2.MORPH_CLOSE, _box(round(GAP * width) | 1, 1))
    line, count = _counted(np.minimum(_opened(np.asarray(spread, np.uint8), round(ACROSS * width)), level), thick=thick)
    return (np.minimum(_sheared(line, -slope, cv2.INTER_LINEAR), strength) if slope else line), count


def _lean(width: int) -> int:
    return 1 + round(BETWEEN * width)


def _sheared(picture: Ink, slope: float, interpolation: int) -> Ink:
    """Each column moved up by slope times its distance from the middle; beyond the picture its last row goes on."""
    height, width = picture.shape
    onto = np.array([[1.0, 0.0, 0.0], [-slope, 1.0, slope * width / 2]])
    moved = cv2.warpAffine(picture, onto, (width, height), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _counted(line: Ink, *, thick: bool) -> tuple[Ink, int]:
    """Lines and their number. thick: whether thick ones count that are not the picture's edge.

    A single one is the bar of a digit that fills the picture.
    """
    _, mask = cv2.threshold(line, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    height, width = line.shape
    kept = 0
    for label in range(1, count):
        left, top, wide, tall, area = stats[label]
        is_thick = area > THICK * max(height, width) * width and top > 0 and top + tall < height
        ends = left > ENDS * width or left + wide < (1 - ENDS) * width
        if (is_thick and not thick) or ends:
            line = np.where(cv2.dilate((labels == label).astype(np.uint8), _box(1, 3)) > 0, 0, line).astype(np.uint8)
        else:
            kept += 1
    return line, kept


def _opened(strength: Ink, length: int) -> Ink:
    """The grey opening by a row of pixels; beyond the picture there is paper."""
    row = _box(length | 1, 1)
    return cast("Ink", cv2.dilate(cv2.erode(strength, row, borderType=cv2.BORDER_CONSTANT, borderValue=0), row))


def _box(width: int, height: int) -> Mask:
    return np.ones((height, width), np.uint8)
