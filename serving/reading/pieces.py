"""Pieces of ink: which of them are the digit, and which are specks, neighbours, the edge of something else."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading.lines import Mask
from serving.reading.place import Ink

NEAR = 0.2
"""Pieces nearer to the main one than this part of its size are parts of it: the flag of a 5, a broken stroke."""
PART = 0.02
"""And have at least this part of its ink."""
PEER = 0.3
"""A piece that is this part of the main one's height and further away is another digit or shape, and stays in sight."""

POWERS = np.arange(256.0) ** np.arange(3)[:, np.newaxis]
"""(3, 256), the zeroth, first and second of each level."""
UNEVEN = 0.2
"""The spread of the ink's strength, as a part of its mean, from which there may be two inks."""
PALER, BROADER = 0.75, 1.25
"""The weaker ink is at most this part as strong as the stronger, and broader than its strokes by this factor."""
BRIDGED = 90
"""A picture this many pixels long has gaps of two pixels bridged, one twice as long of four."""

Which = npt.NDArray[np.bool_]
"""(N,), one for each piece."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """The connected pieces of a mask, without the paper.

    labels: (H, W) uint16, piece i has i + 1. areas: (N,), in pixels. Of the whole picture, of which the mask may be a part:
    boxes, (N, 4) left, top, right, bottom, the ends excluded; centres, (N, 2) x and y; whole, its width and height.
    """

    labels: npt.NDArray[np.uint16]
    boxes: npt.NDArray[np.int32]
    areas: npt.NDArray[np.int32]
    centres: npt.NDArray[np.float64]
    whole: tuple[int, int]

    def __len__(self) -> int:
        return len(self.areas)


class Parted(NamedTuple):
    """Ink and paper, and how far they are from each other."""

    mask: Mask
    """(H, W) uint8, 255 where ink is."""
    level: float
    """The mean strength of the paper."""
    spread: float
    """Its standard deviation."""
    difference: float
    """The ink's mean from the paper's."""
    is_even: bool
    """Whether the ink is so evenly strong that there are no two inks."""


def threshold(strength: Ink) -> Mask:
    """Where ink is, at Otsu's threshold (1979)."""
    return np.asarray(cv2.threshold(strength, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1], np.uint8)


def parted(strength: Ink, beyond: int) -> Parted:
    """Ink and paper, at Otsu's threshold.

    strength: (H, W) uint8. beyond: how many pixels of paper, of strength 0, belong to the picture and are not in it.
    """
    return _parted_by_levels(strength, beyond) if beyond else _parted(strength)


def _parted(strength: Ink) -> Parted:
    mask = threshold(strength)
    ink = cv2.countNonZero(mask)
    paper = max(1, strength.size - ink)
    total, squares = cv2.norm(strength, cv2.NORM_L1, mask), cv2.norm(strength, cv2.NORM_L2SQR, mask)
    level = (cv2.norm(strength, cv2.NORM_L1) - total) / paper
    spread = _spread(cv2.norm(strength, cv2.NORM_L2SQR) - squares, paper, level)
    mean = total / max(1, ink)
    return Parted(mask, level, spread, mean - level, _spread(squares, max(1, ink), mean) < UNEVEN * mean)


def _parted_by_levels(strength: Ink, beyond: int) -> Parted:
    """The same by sums over the levels: of the pixels up to each of them, of their strengths and of the squares of these."""
    counts = cv2.calcHist([strength], [0], strength, [256], [0, 256]).ravel()  # but for the paper, which takes most time
    counts[0] = beyond + strength.size - cv2.countNonZero(strength)
    sums = (counts * POWERS).cumsum(1)
    pixels, totals, _ = sums
    every, total, squares = sums[:, -1].tolist()
    between = totals * every
    between -= pixels * total
    between *= between
    between /= np.maximum(pixels * (every - pixels), 1)
    last = int(between.argmax())
    paper, pale, least = sums[:, last].tolist()
    ink = max(1.0, every - paper)
    level, mean = pale / paper, (total - pale) / ink
    mask = np.asarray(cv2.threshold(strength, last, 255, cv2.THRESH_BINARY)[1], np.uint8)
    is_even = _spread(squares - least, ink, mean) < UNEVEN * mean
    return Parted(mask, level, _spread(least, paper, level), mean - level, is_even)


def _spread(squares: float, count: float, mean: float) -> float:
    """The standard deviation of values by the sum of their squares."""
    return math.sqrt(max(0.0, squares / count - mean * mean))


def stronger(strength: Ink, mask: Mask) -> Mask:
    """The ink without what lies broad and paler below it, such as a shadow too narrow to be taken for paper.

    strength, mask: (H, W) uint8. Otsu's threshold again, within the ink: if the weaker part is broader than the strokes of
    the stronger, that alone is the ink.
    """
    mean, spread = cv2.meanStdDev(strength, mask=mask)
    if spread[0, 0] < UNEVEN * mean[0, 0]:
        return mask
    values = strength[mask > 0][np.newaxis]
    level, _ = cv2.threshold(values, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    high = np.asarray(cv2.threshold(strength, level, 255, cv2.THRESH_BINARY)[1], np.uint8)
    low = np.asarray(cv2.subtract(mask, high), np.uint8)
    if cv2.countNonZero(low) < 0.1 * values.size or _breadth(low) < BROADER * _breadth(high):
        return mask
    return mask if cv2.mean(strength, low)[0] > PALER * cv2.mean(strength, high)[0] else high


def _breadth(mask: Mask) -> float:
    """The radius of the largest circle in a mask, in pixels."""
    return float(cv2.distanceTransform(mask, cv2.DIST_L2, 3).max())


def reach_of(longer: int) -> int:
    """How far strokes reach over gaps, in pixels of a picture whose longer side is that long."""
    return longer // BRIDGED


def is_one_piece(mask: Mask) -> bool:
    """Whether a mask is in one piece, gaps or no gaps: most are, and it takes a quarter of what `pieces_of` does."""
    return bool(cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)[0] <= 2)


