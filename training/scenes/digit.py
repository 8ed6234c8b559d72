"""A 28x28 digit drawn large again: enlarged with edges as crisp as a pen's, deformed a little, laid on a canvas."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading import Ink
from serving.reading.place import place

Layer = npt.NDArray[np.float32]
"""(H, W) float32, 0 to 1: how much of each pixel something covers."""

SOFTENING = 0.45
"""Sigma, in pixels of 28x28, that takes the staircase out of a digit before it is enlarged.

Enlarged to 60 pixels, deformed by up to 0.5 and made 28x28 again, 1,500 pictures of the validation part are read by the
convnet as they were before: 97.9 % right and 97.9 %.
"""
EDGE = 1.4
"""How many pixels wide a pen's edge is on the canvas."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A digit on a canvas.

    cover: (H, W) float32, the pen's coverage. top, bottom, left, right: the digit's box, the ends excluded.
    """

    cover: Layer
    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> int:
        """The longer side of the digit's box, in pixels."""
        return max(self.bottom - self.top, self.right - self.left)


def deform(ink: Ink, rng: np.random.Generator, strength: float, side: int = 28, weight: float = 0.0) -> Layer:
    """The digit enlarged or reduced to side x side, deformed by a random affine and elastic map (Simard et al. 2003).

    ink: (28, 28) uint8. strength: 0 none, 1 as far apart as two people write. weight: by how many pixels of 28x28 every
    edge moves outwards (a heavier pen) or, negative, inwards; half a pixel is much.
    """
    return drawn(ink, rng, strength, side, 28, weight)


def drawn(ink: Ink, rng: np.random.Generator, strength: float, side: int, window: int, weight: float) -> Layer:
    """What a window of this many pixels of 28x28, around its middle, shows when it is side x side large."""
    pull = _inverse(rng, strength) * (window / side)
    across = np.arange(side, dtype=np.float32) - (side - 1) / 2
    columns, rows = across[None, :], across[:, None]
    map_x = (pull[0, 0] * columns + pull[0, 1] * rows + 13.5).astype(np.float32)
    map_y = (pull[1, 0] * columns + pull[1, 1] * rows + 13.5).astype(np.float32)
    if strength > 0:
        shifts = rng.normal(0, 0.75 * strength, (2, 5, 5)).astype(np.float32)
        map_x += cv2.resize(shifts[0], (side, side), interpolation=cv2.INTER_CUBIC)
        map_y += cv2.resize(shifts[1], (side, side), interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(ink.astype(np.float32), (0, 0), SOFTENING)
    large = cv2.remap(soft, map_x, map_y, cv2.INTER_CUBIC)
    return _crisp(np.asarray(large, np.float32), side / window, weight)


def _inverse(rng: np.random.Generator, strength: float) -> npt.NDArray[np.float64]:
    """The 2x2 matrix of a small rotation, shear and change of aspect."""
    angle, shear, wide, high = rng.normal(0, [0.07, 0.1, 0.07, 0.07]) * strength
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[1 + wide, shear], [0, 1 + high]])
    return np.asarray(matrix, np.float64)


def _crisp(soft: Layer, scale: float, weight: float) -> Layer:
    """Steepen soft edges, 0 to 255, to a pen's; MNIST's own ramp is about two pixels of 28x28 wide."""
    gain = max(2.2 * scale / EDGE, 2.2 / EDGE)
    reach = min(max(weight, -0.4), 0.4)  # beyond it a soft edge has no more to give
    threshold = 0.42 - reach / 2.2
    crisp = np.clip((soft * np.float32(1 / 255) - np.float32(threshold)) * np.float32(gain) + np.float32(0.5), 0, 1)
    return np.asarray(crisp if abs(weight) <= 0.4 else heavier(crisp, (weight - reach) * scale), np.float32)


def stroke(ink: Ink, rng: np.random.Generator, size: float, strength: float = 0.4, weight: float = 0.0) -> Layer:
    """The digit alone, its longer side about `size` pixels, cropped to its ink."""
    window = 36  # a deformed digit may reach beyond its 28x28
    return crop(drawn(ink, rng, strength, max(round(size * window / _extent(ink)), 8), window, weight))


