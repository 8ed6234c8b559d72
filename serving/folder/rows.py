"""An outcome as the bytes of a row, in each format that is written as it goes."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from serving.card import Card
from serving.outcome import Outcome, Prediction, Rejection, Wanted, answer, status

Format = Literal["csv", "jsonl", "parquet", "kaggle"]
"""Parquet is made of the CSV's rows once they are complete, as its columns have to be had together."""
COLUMNS = ("source", "status", "digit", "name", "confidence", "reason", "model")
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Shape:
    """How rows look; what a run's journal has to be of."""

    format: Format = "csv"
    probabilities: bool = False
    """Ten more columns of a table; JSON lines have them anyway."""
    top: int = 0
    """So many of the most probable: columns of a table, a list in JSON lines."""


class Rows:
    """Writes the rows of one model."""

    def __init__(self, shape: Shape, identity: str, card: Card) -> None:
        self._shape, self._identity, self._card = shape, identity, card
        makers: dict[Format, Callable[[Sequence[str], Sequence[Outcome], int], bytes]] = {
            "csv": self._csv, "jsonl": self._json_lines, "parquet": self._csv, "kaggle": self._kaggle,
        }  # fmt: skip
        self.make = makers[shape.format]
        """(sources, outcomes, the first one's index) to bytes: a row each."""

    @property
    def head(self) -> bytes:
        """What stands before the first row."""
        match self._shape.format:
            case "csv" | "parquet":
                columns = [*COLUMNS]
                if self._shape.probabilities:
                    columns += [f"p{place}" for place in range(len(self._card.classes))]
                for rank in range(1, self._shape.top + 1):
                    columns += [f"top{rank}", f"top{rank}_probability"]
                return ",".join(columns).encode() + b"\r\n"
            case "kaggle":
                return b"ImageId,Label\r\n"
            case "jsonl":
                return b""

    def _csv(self, sources: Sequence[str], outcomes: Sequence[Outcome], _first: int) -> bytes:
        return _table([self._cells(source, outcome) for source, outcome in zip(sources, outcomes, strict=True)])

    def _cells(self, source: str, outcome: Outcome) -> list[Any]:
        if not isinstance(outcome, Prediction):
            reason = outcome.reason.value if isinstance(outcome, Rejection) else None
            return [source, status(outcome), None, None, None, reason, self._identity, *[None] * self._further]
        verdict, digit, probabilities, _ = outcome
        cells = [source, verdict, digit, self._card.classes[digit], probabilities[digit], None, self._identity]
        if self._shape.probabilities:
            cells += probabilities
        if self._shape.top:
            cells += [cell for pair in outcome.ranked(self._shape.top) for cell in pair]
        return cells

    @property
    def _further(self) -> int:
        return (len(self._card.classes) if self._shape.probabilities else 0) + 2 * self._shape.top

    def _json_lines(self, sources: Sequence[str], outcomes: Sequence[Outcome], first: int) -> bytes:
        wanted = Wanted(top=self._shape.top)
        told = (
            answer(outcome, source, index, self._identity, self._card, wanted)
            for index, (source, outcome) in enumerate(zip(sources, outcomes, strict=True), start=first)
        )
        return b"".join(map(_line, told))

    def _kaggle(self, sources: Sequence[str], outcomes: Sequence[Outcome], first: int) -> bytes:
        """The number that a file is called by, or else its place from 1; and the best guess where there is one."""
        cells = []
        for place, (source, outcome) in enumerate(zip(sources, outcomes, strict=True), start=first + 1):
            stem = source.rpartition("/")[2].partition(".")[0]
            number = int(stem) if _NUMBER.fullmatch(stem) else place
            cells.append([number, outcome.digit if isinstance(outcome, Prediction) else None])
        return _table(cells)


def _table(cells: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")


def _line(told: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # a name that is not UTF-8: its bytes go as the escapes that os.fsencode undoes
        return json.dumps(told, separators=(",", ":")).encode() + b"\n"
