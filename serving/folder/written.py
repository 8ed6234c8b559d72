"""Rows that have been written, read back: what is made of them once all are there."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from serving.folder.rows import Format


class Row(NamedTuple):
    """What the further steps want of a row."""

    source: str
    status: str
    digit: int | None
    confidence: float | None
    reason: str | None


def rows(path: Path, written: Format) -> Iterator[Row]:
    """The rows of a file, one at a time. Raises ValueError for Kaggle's, which do not tell enough."""
    match written:
        case "csv":
            yield from _from_csv(path)
        case "jsonl":
            yield from map(_row, objects(path))
        case _:
            raise ValueError(written)


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """The answer objects of JSON lines, one at a time."""
    with path.open("rb") as file:
        yield from map(json.loads, file)


def _from_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        for row in csv.DictReader(file):
            yield Row(
                row["source"],
                row["status"],
                int(row["digit"]) if row["digit"] else None,
                float(row["confidence"]) if row["confidence"] else None,
                row["reason"] or None,
            )


def _row(told: dict[str, Any]) -> Row:
    return Row(told["source"], told["status"], told["digit"], told["confidence"], told["reason"])
