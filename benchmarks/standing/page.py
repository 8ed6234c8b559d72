"""docs/pareto.md: all points as tables, with their sources, below the plot."""

from collections.abc import Sequence

from benchmarks.standing.points import AXES, Axis, Point, front

HEAD = """# Where the models stand

Written by `python benchmarks/pareto.py` from the cards, `models/speed.json` and the published figures in
`benchmarks/standing/references.py`; a test holds them together. Accuracies are of the official test split, means where there
are several runs. A figure in **bold** is on the front: nothing here costs less, or runs faster, and is at least as right;
what the test split itself has chosen is left aside. What a source does not say is left empty. Speeds are of files that were
run here, 64 pictures at once on one core.

![Accuracy against FLOP, parameters and pictures a second](pictures/pareto.png)
"""
COLUMNS = ("network", "by", "right", "what that is", "parameters", "MFLOP", "pictures/s")
NAMES: dict[Axis, str] = {"flops": "FLOP", "parameters": "parameters", "images_per_second": "pictures a second"}


def page(points: Sequence[Point]) -> str:
    """The whole text."""
    parts = [HEAD.strip()]
    for dataset in dict.fromkeys(one.dataset for one in sorted(points, key=lambda one: one.dataset, reverse=True)):
        of_set = sorted((one for one in points if one.dataset == dataset), key=lambda one: one.error)
        fronts = {axis: {one.name for one in front(of_set, axis)} for axis in AXES}
        lines = [COLUMNS, ("---",) * 2 + ("---:",) + ("---",) + ("---:",) * 3, *(_row(one, fronts) for one in of_set)]
        parts.append(f"## {dataset}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines))
    parts.append("## Sources\n\n" + "\n".join(f"- {one.name} ({one.dataset}): {one.source}" for one in points if one.source))
    return "\n\n".join(parts) + "\n"


def _row(one: Point, fronts: dict[Axis, set[str]]) -> tuple[str, ...]:
    def cost(axis: Axis, told: str) -> str:
        return f"**{told}**" if one.name in fronts[axis] else told

    spread = f" ± {one.sd:.2%}" if one.sd is not None else ""
    return (
        one.name if one.maker == "others" else f"`{one.name}`",
        {"labs": "a lab", "ours": "us", "others": "others"}[one.maker],
        f"{one.told}{spread}",
        one.how + (", chosen by the test split" if one.is_chosen else ""),
        cost("parameters", f"{one.parameters:,}") if one.parameters else "",
        cost("flops", f"{one.flops / 1e6:.3g}") if one.flops else "",
        cost("images_per_second", f"{one.images_per_second:,}") if one.images_per_second else "",
    )
