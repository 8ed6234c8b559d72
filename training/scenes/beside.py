"""Factors of what is beside the digit: tables, boxes, cells, dust, holes, neighbours. All: (ink, rng) to pixels."""

import numpy as np

from serving.reading import Ink
from training.scenes.camera import Picture, blurred, develop, tilted
from training.scenes.clutter import (
    cell,
    dust,
    frame_around,
    gaps,
    holes,
    lines,
    neighbour,
    on_table,
    outline,
    table_sides,
)
from training.scenes.digit import Layer, Placed, canvas_shape, write
from training.scenes.paper import Canvas, grey, mix, sheet

Rng = np.random.Generator


def _dark_on_light(rng: Rng, digit: Placed) -> tuple[Canvas, float]:
    """A digit in dark ink on light paper, and how dark its ink is."""
    pen = float(rng.uniform(10, 80))
    return mix(sheet(digit.cover.shape, grey(rng, 205, 255)), pen, digit.cover), pen


def _line(rng: Rng, canvas: Canvas, pen: float, cover: Layer) -> Canvas:
    """Printed lines over a canvas: as dark as the pen, or paler."""
    colour = pen + rng.normal(0, 8) if rng.random() < 0.5 else rng.uniform(pen, 160)
    return mix(canvas, float(np.clip(colour, 0, 255)), cover)


def table_edge(ink: Ink, rng: Rng) -> Picture:
    """The paper ends in the picture: one to three sides show a dark table, 5 to 25 % deep."""
    sides = table_sides(rng)
    margin = tuple(sides.get(side, 0) + 0.05 for side in ("top", "bottom", "left", "right"))
    digit = write(ink, rng, share=(0.5, 0.85), margin=(margin[0], margin[1], margin[2], margin[3]))
    return develop(rng, on_table(rng, _dark_on_light(rng, digit)[0], sides))


def box(ink: Ink, rng: Rng) -> Picture:
    """A form's box closed around the digit, which does not touch it."""
    digit = write(ink, rng, share=(0.35, 0.6), margin=(0.16, 0.16, 0.16, 0.16))
    canvas, pen = _dark_on_light(rng, digit)
    thickness = digit.size * rng.uniform(0.02, 0.1)
    corners = frame_around(rng, digit, (0.1, 0.3))
    return develop(rng, _line(rng, canvas, pen, outline(digit.cover.shape, corners, thickness)))


def open_box(ink: Ink, rng: Rng) -> Picture:
    """A form's box with gaps, or cut off by the picture's border on one or more sides."""
    digit = write(ink, rng, share=(0.45, 0.75), margin=(0.08, 0.08, 0.08, 0.08))
    canvas, pen = _dark_on_light(rng, digit)
    corners = frame_around(rng, digit, (0.1, 0.35))
    if rng.random() < 0.5:  # pushed over the border on one side
        side = int(rng.integers(4))
        far = (-10, -10, digit.cover.shape[1] + 10, digit.cover.shape[0] + 10)[side]
        corners[[(0, 3), (0, 1), (1, 2), (2, 3)][side], side % 2] = far
    cover = outline(digit.cover.shape, corners, digit.size * rng.uniform(0.02, 0.1))
    return develop(rng, _line(rng, canvas, pen, gaps(rng, cover, float(np.ptp(corners)))))


def touching_box(ink: Ink, rng: Rng) -> Picture:
    """A form's box that the digit touches or crosses by a little, on one to three sides."""
    digit = write(ink, rng, share=(0.4, 0.7), margin=(0.12, 0.12, 0.12, 0.12))
    canvas, pen = _dark_on_light(rng, digit)
    thickness = digit.size * rng.uniform(0.015, 0.06)
    corners = frame_around(rng, digit, (0.05, 0.25))
    for side in rng.permutation(4)[: int(rng.integers(1, 4))]:
        inward = digit.size * rng.uniform(-0.01, 0.07)
        edge = (digit.left + inward, digit.top + inward, digit.right - inward, digit.bottom - inward)[side]
        corners[[(0, 3), (0, 1), (1, 2), (2, 3)][side], side % 2] = edge
    return develop(rng, _line(rng, canvas, pen, outline(digit.cover.shape, corners, thickness)))


def grid_cell(ink: Ink, rng: Rng) -> Picture:
    """A cell cut out of a grid, as of a sudoku: lines at all four borders, the neighbours' paper beyond, some blur."""
    canvas = _celled(ink, rng)
    return develop(rng, blurred(canvas, min(canvas.shape[:2]) * rng.uniform(0, 0.016)), blur=0.3)


def tilted_cell(ink: Ink, rng: Rng) -> Picture:
    """A cell of a grid seen at an angle."""
    return develop(rng, tilted(rng, _celled(ink, rng), 0.06, rng.normal(0, 0.03)))


def _celled(ink: Ink, rng: Rng) -> Canvas:
    shape = canvas_shape(rng, 48, 160)
    thickness = max(min(shape) * rng.uniform(0.012, 0.05), 1.0)
    cover, margin = cell(rng, shape, thickness)
    inner = tuple(side + 0.04 for side in margin)
    digit = write(ink, rng, shape, (0.5, 0.9), (inner[0], inner[1], inner[2], inner[3]))
    canvas, pen = _dark_on_light(rng, digit)
    return _line(rng, canvas, pen, cover)


def specks(ink: Ink, rng: Rng) -> Picture:
    """Specks of dust and small blots."""
    digit = write(ink, rng)
    canvas, pen = _dark_on_light(rng, digit)
    largest = max(digit.size * rng.uniform(0.012, 0.035), 0.7)
    cover = dust(rng, digit.cover.shape, int(rng.integers(3, 40)), largest)
    return develop(rng, mix(canvas, float(rng.uniform(pen, 120)), cover))


def punched(ink: Ink, rng: Rng) -> Picture:
    """Punched holes at the margin, through which something dark shows."""
    digit = write(ink, rng, share=(0.4, 0.7), margin=(0.16, 0.06, 0.16, 0.16))
    canvas, _ = _dark_on_light(rng, digit)
    return develop(rng, mix(canvas, grey(rng, 5, 80), holes(rng, digit.cover.shape)))


def neighbours(ink: Ink, rng: Rng) -> Picture:
    """Other digits of a row enter at one or two sides, cut off by the picture's border."""
    sides = rng.permutation(["left", "right", "left", "right", "top", "bottom"])[: int(rng.integers(1, 3))]
    margin = tuple(0.26 if side in sides else 0.05 for side in ("top", "bottom", "left", "right"))
    digit = write(ink, rng, share=(0.7, 0.95), margin=(margin[0], margin[1], margin[2], margin[3]))
    cover = digit.cover
    for side in sides:
        cover = np.maximum(cover, neighbour(ink, rng, digit, str(side)))
    return develop(rng, mix(sheet(cover.shape, grey(rng, 205, 255)), grey(rng, 10, 80), cover))


def underlined(ink: Ink, rng: Rng) -> Picture:
    """A form's single line under the digit, from border to border, not touching it."""
    digit = write(ink, rng, margin=(0.06, 0.2, 0.06, 0.06))
    canvas, pen = _dark_on_light(rng, digit)
    height, width = digit.cover.shape
    thickness = max(digit.size * rng.uniform(0.015, 0.06), 1)
    y = min(digit.bottom + thickness + digit.size * rng.uniform(0.05, 0.2), height - thickness)
    path = np.array([[-5, y], [width + 5, y + rng.normal(0, 0.01) * width]])
    return develop(rng, _line(rng, canvas, pen, lines(digit.cover.shape, [path], thickness)))
