"""Grey pixels to ink on even paper: which of the two is the ink, and how strong it is everywhere."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt
from cv2.typing import MatLike

from serving.reading.decode import Pixels
from serving.reading.place import Ink, scaled

Value = TypeVar("Value", bound=np.generic)
Detail = npt.NDArray[np.float32]
"""(H, W) float32."""
Polarity = Literal["dark", "light"]

WORKING_SIDE = 512
"""A picture is looked at with its longer side at most this long; the digit ends at 20 pixels all the same."""
COARSE_SIDE = 64
"""At which the question is settled which of the two is the ink."""
STROKE = 0.3
"""No stroke is wider than this part of a picture's longer side,"""
THICKEST, FILLED = 0.46, 0.55
"""but of a pen that leaves less than this part of the picture to the paper."""
DARKEST_PAPER = np.uint8(64)
"""The paper's level, 0 to 255, below which ink is no longer measured against it: noise would grow with it."""
MOST, ALL = 0.7, 0.98
"""The parts of a picture and of its border that leave no doubt of what is paper: a table all around takes half."""
TAIL, ROOM, AROUND, SHARE = 6.7, 2.6, 9.9, 18.7
CORNER, HALF, LIGHT_CORNERS = 12, 127, 3
STEPPED = 45
"""From this side of its square on a closing in steps is the faster."""
NOISY_SIDE = 100
"""From this side on a pixel is smaller than a stroke, and the noise between neighbours can be averaged."""


class OnPaper(NamedTuple):
    """Ink on even paper: a whole picture, or the part of it outside of which is nothing but paper."""

    strength: Ink
    """(h, w) uint8, 0 paper, 255 the blackest ink there can be."""
    polarity: Polarity
    corner: tuple[int, int]
    """Where the part lies in the picture: left, top."""


def shrink(pixels: Pixels) -> Pixels:
    """The picture at a size worth looking at."""
    return pixels if max(pixels.shape[:2]) <= WORKING_SIDE else scaled(pixels, WORKING_SIDE)


def polarity(pixels: Pixels) -> tuple[Polarity, bool]:
    """Which of the two is the ink, from (H, W) uint8; and whether a very thick pen fills the picture but for its corners.

    Mostly there is no doubt: all of the border, and most of the picture, is on one side of Otsu's threshold. Where all
    corners but one are light, so is the paper, however much a thick pen covers; dark ones may be a table's.
    """
    small = pixels if max(pixels.shape) <= COARSE_SIDE else scaled(pixels, COARSE_SIDE)
    _, light = cv2.threshold(small, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    share, around = cv2.countNonZero(light) / light.size, np.count_nonzero(border(light)) / border_length(light)
    if share > MOST and around > ALL:
        return "dark", False
    if share < 1 - MOST and around < 1 - ALL:
        return "light", False
    if sum(corner.mean() > HALF for corner in corners(light, CORNER)) >= LIGHT_CORNERS:
        return "dark", share <= FILLED
    return "dark" if _doubt(small, np.asarray(light, np.uint8), share, around) >= 0 else "light", False


def _doubt(small: Pixels, light: Pixels, share: float, around: float) -> float:
    """What four witnesses say together: positive for dark ink.

    Ink is the long tail of how far a pixel is from the mean around it; it is made of strokes, while paper has room; it is
    not what the border mostly is, and less at the border than in the whole picture. Each is wrong somewhere: a thick pen
    fills the frame, the table is darker than the ink, a shadow lies over half of the sheet. The weights are those of a
    logistic regression over 7,000 uploads made of training pictures.
    """
    values, side = small.astype(np.float32), max(3, max(small.shape) // 2) | 1
    detail = values - cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT_101)
    weights = _middle(small.shape)
    tail, room = -_tail(detail, weights), _room(light, weights)
    return TAIL * tail + ROOM * room + AROUND * (around - 0.5) - SHARE * (share - 0.5)


def _tail(detail: Detail, weights: Detail) -> float:
    """The weighted third moment, in standard deviations: negative where a few pixels are much darker than the rest."""
    squares = detail * detail * weights
    spread, third = float(squares.sum()), float((squares * detail).sum())
    return third * math.sqrt(float(weights.sum())) / (math.pow(spread, 1.5) + 1e-6)


def _room(light: Pixels, weights: Detail) -> float:
    """How much more room the light has than the dark: the log of their squared distances' ratio, at most 2."""
    inside, outside = (
        float(np.dot(np.square(np.minimum(cv2.distanceTransform(part, cv2.DIST_L2, 3), 100)).ravel(), weights.ravel()))
        for part in (light, cv2.bitwise_not(light))
    )
    return min(max(math.log((inside + 1) / (outside + 1)), -2.0), 2.0)


@lru_cache(maxsize=256)
def _middle(shape: tuple[int, int]) -> Detail:
    """Weights of a picture's pixels: the digit is more often in the middle, a table at the edge."""
    rows, columns = (np.exp(-((((np.arange(side) + 0.5) / side - 0.5) / 0.25) ** 2)) for side in shape)
    return np.asarray(0.05 + np.outer(rows, columns), dtype=np.float32)


def border(values: npt.NDArray[Value]) -> npt.NDArray[Value]:
    """The outermost pixels of an (H, W) array."""
    return np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])


