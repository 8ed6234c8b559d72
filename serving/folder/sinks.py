"""Rows to a file: CSV (RFC 4180) or JSON lines, by the output's ending."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

COLUMNS = ("source", "status", "digit", "name", "confidence", "reason", "model")

Row = Mapping[str, Any]
Write = Callable[[Row], object]


class FormatUnknown(Exception):
    """An output's ending names no format that can be written."""


def _csv(file: TextIO, classes: int, *, probabilities: bool) -> Write:
    columns = [*COLUMNS, *(f"p{place}" for place in range(classes))] if probabilities else list(COLUMNS)
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    if not probabilities:
        return writer.writerow
    return lambda row: writer.writerow({**row, **{f"p{place}": p for place, p in enumerate(row["probabilities"] or ())}})


def _json_lines(file: TextIO, _classes: int, *, probabilities: bool) -> Write:  # noqa: ARG001  the object always has them
    return lambda row: file.write(json.dumps(row) + "\n")


FORMATS = {".csv": _csv, ".jsonl": _json_lines}


class PartFile:
    """A text file that appears under its name when it is complete.

    Until then it is NAME.part, which stays when the run is cut short. Names that are not UTF-8 are written as the bytes
    they are.
    """

    def __init__(self, path: Path) -> None:
        """Open NAME.part anew. Raises OSError."""
        self._path = path
        self.part = path.with_name(path.name + ".part")
        self._file = self.part.open("w", encoding="utf-8", errors="surrogateescape", newline="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            self.part.replace(self._path)


class Sink(PartFile):
    """A file that takes rows one by one, in the format of its ending."""

    def __init__(self, path: Path, classes: int, *, probabilities: bool) -> None:
        """classes: how many probabilities a row has. Raises FormatUnknown, OSError."""
        if path.suffix.lower() not in FORMATS:
            raise FormatUnknown(f"{path} must end in {' or '.join(FORMATS)}")
        super().__init__(path)
        self.write = FORMATS[path.suffix.lower()](self._file, classes, probabilities=probabilities)
