"""Pixels to the ink of one digit: the steps in their order, each skipped where there is nothing for it to do."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.decode import Pixels
from serving.reading.frame import has_frame, inside_frame
from serving.reading.grey import contrast
from serving.reading.lines import Mask, without_lines
from serving.reading.paper import OnPaper, Polarity, flatten, on_clean_paper, polarity, shrink
from serving.reading.pieces import Pieces, choose, is_one_piece, parted, pieces_of, reach_of, stronger, threshold
from serving.reading.place import Ink

SAME_PLACE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
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
WORTH_CUTTING, SMALL_PART = 64 * 64, 0.6
"""Ink in a box that is a smaller part of a sheet of more pixels is looked at alone."""
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
    """(2, 3), a place in the whole to its place in the picture that the ink is looked for in."""
    level: float
    """The mean strength of all the paper."""
    difference: float | None
    """How far all of the ink is from it; None where that is no longer known."""
    is_even: bool = False
    """Whether that is evenly strong, for sure."""
    taken: Mask | None = None
    """(H, W) uint8, 255 where lines or a frame were."""
    removed: frozenset[str] = frozenset()

    @property
    def is_part(self) -> bool:
        """Whether the ink lies inside of a whole that is larger."""
        return self.mask.size < self.whole[0] * self.whole[1]


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
    margin = reach_of(max(width, height)) + 2 if grey.size > WORTH_CUTTING else max(width, height)
    found = on_clean_paper(grey, margin) or _on_any_paper(grey)
    tell(f"{found.polarity} ink", found.strength)
    ink = parted(found.strength, grey.size - found.strength.size)
    tell("threshold", ink.mask)
    if ink.difference <= LEAST_CLEARNESS * ink.spread:
        return None  # ink and paper are not two things, but the two halves of the paper's noise
    scale = max(pixels.shape[:2]) / max(width, height)
    back = SAME_PLACE if scale == 1 else SAME_PLACE * scale
    sheet = Sheet(found.strength, ink.mask, (width, height), found.corner, back, ink.level, ink.difference, ink.is_even)
    sheet = _without_frame(_without_lines(sheet, tell), tell)
    if sheet.removed and not cv2.hasNonZero(sheet.mask):
        return None
    return _found(_without_shadow(_cut(sheet)), found.polarity, tell)


def _on_any_paper(grey: Pixels) -> OnPaper:
    ink, is_filled = polarity(grey)
    return OnPaper(flatten(grey, ink, is_filled=is_filled), ink, (0, 0))


def _without_lines(sheet: Sheet, tell: Trace) -> Sheet:
    """What runs across the picture touches its border; where no ink does, nothing runs across."""
    if sheet.is_part:
        return sheet
    left, top, wide, high = cv2.boundingRect(sheet.mask)
    height, width = sheet.mask.shape
    if left > 0 and top > 0 and left + wide < width and top + high < height:
        return sheet
    rest, lines = without_lines(sheet.strength)
    if not lines.any():
        return sheet
    tell("lines", lines)
    tell("without lines", rest)
    return _changed(sheet, rest, threshold(rest), sheet.back, "lines", lines)


def _without_frame(sheet: Sheet, tell: Trace) -> Sheet:
    if not has_frame(sheet.mask, sheet.corner):
        return sheet
    inside = inside_frame(_uncut(sheet.strength, sheet), _uncut(sheet.mask, sheet))
    if inside is None:
        return sheet
    mask = threshold(inside.strength)
    boxes = pieces_of(mask).boxes
    if not len(boxes) or (boxes[:, 2:] - boxes[:, :2]).max() < LEAST_INSIDE * max(mask.shape):
        return sheet
    tell("inside the frame", inside.strength)
    back = sheet.back @ np.vstack([inside.back, [0, 0, 1]])
    return _changed(sheet, inside.strength, mask, back, "frame", inside.frame)


def _changed(sheet: Sheet, strength: Ink, mask: Mask, back: npt.NDArray[np.float64], what: str, taken: Mask) -> Sheet:
    """A sheet of which something was taken away."""
    height, width = mask.shape
    level = cv2.mean(strength, cv2.bitwise_not(mask))[0]
    removed = sheet.removed | {what}
    return Sheet(strength, mask, (width, height), (0, 0), back, level, None, taken=taken, removed=removed)


def _uncut(part: npt.NDArray[np.uint8], sheet: Sheet) -> npt.NDArray[np.uint8]:
    """A part of a sheet as the whole, with 0 where it was cut off."""
    if not sheet.is_part:
        return part
    (width, height), (left, top) = sheet.whole, sheet.corner
    whole = np.zeros((height, width), np.uint8)
    whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return whole


def _cut(sheet: Sheet) -> Sheet:
    """The part of a sheet where the ink is, where that is a small part."""
    if sheet.is_part or sheet.mask.size < WORTH_CUTTING:
        return sheet
    left, top, wide, high = cv2.boundingRect(sheet.mask)
    if wide * high > SMALL_PART * sheet.mask.size:
        return sheet
    margin = reach_of(max(sheet.whole)) + 3  # and as far as pieces are beside what was taken away
    first, above = max(left - margin, 0), max(top - margin, 0)
    part = np.s_[above : top + high + margin, first : left + wide + margin]
    taken = None if sheet.taken is None else sheet.taken[part]
    return sheet._replace(strength=sheet.strength[part], mask=sheet.mask[part], corner=(first, above), taken=taken)


def _without_shadow(sheet: Sheet) -> Sheet:
    """A sheet without what lies broad and paler below its ink, if that is a piece of some size which no border cuts."""
    longer = max(sheet.whole)
    if sheet.is_even or longer < LEAST_SIDE:
        return sheet
    mask = stronger(sheet.strength, sheet.mask)
    if mask is sheet.mask:
        return sheet
    pieces = pieces_of(mask, sheet.whole, sheet.corner)
    left, top, right, bottom = pieces.boxes[choose(pieces, None)[0][0]]
    is_cut = left <= 0 or top <= 0 or right >= sheet.whole[0] or bottom >= sheet.whole[1]
    is_small = max(right - left, bottom - top) < LEAST_PART * longer
    return sheet if is_cut or is_small else sheet._replace(mask=mask, difference=None)


def _found(sheet: Sheet, ink: Polarity, tell: Trace) -> Found | None:
    """The digit among the pieces."""
    mask, difference, removed, is_clutter = sheet.mask, sheet.difference, sheet.removed, False
    if not is_one_piece(mask):
        pieces = pieces_of(mask, sheet.whole, sheet.corner)
        chosen, others = choose(pieces, sheet.taken)
        removed, is_clutter = removed | others, _are_clutter(pieces)
        mask = mask if len(chosen) == len(pieces) else _only(chosen, pieces, mask)
    if difference is None or mask is not sheet.mask:
        difference = cv2.mean(sheet.strength, mask)[0] - sheet.level
    if difference < LEAST_CONTRAST:
        return None
    kept = np.asarray(cv2.bitwise_and(sheet.strength, cv2.dilate(mask, AROUND)), np.uint8)
    tell("digit", kept)
    left, top = sheet.corner
    back = sheet.back @ np.array([[1.0, 0.0, left], [0.0, 1.0, top], [0.0, 0.0, 1.0]]) if left or top else sheet.back
    return Found(kept, mask, ink, back, removed, is_clutter)


def _only(chosen: list[int], pieces: Pieces, mask: Mask) -> Mask:
    wanted = np.zeros(len(pieces) + 1, np.uint8)
    wanted[np.array(chosen) + 1] = 255
    return np.asarray(cv2.bitwise_and(wanted[pieces.labels], mask), np.uint8)


def _are_clutter(pieces: Pieces) -> bool:
    if len(pieces) <= MOST_PIECES:
        return False
    return int((pieces.areas >= max(3, SOME_SIZE * pieces.areas.max())).sum()) > MOST_PIECES