def pieces_of(mask: Mask, whole: tuple[int, int] | None = None, corner: tuple[int, int] = (0, 0)) -> Pieces:
    """The pieces of a mask, connected over corners, and in a large picture over the gaps of a faint stroke.

    whole: the width and height of the picture that the mask is a part of, where it is one, with as much paper around its ink
    as strokes reach; corner: where that part lies, left and top.
    """
    whole = whole or (mask.shape[1], mask.shape[0])
    reach = reach_of(max(whole))
    joined = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) if reach else mask
    # A picture of so many pieces that 16 bits could not number them would have no room for the gaps between them.
    _, labels, stats, centres = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_16U)
    numbers = np.asarray(stats, np.int32)[1:]
    numbers[:, 2:4] += numbers[:, :2]
    numbers[:, :4] += (*corner, *corner)
    middles = np.asarray(centres[1:] + corner, np.float64)
    return Pieces(np.asarray(labels, np.uint16), numbers[:, :4], numbers[:, 4], middles, whole)


def choose(pieces: Pieces, lines: Mask | None) -> tuple[list[int], set[str]]:
    """The pieces that are the digit, the main one first, and what the others were taken for.

    lines: where lines or a frame were taken away, (H, W), or None. The main piece has much ink near the middle, is not cut
    by the picture's edge and no mere corner of something larger.
    """
    boxes, areas, (width, height) = pieces.boxes, pieces.areas, pieces.whole
    sizes = boxes[:, 2:] - boxes[:, :2]
    tall, filled = sizes.max(1), areas / sizes.prod(1)
    cut = np.asarray((boxes[:, :2] <= 0).any(1) | (boxes[:, 2:] >= (width, height)).any(1))
    beside = _beside(pieces, lines)
    disc = _are_discs(sizes, filled)
    away = np.hypot(*(pieces.centres / (width, height) - 0.5).T)
    worth = np.sqrt(areas) * tall * np.exp(-((away / 0.35) ** 2)) * np.minimum(filled / 0.25, 1.0)
    lying = sizes[:, 0] > 4 * sizes[:, 1]
    worth = worth * np.where(cut | disc | beside | lying, 0.25, 1.0)
    main = int(worth.argmax())
    apart = np.maximum(boxes[:, :2] - boxes[main, 2:], boxes[main, :2] - boxes[:, 2:]).max(1)
    close: Which = (areas >= PART * areas[main]) & (apart <= NEAR * tall[main]) & ~_are_round(sizes, filled)
    peer = (tall >= PEER * tall[main]) & (areas >= 0.15 * areas[main]) & ~disc
    foreign: Which = _are_bars(boxes, main) | ((filled < 0.3) & (tall > 1.15 * tall[main]))
    for sign in (cut, beside):
        if not sign[main]:
            foreign |= sign
    wanted: Which = (close | peer) & ~foreign
    wanted[main] = True
    removed = {"neighbours"} if foreign.any() else set()
    if (~wanted & ~foreign).any():
        removed.add("specks")
    return np.flatnonzero(wanted).tolist(), removed


def _are_discs(sizes: npt.NDArray[np.int32], filled: npt.NDArray[np.float64]) -> Which:
    """Which pieces are as full as a punched hole, or two of them."""
    long, short = sizes.max(1), sizes.min(1)
    return np.asarray((filled > 0.65) & (long <= 2.6 * short) & (short > 3))


def _are_round(sizes: npt.NDArray[np.int32], filled: npt.NDArray[np.float64]) -> Which:
    """Which pieces are a round spot, as no part of a digit is."""
    long, short = sizes.max(1), sizes.min(1)
    return np.asarray((np.abs(filled - np.pi / 4) < 0.09) & (long <= 1.25 * short) & (short > 3))


def _are_bars(boxes: npt.NDArray[np.int32], main: int) -> Which:
    """Which pieces are straight, thin and longer than the main one, or lie: what is left of a line or a box.

    The flag of a five lies too: it is short, and not below.
    """
    wide, high = (boxes[:, 2:] - boxes[:, :2]).T
    lying = (wide > 4 * high) & ((wide > 0.5 * max(wide[main], high[main])) | (boxes[:, 1] >= boxes[main, 3]))
    upright = (high > 5 * wide) & (high > 1.15 * high[main])
    return np.asarray(lying | upright)


def _beside(pieces: Pieces, lines: Mask | None) -> Which:
    """Which pieces touch what was taken away."""
    if lines is None:
        return np.zeros(len(pieces), bool)
    near = cv2.dilate(lines, np.ones((5, 5), np.uint8)) > 0
    return np.bincount(pieces.labels[near], minlength=len(pieces) + 1)[1:] > 0
