"""Factors of what a file can hold: bits, depth, transparency. All: (ink, rng) to pixels as the file has them."""

import numpy as np
import numpy.typing as npt

from serving.reading import Ink
from training.scenes.camera import Picture, blurred, noisy
from training.scenes.digit import Placed, write
from training.scenes.paper import grey, mix, sheet

Rng = np.random.Generator


def one_bit_icon(ink: Ink, rng: Rng) -> Picture:
    """32x32, black or white alone, as drawn by hand for old data sets; either polarity."""
    digit = write(ink, rng, (32, 32), (0.6, 0.95), (0.03, 0.03, 0.03, 0.03))
    return _one_bit(rng, digit)


def one_bit_scan(ink: Ink, rng: Rng) -> Picture:
    """A large scan of black or white pixels alone; mostly dark on white."""
    return _one_bit(rng, write(ink, rng))


def _one_bit(rng: Rng, digit: Placed) -> Picture:
    black = np.where(digit.cover > 0.5, np.uint8(0), np.uint8(255))
    return black if rng.random() < 0.8 else 255 - black


def _over_nothing(rng: Rng, digit: Placed, colour: npt.NDArray[np.float32]) -> Picture:
    """A drawing on a transparent ground; what is invisible has the ink's colour, or black, as programs leave it."""
    alpha = np.rint(digit.cover * 255).astype(np.uint8)
    pixels = np.empty((*alpha.shape, 4), np.uint8)
    pixels[:, :, :3] = colour
    if rng.random() < 0.5:
        pixels[alpha == 0, :3] = 0
    pixels[:, :, 3] = alpha
    return pixels


def transparent_dark(ink: Ink, rng: Rng) -> Picture:
    """RGBA: dark ink on nothing."""
    return _over_nothing(rng, write(ink, rng), rng.uniform(0, 90, 3).astype(np.float32))


def transparent_light(ink: Ink, rng: Rng) -> Picture:
    """RGBA: light ink on nothing."""
    return _over_nothing(rng, write(ink, rng), rng.uniform(190, 255, 3).astype(np.float32))


def transparent_grey(ink: Ink, rng: Rng) -> Picture:
    """Grey with alpha, ink dark or light."""
    alpha = np.rint(write(ink, rng).cover * 255).astype(np.uint8)
    shade = rng.uniform(0, 70) if rng.random() < 0.5 else rng.uniform(190, 255)
    return np.stack([np.full_like(alpha, round(shade)), alpha], axis=2)


def transparent_palette(ink: Ink, rng: Rng) -> Picture:
    """RGBA of 16 opacities of one colour, for a palette."""
    alpha = np.rint(write(ink, rng).cover * 15).astype(np.uint8) * 17
    pixels = np.empty((*alpha.shape, 4), np.uint8)
    pixels[:, :, :3] = np.rint(rng.uniform(0, 80, 3) if rng.random() < 0.6 else rng.uniform(190, 255, 3))
    pixels[:, :, 3] = alpha
    return pixels


def deep_grey(ink: Ink, rng: Rng) -> npt.NDArray[np.uint16]:
    """16-bit grey, now and then of 12 bits' range."""
    full = 4095 if rng.random() < 0.3 else 65535
    return np.rint(_mild(ink, rng) * full).astype(np.uint16)


def float_grey(ink: Ink, rng: Rng) -> npt.NDArray[np.float32]:
    """Floats, 0 to 1, now and then 0 to 255."""
    return _mild(ink, rng) * np.float32(255 if rng.random() < 0.3 else 1)


def _mild(ink: Ink, rng: Rng) -> npt.NDArray[np.float32]:
    """Dark on light, (H, W) float32, 0 to 1."""
    digit = write(ink, rng)
    canvas = mix(sheet(digit.cover.shape, grey(rng, 205, 255)), grey(rng, 10, 80), digit.cover)
    canvas = noisy(rng, blurred(canvas, rng.uniform(0, 0.6)), rng.uniform(0, 2))
    return np.asarray(np.clip(canvas / np.float32(255), 0, 1), np.float32)
