"""Fifteen ways to spoil a digit, of the kinds of MNIST-C (Mu and Gilmer 2019), to measure with and never to train on.

Made after the paper's descriptions; how strong each is was chosen on validation pictures, by eye and by the convnet's
errors. Nothing that trains may import this package: a contract of import-linter holds that.
"""

import zlib
from collections.abc import Callable, Iterator

import numpy as np

from serving.reading import Ink
from training.corruptions import blur, light, marks, noise, places
from training.recipe import Kind

Corruption = Callable[[Ink, np.random.Generator], Ink]
"""(28, 28) uint8, 0 is paper and 255 is ink, and random numbers to the same picture spoiled."""

CORRUPTIONS: dict[Kind, Corruption] = {
    "shot noise": noise.shot,
    "impulse noise": noise.impulse,
    "glass blur": blur.glass,
    "motion blur": blur.motion,
    "shear": places.shear,
    "scale": places.scale,
    "rotate": places.rotate,
    "brightness": light.brightness,
    "translate": places.translate,
    "stripe": light.stripe,
    "fog": light.fog,
    "spatter": marks.spatter,
    "dotted line": marks.dotted_line,
    "zigzag": marks.zigzag,
    "canny edges": marks.canny_edges,
}
ANGLES = (-60, -45, -30, -15, 15, 30, 45, 60)
"""Degrees that pictures are turned by, all of them by the same; positive is anticlockwise."""


def corrupted(kind: Kind, pictures: Ink, seed: int = 0) -> Ink:
    """Pictures, (N, 28, 28) uint8, spoiled; each has random numbers of its own, whatever is made beside it."""
    return np.stack([CORRUPTIONS[kind](one, rng) for one, rng in zip(pictures, _numbers(kind, seed), strict=False)])


def turned(angle: float, pictures: Ink) -> Ink:
    """Pictures, (N, 28, 28) uint8, turned by this many degrees around the middle."""
    return np.stack([places.turn(one, angle) for one in pictures])


def _numbers(kind: Kind, seed: int) -> Iterator[np.random.Generator]:
    index = 0
    while True:
        yield np.random.default_rng([seed, zlib.crc32(kind.encode()), index])
        index += 1
