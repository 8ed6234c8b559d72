"""Accuracy against speed, drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from serving.benchmark.measure import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "os^Dv<>"
INCHES, LINE_INCHES = 0.5, 0.17
"""Of a panel's height for each of its models, and from one label to the next."""
TICKS = (0.1, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
"""Accuracies that are named at the side."""


class PlotImpossible(Exception):
    """Nothing can be drawn; the message says why."""


def check() -> None:
    """Raises PlotImpossible where matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise PlotImpossible("A plot needs matplotlib, which is not installed: pip install 'digits[train]'") from None


def draw(measured: Sequence[Measured], batch: int, title: str, path: Path) -> None:
    """Write a plot, a panel for each data set. batch: the one whose speed is shown. Raises PlotImpossible, OSError."""
    check()
    from matplotlib.figure import Figure

    datasets = sorted({one.dataset for one in measured if one.correct}, reverse=True)
    if not datasets:
        raise PlotImpossible("Without the test set there is no accuracy to draw")
    models = {name: len({one.model for one in measured if one.dataset == name}) for name in datasets}
    heights = [max(4, models[name]) for name in datasets]
    figure = Figure(figsize=(10, 1.2 + INCHES * sum(heights)), layout="constrained")
    figure.suptitle(title, fontsize=9)
    ways = list(dict.fromkeys(one.way.name for one in measured))
    panels = figure.subplots(len(datasets), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for axes, name, height in zip(panels, datasets, heights, strict=True):
        _panel(
            axes,
            [one for one in measured if one.dataset == name and one.correct],
            ways,
            batch,
            LINE_INCHES / (INCHES * height),
        )
        axes.set_title(name, fontsize=10, loc="left")
    panels[-1].set_xlabel(f"images a second, {batch:,} at once")
    panels[0].legend(fontsize=8, loc="lower left")
    figure.savefig(path, dpi=120, bbox_inches="tight")


def _panel(axes: "Axes", measured: Sequence[Measured], ways: Sequence[str], batch: int, line: float) -> None:
    """line: from one label to the next, as a share of the panel's height."""
    axes.set(xscale="log", yscale="logit", ylabel="accuracy on the test set")
    for place, way in enumerate(ways):
        of_way = [one for one in measured if one.way.name == way]
        axes.scatter(
            [one.speed(batch) for one in of_way], [one.accuracy or 0 for one in of_way],
            s=28, marker=MARKERS[place % len(MARKERS)], label=way, alpha=0.8,
        )  # fmt: skip
    shares = [one.accuracy for one in measured if one.accuracy is not None]
    bottom, top = min(shares) * 0.7, 1 - (1 - max(shares)) * 0.6
    axes.set_ylim(bottom, top)
    ticks = [tick for tick in TICKS if bottom < tick < top]
    axes.set_yticks(ticks, [f"{tick:.1%}".replace(".0%", "%") for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    _label(axes, measured, batch, line)


def _label(axes: "Axes", measured: Sequence[Measured], batch: int, line: float) -> None:
    """Names in a column beside the panel, each with a line to its fastest point: they cannot cover anything there."""
    fastest: dict[str, Measured] = {}
    for one in measured:
        if one.model not in fastest or one.speed(batch) > fastest[one.model].speed(batch):
            fastest[one.model] = one
    to_share = axes.transScale + axes.transLimits
    points = sorted((float(to_share.transform((one.speed(batch), one.accuracy or 0))[1]), one) for one in fastest.values())
    heights = spread([height for height, _ in points], line)
    for (_, one), height in zip(points, heights, strict=True):
        axes.annotate(
            one.model, (one.speed(batch), one.accuracy or 0), (1.02, height), textcoords="axes fraction",
            fontsize=8, va="center", arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "grey", "relpos": (0, 0.5)},
        )  # fmt: skip


def spread(heights: Sequence[float], line: float) -> list[float]:
    """The heights, ascending, moved apart until there is a line between them, each as little as may be."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _bottom(groups[-1], line) - _top(groups[-2], line) < line:
            last = groups.pop()
            groups[-1] += last
    return [_bottom(group, line) + place * line for group in groups for place in range(len(group))]


def _bottom(group: Sequence[float], line: float) -> float:
    return sum(group) / len(group) - (len(group) - 1) * line / 2


def _top(group: Sequence[float], line: float) -> float:
    return _bottom(group, line) + (len(group) - 1) * line
