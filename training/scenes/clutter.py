"""What is beside the digit and is not meant: tables, frames, dust, holes, neighbours. Layers of coverage, 0 to 1."""

import cv2
import numpy as np
import numpy.typing as npt

from serving.reading import Ink
from training.scenes.digit import Layer, Placed, lay, stroke
from training.scenes.paper import Canvas, Shape, clouds, half_plane, mix, sheet, wood

BITS = 4
"""Of the fraction that OpenCV takes coordinates with."""
Corners = npt.NDArray[np.float64]
"""(N, 2) x and y, in pixels."""


def outline(shape: Shape, corners: Corners, thickness: float) -> Layer:
    """A closed polygon's line."""
    return _lines(shape, [corners], thickness, closed=True)


def lines(shape: Shape, paths: list[Corners], thickness: float) -> Layer:
    """Open lines."""
    return _lines(shape, paths, thickness, closed=False)


def _lines(shape: Shape, paths: list[Corners], thickness: float, *, closed: bool) -> Layer:
    drawn = np.zeros(shape, np.uint8)
    whole = max(round(thickness), 1)
    fixed = [np.rint(path * 2**BITS).astype(np.int32).reshape(-1, 1, 2) for path in paths]
    cv2.polylines(drawn, fixed, closed, 255, whole, cv2.LINE_AA, BITS)
    return drawn.astype(np.float32) * np.float32(1 / 255)


def table_sides(rng: np.random.Generator) -> dict[str, float]:
    """One to three sides at which the paper ends, and how deep the table reaches in: shares of the height or width."""
    count = int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
    sides = rng.permutation(["top", "bottom", "left", "right"])[:count]
    return {str(side): float(rng.uniform(0.05, 0.25)) for side in sides}


def table_cover(rng: np.random.Generator, shape: Shape, sides: dict[str, float]) -> Layer:
    """Where the table is; its edges are slightly slanted."""
    height, width = shape
    softness = float(rng.uniform(1, 2.5))
    points = {
        "top": ((sides.get("top", 0) * height, width / 2), -np.pi / 2),
        "bottom": ((height - sides.get("bottom", 0) * height, width / 2), np.pi / 2),
        "left": ((height / 2, sides.get("left", 0) * width), np.pi),
        "right": ((height / 2, width - sides.get("right", 0) * width), 0.0),
    }
    cover = np.zeros(shape, np.float32)
    for side in sides:
        point, angle = points[side]
        cover = np.maximum(cover, half_plane(shape, point, angle + rng.normal(0, 0.035), softness))
    return cover


def table(rng: np.random.Generator, shape: Shape) -> Canvas:
    """A dark table: even, mottled or of wood."""
    kind = rng.random()
    if kind < 0.35:
        return wood(rng, shape)
    even = sheet(shape, float(rng.uniform(8, 75)))
    return (
        even if kind < 0.6 else np.maximum(even + clouds(rng, shape, rng.uniform(2, 12)) * np.float32(rng.uniform(4, 14)), 0)
    )


def frame_around(rng: np.random.Generator, digit: Placed, gap: tuple[float, float]) -> Corners:
    """A rectangle's corners around a digit, slightly turned. gap: of each side to the digit, as shares of its size."""
    top, left = digit.top - rng.uniform(*gap) * digit.size, digit.left - rng.uniform(*gap) * digit.size
    bottom, right = digit.bottom + rng.uniform(*gap) * digit.size, digit.right + rng.uniform(*gap) * digit.size
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    angle = rng.normal(0, 0.02)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = corners.mean(0)
    return np.asarray((corners - middle) @ turn.T + middle, np.float64)


def gaps(rng: np.random.Generator, cover: Layer, size: float) -> Layer:
    """A layer with up to three spots of it missing, as where a printed line breaks."""
    kept = cover.copy()
    seen = np.argwhere(cover > 0.5)
    for _ in range(int(rng.integers(1, 4)) if len(seen) else 0):
        row, column = seen[rng.integers(len(seen))]
        cv2.circle(kept, (int(column), int(row)), max(round(size * rng.uniform(0.02, 0.09)), 1), 0.0, -1)
    return kept


