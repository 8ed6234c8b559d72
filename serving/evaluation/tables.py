"""A report to tables for a terminal."""

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from serving.evaluation.report import MOST_VALUES, Share

Group = dict[str, Any]


def tables(report: dict[str, Any]) -> Iterator[Table | str]:
    """Everything a report holds, in the order it is read in; the strings are lines."""
    yield _overall(report)
    yield _by_status(report)
    yield _groups("By label", "label", [_named(place, group) for place, group in enumerate(report["by_class"])])
    for column, groups in report["by_column"].items():
        yield _groups(f"By {column}", column, groups)
    for column, distinct in report["left_out"].items():
        yield _plain(f"By {column}: left out, it has {distinct:,} distinct values, and {MOST_VALUES} are the most.")
    yield _confusion(report)
    yield _calibration(report["calibration"])
    yield _risk_coverage(report["risk_coverage"])


def _plain(text: str) -> str:
    """Text that is no markup; bytes of a name that are not UTF-8 become question marks."""
    return escape(text.encode("utf-8", "replace").decode())


def _table(title: str, *columns: str, caption: str | None = None) -> Table:
    """A table whose first column is words and whose others are numbers."""
    table = Table(title=_plain(title), caption=caption, box=box.SIMPLE_HEAD, show_edge=False, collapse_padding=True)
    table.title_justify = table.caption_justify = "left"
    for place, column in enumerate(columns):  # words may be folded, numbers may not
        table.add_column(_plain(column), justify="right" if place else "left", overflow="fold", no_wrap=bool(place))
    return table


def _overall(report: dict[str, Any]) -> Table:
    table = _table(f"{report['model']} on {report['source']}", "", "right", "of", "accuracy", "95 % interval")
    table.add_row("best guess, of all pictures", *_cells(report["best_guess"]))
    table.add_row("promised, of those told as digit", *_cells(report["promised"]))
    return table


def _by_status(report: dict[str, Any]) -> Table:
    table = _table("By status", "status", "pictures", "share", "best guess right", "95 % interval")
    for status, share in report["statuses"].items():
        _, _, accuracy, interval = _cells(share)
        table.add_row(status, f"{share['of']:,}", f"{share['of'] / report['pictures']:.2%}", accuracy, interval)
    if report["rejected"]:
        table.caption = "rejected: " + ", ".join(f"{count:,} {reason}" for reason, count in report["rejected"].items())
    return table


def _named(place: int, group: Group) -> Group:
    """A class under its number, and under its name where that is another."""
    return group if group["value"] == str(place) else group | {"value": f"{place} {group['value']}"}


def _groups(title: str, name: str, groups: list[Group]) -> Table:
    table = _table(title, name, "right", "of", "accuracy", "95 % interval", "promised", "right")
    for group in groups:
        _, promised, right, _ = _cells(group["promised"])
        table.add_row(_plain(group["value"]) or "(empty)", *_cells(group["best_guess"]), promised, right)
    return table


def _cells(share: Share) -> tuple[str, str, str, str]:
    counts = f"{share['right']:,}", f"{share['of']:,}"
    if share["accuracy"] is None:
        return *counts, "-", "-"
    low, high = share["interval"]
    return *counts, f"{share['accuracy']:.2%}", f"{low:.2%} to {high:.2%}"


def _confusion(report: dict[str, Any]) -> Table:
    rows = report["confusion"]
    table = _table("Labels (rows) and best guesses (columns)", "label", *map(str, range(len(rows))), "none")
    for label, row in enumerate(rows):
        table.add_row(str(label), *(_count(count, right=label == guess) for guess, count in enumerate(row)))
    return table


def _count(count: int, *, right: bool) -> str:
    """Nothing for a zero, so that what went wrong stands out."""
    if not count:
        return ""
    return f"[bold]{count}[/bold]" if right else str(count)


def _calibration(calibration: dict[str, Any]) -> Table:
    table = _table(
        "Calibration", "of the best guess", "value",
        caption=f"ECE over {calibration['bins']} bins; the bound from {calibration['simulations']:,} simulations",
    )  # fmt: skip
    table.add_row("pictures with a best guess", f"{calibration['pictures']:,}")
    table.add_row("calibration error", _number(calibration["error"]))
    table.add_row("a perfectly calibrated model stays below, 95 times in 100", _number(calibration["bound"]))
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _risk_coverage(rows: list[dict[str, Any]]) -> Table:
    table = _table("Answering the most confident only", "answered", "from", "right", "of", "accuracy", "95 % interval")
    for row in rows:
        table.add_row(f"{row['coverage']:.0%}", f"{row['threshold']:.4f}", *_cells(row))
    return table
