"""Rows that have been written, read back one at a time: what is made of them once all are there."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from serving.folder.rows import COLUMNS, Format


class Row(NamedTuple):
    """What the further steps want of a row."""

    source: str
    status: str
    digit: int | None
    name: str | None
    confidence: float | None
    reason: str | None


def rows(path: Path, written: Format) -> Iterator[Row]:
    """The rows of a file. Raises ValueError for Kaggle's, which do not tell enough."""
    match written:
        case "csv" | "parquet":
            yield from _from_table(path)
        case "jsonl":
            yield from _from_lines(path)
        case "kaggle":
            raise ValueError(written)


def _from_table(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        table = csv.reader(file)
        next(table, None)
        for cells in table:
            source, status, digit, name, confidence, reason, _ = cells[: len(COLUMNS)]
            yield Row(
                source, status, int(digit) if digit else None, name or None, float(confidence) if confidence else None,
                reason or None,
            )  # fmt: skip


def _from_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line in file:
            told = json.loads(line)  # which takes the escapes of names that are not UTF-8
            yield Row(told["source"], told["status"], told["digit"], told["name"], told["confidence"], told["reason"])