def cell(rng: np.random.Generator, shape: Shape, thickness: float) -> tuple[Layer, tuple[float, float, float, float]]:
    """The lines of a grid around one cell, at all four borders and on beyond; and the cell's margins, as shares."""
    height, width = shape
    margin = rng.uniform(0.01, 0.13, 4)
    top, bottom, left, right = margin * (height, height, width, width)
    slant = rng.normal(0, 0.012, 4) * max(shape)
    paths = [
        np.array([[-5, top - slant[0]], [width + 5, top + slant[0]]]),
        np.array([[-5, height - bottom - slant[1]], [width + 5, height - bottom + slant[1]]]),
        np.array([[left - slant[2], -5], [left + slant[2], height + 5]]),
        np.array([[width - right - slant[3], -5], [width - right + slant[3], height + 5]]),
    ]
    cover = np.zeros(shape, np.float32)
    for path in paths:
        heavy = 2.0 if rng.random() < 0.2 else 1.0
        cover = np.maximum(cover, lines(shape, [path], thickness * heavy))
    one, two, three, four = (float(side) for side in margin + 1.5 * thickness / min(shape))
    return cover, (one, two, three, four)


def dust(rng: np.random.Generator, shape: Shape, count: int, largest: float) -> Layer:
    """Specks of up to `largest` pixels' radius anywhere."""
    drawn = np.zeros(shape, np.uint8)
    for _ in range(count):
        centre = tuple(int(place) for place in rng.uniform(0, 1, 2) * shape[::-1] * 2**BITS)
        radius = rng.uniform(0.4, largest, 2) * 2**BITS
        axes = (max(int(radius[0]), 1), max(int(radius[1]), 1))
        points = cv2.ellipse2Poly((0, 0), axes, int(rng.integers(180)), 0, 360, 45) + np.array(centre)
        cv2.fillPoly(drawn, [points.astype(np.int32)], int(rng.integers(120, 256)), cv2.LINE_AA, BITS)
    return drawn.astype(np.float32) * np.float32(1 / 255)


def holes(rng: np.random.Generator, shape: Shape) -> Layer:
    """One or two punched holes along the left, right or top margin."""
    drawn = np.zeros(shape, np.uint8)
    height, width = shape
    radius = rng.uniform(0.03, 0.06) * min(shape)
    away, along = radius * rng.uniform(1.2, 1.9), np.sort(rng.uniform(0.12, 0.88, int(rng.integers(1, 3))))
    side = rng.choice(["left", "right", "top"])
    for share in along:
        x, y = {
            "left": (away, share * height),
            "right": (width - away, share * height),
            "top": (share * width, away),
        }[str(side)]
        cv2.circle(drawn, (int(x * 16), int(y * 16)), int(radius * 16), 255, -1, cv2.LINE_AA, BITS)
    return drawn.astype(np.float32) * np.float32(1 / 255)


def neighbour(ink: Ink, rng: np.random.Generator, digit: Placed, side: str) -> Layer:
    """Another digit of about the same size that enters at one side and is cut off by it.

    Which digit it is hardly shows, so the same one serves, turned and mirrored.
    """
    other = np.rot90(ink[:, ::-1] if rng.random() < 0.5 else ink, int(rng.integers(4)))
    drawn = stroke(np.ascontiguousarray(other), rng, digit.size * rng.uniform(0.8, 1.15), 0.5)
    height, width = digit.cover.shape
    seen = rng.uniform(0.12, 0.4)
    high, wide = drawn.shape
    row, column = int(rng.uniform(0, max(height - high, 1))), int(rng.uniform(0, max(width - wide, 1)))
    top, left = {
        "left": (row, round(-wide * (1 - seen))),
        "right": (row, round(width - wide * seen)),
        "top": (round(-high * (1 - seen)), column),
        "bottom": (round(height - high * seen), column),
    }[side]
    return lay(drawn, digit.cover.shape, top, left).cover


def glare(rng: np.random.Generator, shape: Shape) -> Layer:
    """A soft bright spot, as of a lamp on a whiteboard: 0 to 1."""
    height, width = shape
    y, x = rng.uniform(0.05, 0.95) * height, rng.uniform(0.05, 0.95) * width
    high, wide = rng.uniform(0.1, 0.3, 2) * min(shape)
    rows = ((np.arange(height, dtype=np.float32) - np.float32(y)) / np.float32(high)) ** 2
    columns = ((np.arange(width, dtype=np.float32) - np.float32(x)) / np.float32(wide)) ** 2
    return np.exp(-(rows[:, None] + columns[None, :]) / 2)


def on_table(rng: np.random.Generator, canvas: Canvas, sides: dict[str, float]) -> Canvas:
    """A sheet of paper lying on a dark table that shows at these sides, with the shadow the paper casts."""
    shape = (canvas.shape[0], canvas.shape[1])
    cover = table_cover(rng, shape, sides)
    return mix(canvas, table(rng, shape), cover)
