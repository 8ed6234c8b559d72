"""Pixels to the ink of one digit: the steps in their order, each skipped where there is nothing for it to do."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.frame import inside_frame
from serving.reading.grey import contrast
from serving.reading.lines import Mask, without_lines
from serving.reading.paper import Polarity, flatten, polarity, shrink
from serving.reading.pieces import Pieces, choose, pieces_of, stronger, threshold
from serving.reading.place import Ink

Trace = Callable[[str, npt.NDArray[np.uint8]], None]
"""Told each step of a reading as it is taken: its name, and what it made, (H, W) or (H, W, 3) uint8."""

LEAST_CONTRAST = 14.0
"""Between ink and paper, of the 255 that black has on white: the faintest pencil measures 36, empty paper 4."""
LEAST_CLEARNESS = 3.2
"""Ink is at least as many standard deviations of the paper away from it: noise cut in two is 2.7, a noisy photo 6.5."""
MOST_PIECES = 30
"""Of some size: more are noise or a page of text; specks on a sheet were at most 15."""
SOME_SIZE = 0.02
"""Of the largest piece's area."""
LEAST_INSIDE = 0.25
"""What is in a frame is at least this part of it, or the frame is the figure."""
AROUND = np.ones((3, 3), np.uint8)
"""What of the ink lies just outside of the threshold belongs to it: the grey of its edges."""
SAME_PLACE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


class Sheet(NamedTuple):
    """Ink on even paper, and what has been taken away of it so far."""

    strength: Ink
    """(H, W) uint8, 0 paper."""
    mask: Mask
    """(H, W) uint8, 255 where ink is."""
    back: npt.NDArray[np.float64]
    """(2, 3), a place on it to its place in the picture that was looked at."""
    taken: Mask | None = None
    """(H, W) uint8, 255 where lines or a frame were."""
    removed: frozenset[str] = frozenset()


class Found(NamedTuple):
    """The ink of what is most likely the digit."""

    ink: Ink
    """(H, W) uint8, 0 paper, without all that is no part of it."""
    mask: Mask
    """(H, W) uint8, 255 where it is."""
    polarity: Polarity
    back: npt.NDArray[np.float64]
    """(2, 3), a place here to its place in the picture."""
    removed: frozenset[str]
    is_clutter: bool


def find_ink(pixels: npt.NDArray[np.uint8], tell: Trace) -> Found | None:
    """Find the digit in a picture, (H, W) or (H, W, 3) uint8; None where there is no ink."""
    small = shrink(pixels)
    grey = contrast(small)
    tell("grey", grey)
    ink, is_filled = polarity(grey)
    strength = flatten(grey, ink, is_filled=is_filled)
    tell(f"{ink} ink", strength)
    scale = max(pixels.shape[:2]) / max(small.shape[:2])
    sheet = Sheet(strength, threshold(strength), SAME_PLACE if scale == 1 else SAME_PLACE * scale)
    tell("threshold", sheet.mask)
    difference = _clear_difference(sheet)
    if difference is None:
        return None
    first, sheet = sheet, _without_frame(_without_lines(sheet, tell), tell)
    if not sheet.mask.any():
        return None
    mask = stronger(sheet.strength, sheet.mask)
    if mask is not sheet.mask:
        sheet = sheet._replace(mask=mask)
    return _found(sheet, pieces_of(sheet.mask), ink, difference if sheet is first else None, tell)


def _clear_difference(sheet: Sheet) -> float | None:
    """How far ink is from paper; None where they are not two things, but the two halves of the paper's noise."""
    level, spread = cv2.meanStdDev(sheet.strength, mask=cv2.bitwise_not(sheet.mask))
    difference = cv2.mean(sheet.strength, sheet.mask)[0] - float(level[0, 0])
    return difference if difference > LEAST_CLEARNESS * float(spread[0, 0]) else None


def _without_lines(sheet: Sheet, tell: Trace) -> Sheet:
    """What runs across the picture touches its border; where no ink does, nothing runs across."""
    left, top, wide, high = cv2.boundingRect(sheet.mask)
    height, width = sheet.mask.shape
    if left > 0 and top > 0 and left + wide < width and top + high < height:
        return sheet
    rest, lines = without_lines(sheet.strength)
    if not lines.any():
        return sheet
    tell("lines", lines)
    tell("without lines", rest)
    return sheet._replace(strength=rest, mask=threshold(rest), taken=lines, removed=sheet.removed | {"lines"})


def _without_frame(sheet: Sheet, tell: Trace) -> Sheet:
    inside = inside_frame(sheet.strength, sheet.mask) if sheet.mask.any() else None
    if inside is None:
        return sheet
    mask = threshold(inside.strength)
    boxes = pieces_of(mask).boxes
    if not len(boxes) or (boxes[:, 2:] - boxes[:, :2]).max() < LEAST_INSIDE * max(mask.shape):
        return sheet
    tell("inside the frame", inside.strength)
    back = sheet.back @ np.vstack([inside.back, [0, 0, 1]])
    return Sheet(inside.strength, mask, back, inside.frame, sheet.removed | {"frame"})


def _found(sheet: Sheet, pieces: Pieces, ink: Polarity, difference: float | None, tell: Trace) -> Found | None:
    """The digit among the pieces. difference: of all ink from the paper, where it is known."""
    chosen, removed = choose(pieces, sheet.taken)
    mask = sheet.mask if len(chosen) == len(pieces) else _only(chosen, pieces, sheet.mask)
    if difference is None or mask is not sheet.mask:
        difference = cv2.mean(sheet.strength, mask)[0] - cv2.mean(sheet.strength, cv2.bitwise_not(sheet.mask))[0]
    if difference < LEAST_CONTRAST:
        return None
    kept = np.asarray(cv2.bitwise_and(sheet.strength, cv2.dilate(mask, AROUND)), np.uint8)
    tell("digit", kept)
    return Found(kept, mask, ink, sheet.back, sheet.removed | removed, is_clutter=_are_clutter(pieces))


def _only(chosen: list[int], pieces: Pieces, mask: Mask) -> Mask:
    wanted = np.zeros(len(pieces) + 1, np.uint8)
    wanted[np.array(chosen) + 1] = 255
    return np.asarray(cv2.bitwise_and(wanted[pieces.labels], mask), np.uint8)


def _are_clutter(pieces: Pieces) -> bool:
    if len(pieces) <= MOST_PIECES:
        return False
    return int((pieces.areas >= max(3, SOME_SIZE * pieces.areas.max())).sum()) > MOST_PIECES
