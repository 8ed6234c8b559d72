"""Accuracy against what it costs: a panel for each cost, the points named, the front drawn."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.standing import labels
from benchmarks.standing.labels import Label
from benchmarks.standing.points import Axis, Point, front
from serving.settings import DEFAULT_MODEL

PANELS: tuple[tuple[str, Axis, str], ...] = (
    ("MNIST", "flops", "FLOP a picture (further left is better)"),
    ("MNIST", "parameters", "parameters (further left is better)"),
    ("MNIST", "images_per_second", "pictures a second on one core, 64 at once (further right is better)"),
    ("FashionMNIST", "parameters", "parameters (further left is better)"),
)
STYLES = {
    ("labs", False): ("#2f5d8c", "o", "#2f5d8c", "a lab's network"),
    ("ours", False): ("#c0392b", "s", "#c0392b", "our own"),
    ("others", False): ("#555555", "^", "#555555", "published by others"),
    ("others", True): ("#555555", "^", "white", "published, chosen by the test split"),
}
"""By who made it, and whether the test split chose it: colour, marker, filling, legend."""
TICKS = (0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
"""Accuracies that are named at the side, where errors are on a scale of powers."""
ROOM = (14.0, 30.0)
"""By how much the values reach beyond the points, to the left and the right: names need it."""


def draw(points: Sequence[Point], path: Path) -> None:
    """Write the plot. Raises OSError, and ValueError where a name finds no room."""
    figure = Figure(figsize=(11, 9.2), dpi=150, layout="constrained")
    panels = [(_known(points, dataset, axis), dataset, axis, told) for dataset, axis, told in PANELS]
    for axes, (known, dataset, axis, told) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        _panel(axes, known, axis)
        axes.set_xlabel(told)
        axes.set_title(f"{dataset}: right answers on the test split", fontsize=10, loc="left")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), fontsize=9, loc="outside upper center", ncols=4, frameon=False
    )
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")  # names are placed in pixels, so nothing may move from here on
    for axes, (known, _, axis, _) in zip(figure.axes, panels, strict=True):
        labels.write(axes, _labels(known, axis), _steps(front(known, axis), axis))
    figure.savefig(path)


def _known(points: Sequence[Point], dataset: str, axis: Axis) -> list[Point]:
    return [one for one in points if one.dataset == dataset and getattr(one, axis) is not None]


def _panel(axes: Axes, points: Sequence[Point], axis: Axis) -> None:
    axes.set(xscale="log", yscale="log")
    values, errors = [getattr(one, axis) for one in points], [one.error for one in points]
    if values:
        axes.set_xlim(min(values) / ROOM[0], max(values) * ROOM[1])
        axes.set_ylim(max(errors) * 1.5, min(errors) / 2)  # fewer errors are higher up
    steps = _steps(front(points, axis), axis)
    axes.plot([x for x, _ in steps], [y for _, y in steps], color="0.75", lw=1.2, zorder=0)
    for (maker, is_chosen), (colour, marker, fill, told) in STYLES.items():
        some = [one for one in points if (one.maker, one.is_chosen) == (maker, is_chosen)]
        axes.scatter(
            [getattr(one, axis) for one in some], [one.error for one in some],
            s=30, edgecolors=colour, facecolors=fill, marker=marker, label=told,
        )  # fmt: skip
    low, high = sorted(axes.get_ylim())
    ticks = [tick for tick in TICKS if low < 1 - tick < high]
    axes.set_yticks([1 - tick for tick in ticks], [f"{tick:.1%}".replace(".0%", "%") for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.25)


def _steps(best: Sequence[Point], axis: Axis) -> list[tuple[float, float]]:
    """The corners of the front: from each point along its accuracy to the next's cost."""
    corners: list[tuple[float, float]] = []
    for one in best:
        if corners:
            corners.append((getattr(one, axis), corners[-1][1]))
        corners.append((getattr(one, axis), one.error))
    return corners


def _labels(points: Sequence[Point], axis: Axis) -> list[Label]:
    """The best first: where it is crowded the others make room."""
    return [
        Label(
            getattr(one, axis),
            one.error,
            f"{one.name} {one.told}",
            {
                "fontsize": 7.5,
                "color": STYLES[one.maker, one.is_chosen][0],
                "fontweight": "bold" if one.name == DEFAULT_MODEL and one.maker != "others" else "normal",
            },
        )
        for one in sorted(points, key=lambda one: one.error)
    ]
