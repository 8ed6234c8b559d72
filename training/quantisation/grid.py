"""Numbers of few bits: which ones there are, which of them stand nearest, and how coarse they have to be.

The steps are powers of two. Then products, sums below 2^24 and the way from one grid to the next are exact in float32, in
whichever order they are taken, so that rounding comes out alike in integers, in float32 and in float64, ties too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Exact = npt.NDArray[np.float64]

PIXELS = (0, 255)
"""The whole numbers of what layers take, uint8."""
WEIGHTS = (-63, 63)
"""Those of weights: seven bits of int8's eight, because on processors without VNNI two products of a uint8 and an int8 are
added in 16 bits, which 2 x 255 x 63 does not overflow and 2 x 255 x 127 does."""
LARGEST = 2**24
"""Whole numbers are exact in float32 up to it."""
LARGEST_BIAS = 2**22
"""A bias is at most so many of its steps; the rest of LARGEST is the products'."""
TINY = float(np.finfo(np.float32).tiny)
FINER = (0, -1, -2)
"""Steps that are tried, as powers of two beside the finest one that holds all values: a finer one clips a few."""


Grids = dict[str, "Grid"]
"""What is rounded in a graph, computed or constant, by its name."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The numbers (q - zero) * step with whole q from lowest to highest.

    step: (), or (C,) for values whose first axis has C channels.
    """

    step: Exact
    lowest: int
    highest: int
    zero: int = 0

    def whole(self, values: Exact) -> npt.NDArray[np.int64]:
        """The q of the numbers nearest to values; of two as near, the even q."""
        return np.asarray(np.clip(np.rint(values / self._step(values)) + self.zero, self.lowest, self.highest), np.int64)

    def nearest(self, values: Exact) -> Exact:
        """The numbers nearest to values, of the same shape."""
        return np.asarray((self.whole(values) - self.zero) * self._step(values))

    @property
    def reach(self) -> int:
        """The largest |q - zero|."""
        return max(self.highest - self.zero, self.zero - self.lowest)

    def _step(self, values: Exact) -> Exact:
        return self.step.reshape(-1, *[1] * (values.ndim - 1)) if self.step.ndim else self.step


def of_inputs(values: Exact) -> Grid:
    """The grid of uint8 for what a layer takes, of the step whose squared error is least on these values."""
    low, high = min(0.0, float(values.min())), float(values.max())
    finest = float(_power(max(high - low, TINY) / (PIXELS[1] - PIXELS[0])))
    steps = [finest * 2.0**finer for finer in FINER]
    grids = [Grid(np.array(step), *PIXELS, zero=int(min(round(-low / step), PIXELS[1]))) for step in steps]
    return min(grids, key=lambda grid: float(np.square(grid.nearest(values) - values).sum()))


def of_weights(weights: Exact, least: npt.ArrayLike = TINY) -> Grid:
    """The grid for weights (C, …), each channel's step of its own, that of the least squared error.

    least: (C,), what the steps may not be finer than; beside a large bias small weights are nothing.
    """
    rows = weights.reshape(len(weights), -1)
    finest = _power(np.maximum(np.abs(rows).max(1) / WEIGHTS[1], np.asarray(least) / 2.0 ** min(FINER)))
    grids = [Grid(finest * 2.0**finer, *WEIGHTS) for finer in FINER]
    errors = np.stack([np.square(grid.nearest(rows) - rows).sum(1) for grid in grids])
    return Grid(np.choose(errors.argmin(0), [grid.step for grid in grids]), *WEIGHTS)


def of_biases(inputs: Grid, weights: Grid) -> Grid:
    """The grid of what a layer's products are multiples of, which its bias is added to."""
    return Grid(inputs.step * weights.step, -LARGEST, LARGEST)


def _power(least: npt.ArrayLike) -> Exact:
    """The smallest power of two that is no less."""
    return np.asarray(2.0 ** np.ceil(np.log2(np.asarray(least, np.float64))))
