"""Pixels to the ink of one digit: the steps in their order, each skipped where there is nothing for it to do."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.decode import Pixels
from serving.reading.frame import inside_frame
from serving.reading.grey import contrast
from serving.reading.lines import Mask, without_lines
from serving.reading.paper import Clean, Polarity, flatten, on_clean_paper, polarity, shrink
from serving.reading.pieces import Pieces, choose, parted, pieces_of, reach_of, stronger, threshold
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
LEAST_SIDE = 40
"""Pixels from which on a shadow can be told from the grey edge of a stroke."""
LEAST_PART = 0.12
"""What is left of the ink without such a shadow is at least this part of the picture long."""
LEAST_INSIDE = 0.25
"""What is in a frame is at least this part of it, or the frame is the figure."""
SMALL_PART = 0.6
"""Ink in a box that is a smaller part of the sheet is looked at alone."""
AROUND = np.ones((3, 3), np.uint8)
"""What of the ink lies just outside of the threshold belongs to it: the grey of its edges."""


class Sheet(NamedTuple):
    """Ink on even paper, or the part of it where the ink is, and what has been taken away of it so far."""

    strength: Ink
    """(H, W) uint8, 0 paper."""
    mask: Mask
    """(H, W) uint8, 255 where ink is."""
    whole: tuple[int, int]
    """The width and height of the picture that was looked at, or of what is inside a frame."""
    corner: tuple[int, int]
    """Where this part lies in it: left, top. Around the ink there is as much paper as strokes reach over gaps."""
    back: npt.NDArray[np.float64]
    """(2, 3), a place on this part to its place in the picture that was looked at."""
    level: float
    """The mean strength of all the paper."""
    difference: float | None
    """How far all of the ink is from it; None where that is no longer known."""
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
    height, width = grey.shape
    found = on_clean_paper(grey, margin=reach_of(max(width, height)) + 2) or _on_uneven_paper(grey)
    tell(f"{found.polarity} ink", found.strength)
    ink = parted(found.strength, grey.size - found.strength.size)
    tell("threshold", ink.mask)
    if ink.difference <= LEAST_CLEARNESS * ink.spread:
        return None  # ink and paper are not two things, but the two halves of the paper's noise
    scale = max(pixels.shape[:2]) / max(width, height)
    left, top = found.corner
    back = np.array([[scale, 0.0, scale * left], [0.0, scale, scale * top]])
    sheet = Sheet(found.strength, ink.mask, (width, height), found.corner, back, ink.level, ink.difference)
    sheet = _without_frame(_without_lines(sheet, tell), tell)
    if not cv2.hasNonZero(sheet.mask):
        return None
    return _found(_without_shadow(sheet), found.polarity, tell)


def _on_uneven_paper(grey: Pixels) -> Clean:
    """The same of a whole picture."""
    ink, is_filled = polarity(grey)
    return Clean(flatten(grey, ink, is_filled=is_filled), ink, (0, 0))


def _without_lines(sheet: Sheet, tell: Trace) -> Sheet:
    """What runs across the picture touches its border; where no ink does, nothing runs across, and the ink's box is enough."""
    left, top, wide, high = cv2.boundingRect(sheet.mask)
    (width, height), (x, y) = sheet.whole, sheet.corner
    if x + left > 0 and y + top > 0 and x + left + wide < width and y + top + high < height:
        return _trimmed(sheet, left, top, wide, high)
    rest, lines = without_lines(sheet.strength)
    if not lines.any():
        return sheet
    tell("lines", lines)
    tell("without lines", rest)
    return _changed(sheet, rest, threshold(rest), sheet.back, "lines", lines)


def _trimmed(sheet: Sheet, left: int, top: int, wide: int, high: int) -> Sheet:
    """The part of a sheet where the ink is, where that is a small part."""
    if wide * high > SMALL_PART * sheet.mask.size:
        return sheet
    margin = reach_of(max(sheet.whole)) + 1
    first, above = max(left - margin, 0), max(top - margin, 0)
    part = np.s_[above : top + high + margin, first : left + wide + margin]
    back = sheet.back.copy()
    back[:, 2] += sheet.back[:, :2] @ (first, above)
    corner = sheet.corner[0] + first, sheet.corner[1] + above
    return sheet._replace(strength=sheet.strength[part], mask=sheet.mask[part], corner=corner, back=back)


def _changed(sheet: Sheet, strength: Ink, mask: Mask, back: npt.NDArray[np.float64], what: str, taken: Mask) -> Sheet:
    """A sheet of which something was taken away."""
    height, width = mask.shape
    level = cv2.mean(strength, cv2.bitwise_not(mask))[0]
    return Sheet(strength, mask, (width, height), (0, 0), back, level, None, taken, sheet.removed | {what})


def _without_frame(sheet: Sheet, tell: Trace) -> Sheet:
    inside = inside_frame(sheet.strength, sheet.mask) if cv2.hasNonZero(sheet.mask) else None
    if inside is None:
        return sheet
    mask = threshold(inside.strength)
    boxes = pieces_of(mask).boxes
    if not len(boxes) or (boxes[:, 2:] - boxes[:, :2]).max() < LEAST_INSIDE * max(mask.shape):
        return sheet
    tell("inside the frame", inside.strength)
    back = sheet.back @ np.vstack([inside.back, [0, 0, 1]])
    return _changed(sheet, inside.strength, mask, back, "frame", inside.frame)


def _without_shadow(sheet: Sheet) -> Sheet:
    """A sheet without what lies broad and paler below its ink, if that is a piece of some size which no border cuts."""
    longer = max(sheet.whole)
    mask = sheet.mask if longer < LEAST_SIDE else stronger(sheet.strength, sheet.mask)
    if mask is sheet.mask:
        return sheet
    pieces = pieces_of(mask, sheet.whole, sheet.corner)
    left, top, right, bottom = pieces.boxes[choose(pieces, None)[0][0]]
    is_cut = left <= 0 or top <= 0 or right >= sheet.whole[0] or bottom >= sheet.whole[1]
    is_small = max(right - left, bottom - top) < LEAST_PART * longer
    return sheet if is_cut or is_small else sheet._replace(mask=mask, difference=None)


def _found(sheet: Sheet, ink: Polarity, tell: Trace) -> Found | None:
    """The digit among the pieces."""
    pieces = pieces_of(sheet.mask, sheet.whole, sheet.corner)
    chosen, removed = choose(pieces, sheet.taken)
    mask = sheet.mask if len(chosen) == len(pieces) else _only(chosen, pieces, sheet.mask)
    difference = sheet.difference
    if difference is None or mask is not sheet.mask:
        difference = cv2.mean(sheet.strength, mask)[0] - sheet.level
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
