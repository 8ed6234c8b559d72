"""The labs' exercises, each beside what it changes."""

import math
from typing import Any

from training.table.markdown import mean, table

COLUMNS = ("exercise", "asked", "parameters", "validation", "test", "beside", "difference on validation")


def exercises_table(measured: dict[str, Any], models: dict[str, dict[str, Any]]) -> str:
    """The exercises, each beside what it changes."""
    validations = models | {name: one["validation"] for name, one in measured.items()}
    rows = [
        [
            f"`{name}`",
            f"{one['lab']}: {one['asked']}",
            f"{one['parameters']:,}",
            mean(one["validation"]),
            mean(one["test"]),
            f"`{one['against']}`",
            _difference(one["validation"], validations[one["against"]]),
        ]
        for name, one in measured.items()
    ]
    hardware = ", ".join(sorted({one["hardware"] for one in measured.values()}))
    return (
        "## The labs' exercises\n\nTrained and compared, not exported. A difference is in percentage points, with how "
        f"many of its standard errors it is. {hardware}.\n\n" + table(COLUMNS, 2, rows)
    )


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The difference of two means over seeds, and its size in standard errors (Welch 1947)."""
    points = one["mean"] - other["mean"]
    error = math.sqrt(sum((figures["sd"] or 0) ** 2 / len(figures["seeds"]) for figures in (one, other)))
    return f"{points * 100:+.2f}" + (f" ({points / error:+.1f})" if error else "")