def corners(values: npt.NDArray[Value], part: int) -> tuple[npt.NDArray[Value], ...]:
    """The four corners of an (H, W) array, each one part-th of its sides, and three pixels at least."""
    height, width = (max(3, side // part) for side in values.shape)
    return values[:height, :width], values[:height, -width:], values[-height:, :width], values[-height:, -width:]


def border_length(values: npt.NDArray[Value]) -> int:
    """How many values `border` gives."""
    return 2 * sum(values.shape)


def flatten(pixels: Pixels, ink: Polarity, *, is_filled: bool = False) -> Ink:
    """How strong the ink is everywhere: (H, W) uint8, 0 paper, 255 the blackest ink there can be.

    The paper under the ink is the closing by a square wider than any stroke, which follows gradients and the edges of
    shadows; what is seen is its share of the light that the paper gives back.
    """
    longer = max(pixels.shape)
    lit = _lit(pixels, ink, longer)
    return _share_of_light(lit, _closed(lit, _closing_side(THICKEST if is_filled else STROKE, longer)))


def _lit(pixels: Pixels, ink: Polarity, longer: int) -> Pixels:
    """The picture, or a part of it, with dark ink and less noise; longer: the whole picture's longer side."""
    lit = pixels if ink == "dark" else cv2.bitwise_not(pixels)
    return cast("Pixels", cv2.GaussianBlur(lit, (3, 3), 0) if longer > NOISY_SIDE else lit)


def _closing_side(stroke: float, longer: int) -> int:
    """The side of the square that is wider than any stroke, in pixels; stroke: as a part of the longer side."""
    return max(3, round(stroke * longer)) | 1


def _closed(lit: Pixels, side: int) -> Pixels:
    """The closing by a square of an odd side, in pixels: a wide one in steps, in a third of the time that OpenCV takes."""
    if side < STEPPED:
        return cast("Pixels", cv2.morphologyEx(lit, cv2.MORPH_CLOSE, _square(side)))
    spread = _along_columns(cv2.transpose(_along_columns(lit, side, cv2.max, 0)), side, cv2.max, 0)
    return _along_columns(cv2.transpose(_along_columns(spread, side, cv2.min, 255)), side, cv2.min, 255)


def _along_columns(values: MatLike, length: int, extreme: Callable[[MatLike, MatLike], MatLike], beyond: int) -> Pixels:
    """Each pixel's extreme over so many rows around it, found over two of them, four, eight; beyond: what lies outside."""
    around = length // 2
    values = cv2.copyMakeBorder(values, around, around, 0, 0, cv2.BORDER_CONSTANT, value=(beyond,))
    reached = 1
    while reached < length:
        step = min(reached, length - reached)
        values = extreme(values[:-step], values[step:])
        reached += step
    return cast("Pixels", values)


def _share_of_light(lit: Pixels, paper: Pixels) -> Ink:
    return cast("Ink", cv2.divide(cv2.subtract(paper, lit), np.maximum(paper, DARKEST_PAPER), scale=255))


def on_clean_paper(pixels: Pixels, margin: int) -> OnPaper | None:
    """What `polarity` and `flatten` make of a drawing on paper of one level, in a fraction of the time; None of others.

    pixels: (H, W) uint8. margin: pixels of paper that are wanted around the ink, at least two. Such a picture's border is of
    one level, and all that differs from it is darker, or all is lighter. Where the square of the closing does not fit into
    the ink, the closing is that level everywhere, and a pixel's strength depends on nothing but itself.
    """
    (height, width), level = pixels.shape, pixels.item(0)
    if not level == pixels.item(width - 1) == pixels.item(-width) == pixels.item(-1):
        return None  # most photos, told at once
    left, top, wide, high = cv2.boundingRect(np.not_equal(pixels, level).view(np.uint8))
    if not wide:
        return OnPaper(np.zeros_like(pixels), "dark" if level > HALF else "light", (0, 0))
    if min(left, top) < 2 or left + wide > width - 2 or top + high > height - 2:
        return None
    # At even places, so that what is sampled halfway between two pixels is rounded as in the whole picture.
    first, above = max(left - margin, 0) & -2, max(top - margin, 0) & -2
    lit = pixels[above : top + high + margin, first : left + wide + margin]
    least, most, _, _ = cv2.minMaxLoc(lit)
    if least < level < most:
        return None
    polarity: Polarity = "dark" if most == level else "light"
    lit = _lit(lit, polarity, max(height, width))
    strength = np.asarray(cv2.LUT(lit, _strengths(level if polarity == "dark" else 255 - level)), np.uint8)
    covered, side = cv2.countNonZero(strength), _closing_side(STROKE, max(height, width))
    may_be_sheet = polarity == "light" and covered >= (1 - MOST) * pixels.size
    is_wide = covered >= side * side and _may_hold(strength, side)
    return None if may_be_sheet or is_wide else OnPaper(strength, polarity, (first, above))


@lru_cache(maxsize=256)
def _strengths(level: int) -> Ink:
    """What each of the 256 levels of ink is worth on paper of one level, which none is lighter than: (256,) uint8."""
    levels = np.minimum(np.arange(256, dtype=np.uint8), np.uint8(level))
    return _share_of_light(levels, np.full_like(levels, level)).reshape(256)


def _may_hold(strength: Ink, side: int) -> bool:
    """Whether a square of ink, side x side, may lie in a picture; looked at in every few pixels, four at least across it."""
    step = max(1, side // 4)
    square = _square(side // step)
    inside = cv2.erode(strength[::step, ::step], square, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return cv2.hasNonZero(inside)


@lru_cache(maxsize=256)
def _square(side: int) -> npt.NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)
