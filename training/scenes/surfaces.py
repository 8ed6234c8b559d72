"""Pictures of nothing at all: noise, patterns, empty paper. All: rng to (H, W) or (H, W, 3) uint8."""

import numpy as np

from training.scenes.camera import Picture, develop, eight_bits, jpeged
from training.scenes.digit import canvas_shape
from training.scenes.paper import PAPERS, clouds, fibres, gradient, grey, mix, noise, pick, ruling, shade, sheet, slope, wood

Rng = np.random.Generator


def white_noise(rng: Rng) -> Picture:
    """Every pixel on its own, even or normal, grey or coloured, also 28x28."""
    shape = (28, 28) if rng.random() < 0.3 else canvas_shape(rng, 32, 160)
    if rng.random() < 0.5:
        return rng.integers(0, 256, shape if rng.random() < 0.6 else (*shape, 3), np.uint8)
    return eight_bits(rng.uniform(40, 210) + noise(rng, shape) * np.float32(rng.uniform(20, 70)))


def soft_noise(rng: Rng) -> Picture:
    """Clouds of one or several grains, now and then cut to two levels, also 28x28."""
    shape = (28, 28) if rng.random() < 0.3 else canvas_shape(rng)
    grain = max(shape) * float(np.exp(rng.uniform(np.log(0.03), np.log(0.3))))
    field = (
        clouds(rng, shape, grain) + np.float32(0.5) * clouds(rng, shape, grain / 2) + np.float32(0.25) * noise(rng, shape)
    )
    if rng.random() < 0.35:
        return np.where(field > rng.uniform(-0.3, 1.2), np.uint8(255), np.uint8(0))
    return eight_bits(128 + field * np.float32(rng.uniform(30, 80)))


def salt_and_pepper(rng: Rng) -> Picture:
    """A few to many pixels black or white on any grey, also 28x28."""
    shape = (28, 28) if rng.random() < 0.3 else canvas_shape(rng, 32, 160)
    picture = np.full(shape, int(rng.choice([0, 255, int(rng.integers(256))])), np.uint8)
    chance = rng.random(shape, np.float32)
    share = rng.uniform(0.01, 0.25)
    picture[chance < share] = 255
    picture[chance > 1 - share * rng.uniform(0, 1)] = 0
    return picture


def stripes(rng: Rng) -> Picture:
    """Stripes at any angle, sharp or soft; at least four of them."""
    shape = canvas_shape(rng)
    phase = slope(rng, shape) * np.float32(rng.uniform(4, 20) * 2 * np.pi)
    wave = np.clip(np.sin(phase) * np.float32(rng.uniform(1, 8)), -1, 1)
    return develop(rng, np.float32(rng.uniform(90, 165)) + wave * np.float32(rng.uniform(25, 90)))


def checker(rng: Rng) -> Picture:
    """Checks, or random modules as of a QR code, or bars as of a bar code."""
    rows, columns = int(rng.integers(4, 24)), int(rng.integers(4, 24))
    kind = rng.random()
    modules = rng.random((rows, columns)) < 0.5
    if kind < 0.35:
        modules = (np.arange(rows)[:, None] + np.arange(columns)) % 2 == 0
    elif kind < 0.6:
        modules = np.repeat(rng.random((1, columns * 2)) < 0.5, rows, axis=0)
    scale = int(rng.integers(4, 12))
    light = np.kron(modules, np.ones((scale, scale))).astype(np.float32)
    return develop(rng, mix(sheet(light.shape, grey(rng, 0, 90)), grey(rng, 170, 255), light))


def blocks(rng: Rng) -> Picture:
    """A bad JPEG of noise or clouds."""
    field = clouds(rng, (96, 96), rng.uniform(4, 24)) * np.float32(50) + noise(rng, (96, 96)) * np.float32(
        rng.uniform(0, 30)
    )
    return jpeged(eight_bits(128 + field), int(rng.integers(3, 15)))


def empty(rng: Rng) -> Picture:
    """Paper with nothing on it: even, under light that falls, with its texture, ruled, squared, or a table of wood."""
    shape, kind = canvas_shape(rng), rng.random()
    paper = sheet(shape, pick(rng, PAPERS) if rng.random() < 0.4 else grey(rng, 0, 255))
    if kind < 0.15:
        return develop(rng, paper, grain=6.0)
    if kind < 0.4:
        return develop(rng, shade(paper, gradient(rng, shape, rng.uniform(0.3, 0.9))), grain=5.0)
    if kind < 0.6:
        texture = fibres(rng, shape, rng.uniform(3, 14))
        return develop(rng, sheet(shape, grey(rng, 150, 240)) + texture)
    if kind < 0.7:
        return develop(rng, wood(rng, shape))
    gap, thickness = max(shape) * rng.uniform(0.06, 0.3), rng.uniform(0.8, 3)
    lines = ruling(rng, shape, gap, thickness, rng.normal(0, 0.02))
    if kind < 0.85:
        lines = np.maximum(lines, ruling(rng, (shape[1], shape[0]), gap, thickness).T)
    return develop(rng, mix(sheet(shape, grey(rng, 215, 255)), grey(rng, 90, 200), lines))


NOISES = (white_noise, soft_noise, salt_and_pepper, stripes, checker, blocks)


def pattern(rng: Rng) -> Picture:
    """One of the kinds of noise and patterns."""
    return NOISES[int(rng.integers(len(NOISES)))](rng)
