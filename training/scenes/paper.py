"""What is written on: colours, light, texture, lines. Canvases are float32, 0 to 255, (H, W) grey or (H, W, 3) RGB."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from training.scenes.digit import Layer

Canvas = npt.NDArray[np.float32]
"""(H, W) or (H, W, 3) RGB float32, 0 to 255."""
Colour = npt.NDArray[np.float32] | float
"""A shade of grey or (3,) RGB float32, 0 to 255."""
Shape = tuple[int, int]

# What coloured office papers, sticky notes, envelopes and card look like under a white lamp.
PAPERS = (
    (255, 250, 240), (255, 243, 160), (255, 225, 90), (255, 200, 205), (250, 160, 180), (190, 235, 180), (150, 215, 150),
    (185, 215, 250), (140, 190, 240), (255, 205, 140), (215, 190, 150), (205, 190, 235),
)  # fmt: skip
PENS = ((20, 20, 25), (25, 35, 110), (30, 60, 160), (165, 25, 35), (15, 90, 50), (90, 30, 110), (70, 45, 25))
NOISE = 1 << 21
"""Values in the pool of noise."""


def grey(rng: np.random.Generator, low: float, high: float) -> float:
    """One shade."""
    return float(rng.uniform(low, high))


def pick(rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...], spread: float = 8.0) -> Colour:
    """One of the colours, a little off."""
    return np.clip(np.asarray(colours[rng.integers(len(colours))]) + rng.normal(0, spread, 3), 0, 255).astype(np.float32)


def equal_pair(rng: np.random.Generator, apart: float) -> tuple[Colour, Colour]:
    """Two colours that differ in hue and saturation, and by at most `apart` grey levels in luminance (Rec. 601 YCbCr)."""
    angle = rng.uniform(0, 2 * np.pi)
    light = rng.uniform(105, 165)
    strong, weak = rng.uniform(55, 75), rng.uniform(5, 45)
    return (
        _from_ycc(light + rng.uniform(-apart, apart) / 2, -weak * np.cos(angle), -weak * np.sin(angle)),
        _from_ycc(light + rng.uniform(-apart, apart) / 2, strong * np.cos(angle), strong * np.sin(angle)),
    )


def _from_ycc(y: float, cb: float, cr: float) -> Colour:
    """YCbCr to RGB; a colour out of gamut is desaturated until it fits, which keeps its luminance."""
    offset = np.array([1.402 * cr, -0.344136 * cb - 0.714136 * cr, 1.772 * cb])
    room = np.where(offset > 0, 255 - y, y) / np.maximum(np.abs(offset), 1e-6)
    return np.asarray(y + offset * min(1.0, float(room.min())), np.float32)


def sheet(shape: Shape, colour: Colour) -> Canvas:
    """An even sheet."""
    return np.full((*shape, *np.shape(colour)), colour, np.float32)


def mix(under: Canvas, over: Colour | Canvas, cover: Layer) -> Canvas:
    """Lay a colour, or another canvas, over a canvas where a layer covers it; coloured where one of them is."""
    above = np.asarray(over, np.float32)
    if above.ndim in {1, 3} and under.ndim == 2:
        under = under[:, :, None]
    if under.ndim == 3:
        cover = cover[:, :, None]
        above = above[:, :, None] if above.ndim == 2 else above
    return np.asarray(under + (above - under) * cover, np.float32)


def shade(canvas: Canvas, light: Layer) -> Canvas:
    """A canvas under a light, (H, W) factors."""
    return np.asarray(canvas * (light if canvas.ndim == 2 else light[:, :, None]), np.float32)


@lru_cache(maxsize=1)
def _pool() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(2 * NOISE, np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Standard normal noise, taken at a random place of one pool: drawing it anew would take longer than all the rest."""
    count = int(np.prod(shape))
    if count > NOISE:
        return rng.standard_normal(shape, np.float32)
    start = int(rng.integers(NOISE))
    return _pool()[start : start + count].reshape(shape)


