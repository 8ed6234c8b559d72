"""What all parts of the page are written with."""

from collections.abc import Sequence
from typing import Any

NOT_MEASURED = "not measured"


def table(columns: Sequence[str], left: int, rows: list[list[str]]) -> str:
    """Rows below their columns' names, of which the first so many stand on the left."""
    lines = [list(columns), ["---"] * left + ["---:"] * (len(columns) - left), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def mean(figures: dict[str, Any]) -> str:
    """An accuracy of a card: the mean over the seeds, their standard deviation and how many they are."""
    spread = f" ± {figures['sd']:.2%}" if figures["sd"] is not None else ""
    return f"{figures['mean']:.2%}{spread} ({len(figures['seeds'])})"
