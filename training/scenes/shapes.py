"""Drawings that are no digits: lines through points of a unit square, drawn by an unsteady hand.

Left out on purpose, because as shapes they are digits: an ellipse's outline, a single straight stroke, a lying eight.
"""

from collections.abc import Callable

import numpy as np

from training.scenes.digit import Layer
from training.scenes.hand import Path, Rng, draw, spline, spun

Shape = Callable[[Rng], list[Path]]


def _round(x: float, y: float, wide: float, high: float, start: float = 0.0, stop: float = 1.0) -> Path:
    """An arc of an ellipse, in turns."""
    angles = np.linspace(start, stop, 40) * 2 * np.pi
    return np.stack([x + wide * np.cos(angles), y + high * np.sin(angles)], axis=1)


def _closed(*points: tuple[float, float]) -> Path:
    return np.array([*points, points[0]], np.float64)


def _open(*points: tuple[float, float]) -> Path:
    return np.array(points, np.float64)


def triangle(rng: Rng) -> list[Path]:
    """Any triangle that is not too flat."""
    angles = rng.uniform(0, 2 * np.pi) + np.array([0, 2.1, 4.2]) + rng.uniform(-0.4, 0.4, 3)
    points = 0.5 + 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return [np.concatenate([points, points[:1]])]


def square(rng: Rng) -> list[Path]:
    """A rectangle, now and then with a diagonal or both."""
    high = rng.uniform(0.6, 1)
    paths = [_closed((0, 0), (1, 0), (1, high), (0, high))]
    if rng.random() < 0.4:
        paths.append(_open((0, 0), (1, high)))
    if rng.random() < 0.25:
        paths.append(_open((1, 0), (0, high)))
    return paths


def polygon(rng: Rng) -> list[Path]:
    """Five to eight corners at any distance from the middle: never round."""
    corners = int(rng.integers(5, 9))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 1)
    reach = np.where(np.arange(corners) % 2 == 0, 0.5, rng.uniform(0.15, 0.38, corners))
    points = 0.5 + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return [np.concatenate([points, points[:1]])]


def star(rng: Rng) -> list[Path]:
    """A star: its outline, or in one go through the middle."""
    points = int(rng.integers(5, 8))
    angles = np.arange(points) * 2 * np.pi / points - np.pi / 2
    tips = 0.5 + 0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if points % 2 and rng.random() < 0.5:
        order = np.arange(points + 1) * (points // 2) % points
        return [tips[order]]
    inner = 0.5 + rng.uniform(0.18, 0.28) * np.stack([np.cos(angles + np.pi / points), np.sin(angles + np.pi / points)], 1)
    outline = np.stack([tips, inner], axis=1).reshape(-1, 2)
    return [np.concatenate([outline, outline[:1]])]


def arrow(rng: Rng) -> list[Path]:
    """An arrow in one of eight directions, with one head or two."""
    head = rng.uniform(0.18, 0.35)
    paths = [_open((0, 0.5), (1, 0.5)), _open((1 - head, 0.5 - head), (1, 0.5), (1 - head, 0.5 + head))]
    if rng.random() < 0.3:
        paths.append(_open((head, 0.5 - head), (0, 0.5), (head, 0.5 + head)))
    return spun(paths, int(rng.integers(8)) * np.pi / 4)


def heart(rng: Rng) -> list[Path]:
    """A heart."""
    t = np.linspace(0, 2 * np.pi, 60) + rng.uniform(0, 0.3)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([x / 34 + 0.5, 0.5 - y / 34], axis=1)]


def spiral(rng: Rng) -> list[Path]:
    """At least two and a quarter turns; with fewer it might be a six, a nine or a nought."""
    turns = rng.uniform(2.25, 4)
    t = np.linspace(0.05, 1, 120)
    angles = t * turns * 2 * np.pi * rng.choice([-1, 1]) + rng.uniform(0, 6)
    return [np.stack([0.5 + 0.5 * t * np.cos(angles), 0.5 + 0.5 * t * np.sin(angles)], axis=1)]


def cross(rng: Rng) -> list[Path]:
    """Two strokes or three through one middle: upright or slanted."""
    count = int(rng.integers(2, 4))
    paths = [_open((0, 0.5), (1, 0.5))]
    strokes = [spun(paths, place * np.pi / count)[0] for place in range(count)]
    return spun(strokes, float(rng.choice([0, np.pi / 4])))


def zigzag(rng: Rng) -> list[Path]:
    """Four to eight strokes to and fro; with three it might be a two."""
    corners = int(rng.integers(5, 10))
    x = np.linspace(0, 1, corners)
    y = np.where(np.arange(corners) % 2 == 0, 0.2, 0.8) + rng.normal(0, 0.06, corners)
    return spun([np.stack([x, y], axis=1)], rng.choice([0, np.pi / 2]))


def wave(rng: Rng) -> list[Path]:
    """Two to four waves."""
    x = np.linspace(0, 1, 80)
    y = 0.5 + rng.uniform(0.12, 0.3) * np.sin(x * rng.integers(2, 5) * 2 * np.pi)
    return spun([np.stack([x, y], axis=1)], rng.choice([0, np.pi / 2]))


def smiley(rng: Rng) -> list[Path]:
    """A face: eyes, a mouth, mostly a nose."""
    mood = rng.choice([-1, 1])
    mouth = _round(0.5, 0.6 if mood > 0 else 0.85, 0.24, 0.18, 0.05, 0.45)
    if mood < 0:
        mouth = _round(0.5, 0.85, 0.24, 0.18, 0.55, 0.95)
    eyes = [_round(x, 0.36, 0.04, 0.05) for x in (0.33, 0.67)]
    nose = [_open((0.5, 0.45), (0.47, 0.58))] if rng.random() < 0.6 else []
    return [_round(0.5, 0.5, 0.5, 0.5), mouth, *eyes, *nose]


