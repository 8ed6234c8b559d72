"""Names beside the points of a plot, none over another or over a point."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

Place = Sequence[float]
"""x and y, in pixels."""
MARKER, NEAR = 5.0, 9.0
"""Points: half of what a marker takes, and from its middle to a name without a line to it."""
DISTANCES = (NEAR, 16.0, 26.0, 38.0, 52.0, 68.0)
DIRECTIONS = (0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90)
"""Degrees, the ones that are liked best first."""


@dataclass(frozen=True)
class Label:
    """A name, where its point is in the data, and how it is written."""

    x: float
    y: float
    text: str
    style: dict[str, Any]


def write(axes: Axes, labels: Sequence[Label], line: Sequence[tuple[float, float]] = ()) -> None:
    """Write each name at the nearest place that is free, with a line to its point where that is some way off.

    line: corners of a line, in the data, that no name covers; its parts run along the axes. The axes have to have their
    final limits and place. Raises ValueError where a name finds no room.
    """
    figure = axes.figure
    canvas = FigureCanvasAgg(figure.get_figure(root=True))
    dots = figure.dpi / 72
    at = [axes.transData.transform((label.x, label.y)) for label in labels]
    taken = [Bbox.from_bounds(x - MARKER * dots, y - MARKER * dots, 2 * MARKER * dots, 2 * MARKER * dots) for x, y in at]
    corners = [axes.transData.transform(corner) for corner in line]
    taken += [_around(start, end, dots) for start, end in pairwise(corners)]
    for label, (x, y) in zip(labels, at, strict=True):
        text = axes.text(0, 0, label.text, transform=None, ha="left", va="bottom", **label.style)
        size = text.get_window_extent(canvas.get_renderer())
        place, distance = next(
            ((box, distance) for box, distance in _places(x, y, size.width, size.height, dots) if _free(box, axes, taken)),
            (None, 0.0),
        )
        if place is None:
            raise ValueError(f"there is no room for {label.text!r}")
        text.set_position((place.x0, place.y0))
        taken.append(place)
        if distance > NEAR:
            end = (min(max(x, place.x0), place.x1), min(max(y, place.y0), place.y1))
            axes.annotate(
                "", (label.x, label.y), end, textcoords="figure pixels",
                arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "0.55", "shrinkA": 1, "shrinkB": 3},
            )  # fmt: skip


def _places(x: float, y: float, width: float, height: float, dots: float) -> Iterator[tuple[Bbox, float]]:
    """Boxes of a size around a point, the nearest first: each touches a circle with the side or corner that faces it."""
    for distance in DISTANCES:
        for direction in DIRECTIONS:
            across, up = math.cos(math.radians(direction)), math.sin(math.radians(direction))
            left = x + across * distance * dots - width * (0.5 - 0.5 * _sign(across))
            low = y + up * distance * dots - height * (0.5 - 0.5 * _sign(up))
            yield Bbox.from_bounds(left, low, width, height), distance


def _around(start: Place, end: Place, dots: float) -> Bbox:
    (left, right), (low, high) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return Bbox([[left - dots, low - dots], [right + dots, high + dots]])


def _sign(value: float) -> int:
    return 0 if abs(value) < 0.2 else 1 if value > 0 else -1


def _free(box: Bbox, axes: Axes, taken: Sequence[Bbox]) -> bool:
    inside = axes.bbox
    fits = box.x0 > inside.x0 and box.x1 < inside.x1 and box.y0 > inside.y0 and box.y1 < inside.y1
    return fits and not any(box.overlaps(other) for other in taken)