def clouds(rng: np.random.Generator, shape: Shape, grain: float, stretch: float = 1.0) -> npt.NDArray[np.float32]:
    """Smooth noise of unit variance, about; its spots are `grain` pixels large, and `stretch` times as long as high."""
    small = (max(int(shape[0] / grain), 1) + 3, max(int(shape[1] / (grain * stretch)), 1) + 3)
    return np.asarray(cv2.resize(noise(rng, small), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def slope(rng: np.random.Generator, shape: Shape) -> npt.NDArray[np.float32]:
    """From 0 on one side to 1 on the other, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    down, right = np.sin(angle), np.cos(angle)
    rows = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32) * np.float32(down)
    columns = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32) * np.float32(right)
    spread = np.float32(abs(down) + abs(right))
    return np.asarray((rows[:, None] + columns[None, :]) / spread + np.float32(0.5), np.float32)


def gradient(rng: np.random.Generator, shape: Shape, darkest: float) -> Layer:
    """Light that falls from 1 to `darkest`, evenly or as from a lamp at one side."""
    fall = slope(rng, shape)
    fall = fall**2 if rng.random() < 0.4 else fall
    return np.asarray(1 - (1 - darkest) * fall, np.float32)


def half_plane(shape: Shape, point: tuple[float, float], angle: float, softness: float) -> Layer:
    """1 on one side of a line through a (row, column) point, 0 on the other, the edge `softness` pixels wide."""
    rows = (np.arange(shape[0], dtype=np.float32) - np.float32(point[0])) * np.float32(np.sin(angle) / softness)
    columns = (np.arange(shape[1], dtype=np.float32) - np.float32(point[1])) * np.float32(np.cos(angle) / softness)
    return np.clip(rows[:, None] + columns[None, :] + np.float32(0.5), 0, 1)


def fibres(rng: np.random.Generator, shape: Shape, amount: float) -> Canvas:
    """Paper's own texture, to be added: clouds, grain and a few fibres, `amount` grey levels strong."""
    coarse = clouds(rng, shape, float(rng.uniform(4, 14)), float(rng.uniform(1, 2)))
    texture = (coarse * np.float32(0.6) + noise(rng, shape) * np.float32(0.6)) * np.float32(amount)
    hairs = np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(0, shape[0] * shape[1] // 900 + 1))):
        start = rng.uniform(0, 1, 2) * shape[::-1]
        end = start + rng.normal(0, 5, 2)
        cv2.line(hairs, tuple(map(int, start)), tuple(map(int, end)), int(rng.integers(60, 200)), 1, cv2.LINE_AA)
    return np.asarray(texture - hairs.astype(np.float32) * np.float32(amount / 90), np.float32)


def ruling(rng: np.random.Generator, shape: Shape, gap: float, thickness: float, angle: float = 0.0) -> Layer:
    """Parallel lines at equal distances, level but for an angle in radians."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] * np.float32(np.cos(angle))
    columns = np.arange(shape[1], dtype=np.float32)[None, :] * np.float32(np.sin(angle))
    phase = np.mod(rows + columns + np.float32(rng.uniform(0, gap)), np.float32(gap))
    away = np.minimum(phase, np.float32(gap) - phase)
    return np.clip(np.float32(thickness / 2 + 0.5) - away, 0, np.float32(min(thickness, 1)))


def wood(rng: np.random.Generator, shape: Shape) -> Canvas:
    """A brown table, (H, W, 3): long grain along one direction."""
    level = rng.random() < 0.5
    grain = clouds(rng, shape if level else (shape[1], shape[0]), float(rng.uniform(2, 5)), 14.0)
    grain = grain if level else grain.T
    base = np.array([rng.uniform(70, 135), rng.uniform(45, 85), rng.uniform(20, 55)], np.float32)
    return np.clip(base * (1 + np.float32(0.18) * grain[:, :, None]), 0, 255)