def house(rng: Rng) -> list[Path]:
    """A house with a roof, mostly with a door or a window."""
    roof = rng.uniform(0.3, 0.5)
    paths = [_closed((0.1, 1), (0.9, 1), (0.9, roof), (0.1, roof)), _open((0, roof + 0.05), (0.5, 0), (1, roof + 0.05))]
    if rng.random() < 0.7:
        paths.append(_open((0.4, 1), (0.4, 0.7), (0.6, 0.7), (0.6, 1)))
    return paths


def figure(rng: Rng) -> list[Path]:
    """A person of strokes."""
    arms = rng.uniform(-0.2, 0.2)
    return [
        _round(0.5, 0.14, 0.13, 0.14),
        _open((0.5, 0.28), (0.5, 0.65)),
        _open((0.2, 0.42 + arms), (0.5, 0.4), (0.8, 0.42 + arms)),
        _open((0.25, 1), (0.5, 0.65), (0.75, 1)),
    ]


def tree(rng: Rng) -> list[Path]:
    """A fir of two to four tiers."""
    tiers = int(rng.integers(2, 5))
    paths = [_open((0.5, 0.85), (0.5, 1))]
    for tier in range(tiers):
        top, bottom = tier * 0.85 / tiers * 0.85, (tier + 1) * 0.85 / tiers
        wide = 0.2 + 0.3 * (tier + 1) / tiers
        paths.append(_closed((0.5, top), (0.5 + wide, bottom), (0.5 - wide, bottom)))
    return paths


def flower(rng: Rng) -> list[Path]:
    """Five to seven petals, on a stem or without."""
    petals = int(rng.integers(5, 8))
    t = np.linspace(0, 2 * np.pi, 160)
    reach = 0.2 + 0.14 * np.cos(petals * t)
    stem = [_open((0.5, 0.4), (0.52, 1))] if rng.random() < 0.5 else []
    return [np.stack([0.5 + reach * np.cos(t), 0.34 + reach * np.sin(t)], axis=1), _round(0.5, 0.34, 0.07, 0.07), *stem]


def check(rng: Rng) -> list[Path]:
    """A tick in a box, or a box with a cross."""
    mark = [_open((0.15, 0.5), (0.4, 0.8), (0.95, 0.0))]
    if rng.random() < 0.4:
        mark = [_open((0.2, 0.25), (0.8, 0.9)), _open((0.8, 0.2), (0.2, 0.9))]
    return [_closed((0, 0.1), (0.9, 0.1), (0.9, 1), (0, 1)), *mark]


def tick(rng: Rng) -> list[Path]:
    """A tick alone, its short side to the left and its long side slanted."""
    return [_open((0, rng.uniform(0.5, 0.65)), (0.3, 1), (1, 0))]


def ladder(rng: Rng) -> list[Path]:
    """Rails and rungs, as a ladder, a fence or a hash."""
    count = int(rng.integers(2, 6))
    rungs = [_open((0, y), (1, y)) for y in np.linspace(0.2, 0.8, count)]
    return spun([_open((0.25, 0), (0.25, 1)), _open((0.75, 0), (0.75, 1)), *rungs], rng.choice([0, np.pi / 2, 0.2]))


def bolt(rng: Rng) -> list[Path]:
    """A flash of lightning, as an outline."""
    del rng
    return [_closed((0.6, 0), (0.2, 0.55), (0.48, 0.55), (0.35, 1), (0.85, 0.4), (0.55, 0.4), (0.8, 0))]


def scribble(rng: Rng) -> list[Path]:
    """A line to and fro over itself through 9 to 18 points."""
    points = rng.uniform(0, 1, (int(rng.integers(9, 19)), 2))
    return [spline(points)]


def hatching(rng: Rng) -> list[Path]:
    """Something crossed out: many slanted strokes, close together."""
    count = int(rng.integers(5, 12))
    x = np.linspace(0, 0.75, count) + rng.normal(0, 0.02, count)
    return [_open((left, 1 + rng.normal(0, 0.05)), (left + 0.25, rng.normal(0, 0.05))) for left in x]


def dots(rng: Rng) -> list[Path]:
    """Four to twelve dots."""
    return [_round(x, y, 0.03, 0.03) for x, y in rng.uniform(0, 1, (int(rng.integers(4, 13)), 2))]


SHAPES: dict[str, Shape] = {
    function.__name__: function
    for function in (
        triangle, square, polygon, star, arrow, heart, spiral, cross, zigzag, wave, smiley, house, figure, tree, flower,
        check, tick, ladder, bolt, scribble, hatching, dots,
    )
}  # fmt: skip
FILLED = ("triangle", "square", "polygon", "star", "heart", "bolt", "flower")
"""Shapes that are drawn filled at times."""


def shape(rng: Rng, size: float = 80.0) -> Layer:
    """One of the shapes, about `size` pixels large, with a pen between 2 and 12 % of it; or a filled one."""
    name = str(rng.choice(list(SHAPES)))
    filled = name in FILLED and rng.random() < 0.3
    return draw(rng, SHAPES[name](rng), size, size * rng.uniform(0.02, 0.12), filled=filled)


def blob(rng: Rng, size: float = 80.0) -> Layer:
    """A filled spot with an uneven edge."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    reach = 0.5 * rng.uniform(0.45, 1, 12)
    points = 0.5 + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outline = spline(np.concatenate([points, points[:1]]))
    return draw(rng, [outline], size, 1.0, filled=True)
