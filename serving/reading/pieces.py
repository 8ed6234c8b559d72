"""Pieces of ink: which of them are the digit, and which are specks, neighbours, the edge of something else."""

from dataclasses import dataclass

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

LEAST_SIDE = 40
"""Pixels from which on a shadow can be told from the grey edge of a stroke."""
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

    labels: (H, W) int32, piece i has i + 1. boxes: (N, 4) left, top, right, bottom, the ends excluded. areas: (N,), in
    pixels. centres: (N, 2) x and y.
    """

    labels: npt.NDArray[np.int32]
    boxes: npt.NDArray[np.int32]
    areas: npt.NDArray[np.int32]
    centres: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.areas)


def threshold(strength: Ink) -> Mask:
    """Where ink is, at Otsu's threshold (1979)."""
    return np.asarray(cv2.threshold(strength, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1], np.uint8)


def stronger(strength: Ink, mask: Mask) -> Mask:
    """The ink without what lies broad and paler below it, such as a shadow too narrow to be taken for paper.

    strength, mask: (H, W) uint8. Otsu's threshold again, within the ink: if the weaker part is broader than the strokes of
    the stronger, and that is a piece of some size which the picture's border does not cut, it alone is the ink.
    """
    if max(mask.shape) < LEAST_SIDE:
        return mask
    mean, spread = cv2.meanStdDev(strength, mask=mask)
    if spread[0, 0] < UNEVEN * mean[0, 0]:
        return mask
    values = strength[mask > 0][np.newaxis]
    level, _ = cv2.threshold(values, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    high = np.asarray(cv2.threshold(strength, level, 255, cv2.THRESH_BINARY)[1], np.uint8)
    low = np.asarray(cv2.subtract(mask, high), np.uint8)
    if cv2.countNonZero(low) < 0.1 * values.size or _breadth(low) < BROADER * _breadth(high):
        return mask
    if cv2.mean(strength, low)[0] > PALER * cv2.mean(strength, high)[0]:
        return mask
    pieces = pieces_of(high)
    main = choose(pieces, None)[0][0]
    left, top, right, bottom = pieces.boxes[main]
    height, width = mask.shape
    is_cut = left <= 0 or top <= 0 or right >= width or bottom >= height
    is_small = max(right - left, bottom - top) < 0.12 * max(mask.shape)
    return mask if is_cut or is_small else high


def _breadth(mask: Mask) -> float:
    """The radius of the largest circle in a mask, in pixels."""
    return float(cv2.distanceTransform(mask, cv2.DIST_L2, 3).max())


def pieces_of(mask: Mask) -> Pieces:
    """The pieces of a mask, connected over corners, and in a large picture over the gaps of a faint stroke."""
    reach = max(mask.shape) // BRIDGED
    joined = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) if reach else mask
    _, labels, stats, centres = cv2.connectedComponentsWithStats(joined, connectivity=8, ltype=cv2.CV_32S)
    numbers = np.asarray(stats, np.int32)[1:]
    numbers[:, 2:4] += numbers[:, :2]
    return Pieces(np.asarray(labels, np.int32), numbers[:, :4], numbers[:, 4], np.asarray(centres[1:], np.float64))


def choose(pieces: Pieces, lines: Mask | None) -> tuple[list[int], set[str]]:
    """The pieces that are the digit, the main one first, and what the others were taken for.

    lines: where lines or a frame were taken away, (H, W), or None. The main piece has much ink near the middle, is not cut
    by the picture's edge and no mere corner of something larger.
    """
    if len(pieces) == 1:
        return [0], set()
    height, width = pieces.labels.shape
    boxes, areas = pieces.boxes, pieces.areas
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
