"""Numbers that a process counts in a file of its own: others read them meanwhile, and they outlive it.

A file has the tables that it was planned with. A table has a bounded number of rows, each a few float64 under a name that
is written down when the row is first asked for. Adding to a number is one store in mapped memory, and a histogram of
serving.meter takes 0.3 us. What prometheus_client has for several processes (a locked value in a file of its own for each
sample) takes 0.7 us for a counter, 1.4 us for a histogram, and 0.8 us more where the labels have to be looked up
(benchmarks/observing.py; Intel Xeon, Python 3.11.7, prometheus_client 0.26.0, best of 60 rounds).

One process writes a file, from one thread, and any number read it. An aligned float64 is stored and loaded whole, so
a reader sees each number as it was or as it is; two numbers may be one step apart. A process that is killed leaves what it
counted, and the next one with its file goes on from there.
"""

import mmap
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Key = tuple[object, ...]
"""What a row is asked for by: words and numbers, which a reader is told as text."""

Numbers = NDArray[np.float64]

OTHER = "other"
"""The row of whatever came after a table was full."""

NAME_BYTES = 128
_WORD = 8
_BETWEEN = "\t"


class Table(NamedTuple):
    """So many rows, the one for all others included, of so many numbers."""

    rows: int
    width: int


class _Place(NamedTuple):
    """Where a table lies, in float64 from the file's start: how many rows it has, their names, their numbers."""

    used: int
    names: int
    numbers: int
    table: Table


class _Plan(NamedTuple):
    """Where everything lies. mark: the first number of a file that was written with this plan."""

    places: Mapping[str, _Place]
    size: int
    mark: float


class Rows(dict[Key, int]):
    """Where the numbers of a table's rows begin in its ledger's `numbers`. A row that is asked for is there from then on."""

    def __init__(self, content: mmap.mmap, numbers: "memoryview[float]", place: _Place) -> None:
        super().__init__()
        self._content, self._numbers, self._place = content, numbers, place
        self._known = {name: self._row(row) for row, name in enumerate(_names(content[:], place))}
        if not self._known:
            self._add(OTHER)
        self.first = self._row(0)
        """That of all others; the only one of a table with one row."""

    def __missing__(self, key: Key) -> int:
        name = _name(key)
        row = self._known.get(name)
        if row is None:
            if len(self._known) == self._place.table.rows or len(name.encode()) > NAME_BYTES:
                return self.first
            row = self._add(name)
        self[key] = row
        return row

    def forget(self) -> None:
        """Begin again, without rows."""
        place, size = self._place, self._place.table.rows * self._place.table.width
        self._numbers[place.used] = 0
        self._numbers[place.numbers : place.numbers + size] = memoryview(bytes(_WORD * size)).cast("d")
        self._known.clear()
        self.clear()
        self._add(OTHER)

    def _add(self, name: str) -> int:
        row = len(self._known)
        start = _WORD * self._place.names + row * NAME_BYTES
        self._content[start : start + NAME_BYTES] = name.encode().ljust(NAME_BYTES, b"\0")
        self._numbers[self._place.used] = row + 1  # only now does a reader see the name
        self._known[name] = self._row(row)
        return self._known[name]

    def _row(self, row: int) -> int:
        return self._place.numbers + row * self._place.table.width


class Ledger:
    """The file of one process, open for counting."""

    def __init__(self, tables: Mapping[str, Table], path: Path | None = None) -> None:
        """tables: by their names. path: the file, gone on with if it is of these tables; None for memory that nobody sees.

        Raises OSError.
        """
        plan = _plan(tables)
        self._content = mmap.mmap(-1, _WORD * plan.size) if path is None else _opened(path, plan)
        self.numbers: memoryview[float] = memoryview(self._content).cast("d")
        """All numbers of all tables, to be added to where `rows` says."""
        self.numbers[0] = plan.mark
        self.rows = {name: Rows(self._content, self.numbers, place) for name, place in plan.places.items()}
        """By table."""
        self._plan = plan

    def read(self) -> "Reading":
        """A copy of what has been counted."""
        return _read(self._content, self._plan)


Reading = dict[str, dict[tuple[str, ...], Numbers]]
"""Table, row, numbers."""


def read(tables: Mapping[str, Table], path: Path) -> Reading | None:
    """A copy of what was counted in a file; None where it is not, or not yet, a file of these tables."""
    plan = _plan(tables)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _read(content, plan) if _fits(content, plan) else None
    except (OSError, ValueError):  # it is gone, or empty
        return None


def _plan(tables: Mapping[str, Table]) -> _Plan:
    places, size = {}, 1
    for name, table in tables.items():
        names = size + 1
        numbers = names + table.rows * NAME_BYTES // _WORD
        places[name] = _Place(size, names, numbers, table)
        size = numbers + table.rows * table.width
    return _Plan(places, size, float(zlib.crc32(repr(places).encode())))


def _opened(path: Path, plan: _Plan) -> mmap.mmap:
    try:
        with path.open("r+b") as file:
            content = mmap.mmap(file.fileno(), 0)
        if _fits(content, plan):
            return content
        content.close()
    except (FileNotFoundError, ValueError):  # the second: it is empty
        pass
    new = path.with_name(f"{path.name}.{os.getpid()}")
    # Written, not only made as long: a full disk is an error here, and not a signal at some later store.
    new.write_bytes(np.float64(plan.mark).tobytes() + bytes(_WORD * (plan.size - 1)))
    with new.open("r+b") as file:
        content = mmap.mmap(file.fileno(), 0)
    new.replace(path)  # nobody ever sees half a file
    return content


def _fits(content: mmap.mmap, plan: _Plan) -> bool:
    return len(content) == _WORD * plan.size and bool(np.frombuffer(content, count=1)[0] == plan.mark)


def _read(content: mmap.mmap, plan: _Plan) -> Reading:
    copy = content[:]
    numbers = np.frombuffer(copy)
    told: Reading = {}
    for table, place in plan.places.items():
        names = _names(copy, place)
        rows = numbers[place.numbers :][: len(names) * place.table.width].reshape(-1, place.table.width)
        told[table] = {tuple(name.split(_BETWEEN)): row for name, row in zip(names, rows, strict=True)}
    return told


def _names(content: bytes, place: _Place) -> list[str]:
    (used,) = np.frombuffer(content, count=1, offset=_WORD * place.used)
    starts = range(_WORD * place.names, _WORD * place.names + int(used) * NAME_BYTES, NAME_BYTES)
    return [content[start : start + NAME_BYTES].rstrip(b"\0").decode("utf-8", "replace") for start in starts]


def _name(key: Key) -> str:
    parts = (str(part).encode("utf-8", "replace").decode().replace(_BETWEEN, " ") for part in key)
    return _BETWEEN.join(parts)
