"""How the tables of all benchmarks look."""

from rich.table import Table


def table_of(title: str, *columns: str) -> Table:
    """The first column holds words, the others numbers."""
    table = Table(title=title)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def number(value: float | None, form: str) -> str:
    """A number as it is told; "-" where there is none."""
    return "-" if value is None else format(value, form)