def _extent(ink: Ink) -> int:
    """The longer side of the box of an ink, in pixels."""
    found = np.flatnonzero((ink > 60).any(1)), np.flatnonzero((ink > 60).any(0))
    return int(max((line[-1] - line[0] + 1 if len(line) else 1) for line in found))


def crop(cover: Layer) -> Layer:
    """The part of a layer that has something on it; one pixel where nothing has."""
    seen = cover > 0.05
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return cover[:1, :1]
    return cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def lay(digit: Layer, shape: tuple[int, int], top: int, left: int) -> Placed:
    """A drawn digit on an empty canvas of this shape; what lies beyond the canvas is cut off."""
    cover = np.zeros(shape, np.float32)
    height, width = digit.shape
    first, last = max(top, 0), min(top + height, shape[0])
    start, stop = max(left, 0), min(left + width, shape[1])
    if first < last and start < stop:
        cover[first:last, start:stop] = digit[first - top : last - top, start - left : stop - left]
    return Placed(cover, first, last, start, stop)


def canvas_shape(rng: np.random.Generator, least: int = 64, most: int = 220) -> tuple[int, int]:
    """A random (height, width), small ones as likely as large ones, the aspect up to 4:3 either way."""
    side = float(np.exp(rng.uniform(np.log(least), np.log(most))))
    aspect = float(np.exp(rng.uniform(-0.28, 0.28)))
    return max(round(side * aspect**0.5), least), max(round(side / aspect**0.5), least)


def write(
    ink: Ink,
    rng: np.random.Generator,
    shape: tuple[int, int] | None = None,
    share: tuple[float, float] = (0.4, 0.75),
    margin: tuple[float, float, float, float] = (0.06, 0.06, 0.06, 0.06),
    strength: float = 0.4,
    weight: float = 0.0,
) -> Placed:
    """A digit at a random place of a canvas.

    share: the digit's longer side as a share of the free part's shorter side. margin: what stays free at the top, bottom,
    left and right, as shares of the height and the width.
    """
    shape = shape or canvas_shape(rng)
    free_height = shape[0] * (1 - margin[0] - margin[1])
    free_width = shape[1] * (1 - margin[2] - margin[3])
    size = rng.uniform(*share) * min(free_height, free_width)
    return settle(stroke(ink, rng, size, strength, weight), rng, shape, margin)


def settle(
    digit: Layer, rng: np.random.Generator, shape: tuple[int, int], margin: tuple[float, float, float, float]
) -> Placed:
    """A drawn digit at a random place of a canvas, within its margins where it fits them."""
    top = _somewhere(rng, shape[0], digit.shape[0], margin[0], margin[1])
    left = _somewhere(rng, shape[1], digit.shape[1], margin[2], margin[3])
    return lay(digit, shape, top, left)


def _somewhere(rng: np.random.Generator, length: int, size: int, before: float, after: float) -> int:
    low, high = round(length * before), round(length * (1 - after)) - size
    return int(rng.integers(low, high + 1)) if high > low else (low + high) // 2


def heavier(cover: Layer, pixels: float) -> Layer:
    """A layer with every edge moved outwards by so many pixels, or inwards where negative."""
    mask = (cover > 0.5).astype(np.uint8)
    if pixels >= 0:
        distance = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
        moved = np.clip(pixels + 1 - distance, 0, 1)
    else:
        moved = np.clip(cv2.distanceTransform(mask, cv2.DIST_L2, 5) + pixels, 0, 1)
    return np.asarray(cv2.GaussianBlur(moved.astype(np.float32), (3, 3), 0.6), np.float32)


def as_ink(cover: Layer) -> Ink:
    """Anything drawn, in 28x28 as MNIST places a digit: fitted into 20x20, its centre of mass in the middle."""
    drawn = np.rint(crop(cover) * 255).astype(np.uint8)
    return place(drawn, np.ones_like(drawn)).picture
