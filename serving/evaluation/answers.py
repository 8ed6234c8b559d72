"""Labelled pictures to answers, and answers to rows in a file."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from serving.catalogue import Model
from serving.classifier import classify
from serving.evaluation.labels import LABEL, PATH, Labelled
from serving.outcome import Rejection, answer
from serving.reading import Ink, Limits, Reason

BATCH = 64
FILE = "answers.csv"


def answer_columns(classes: int) -> tuple[str, ...]:
    """The columns of a row after those of the labels."""
    return ("status", "digit", "name", "confidence", "reason", "right", *(f"p{place}" for place in range(classes)))


@dataclass(frozen=True, slots=True)
class Answered:
    """A labelled picture and what the model answered."""

    labelled: Labelled
    told: dict[str, Any]
    """The answer object, as it is the same everywhere."""
    picture: Ink | None
    """(28, 28) uint8, what the network saw; None where nothing was read."""

    @property
    def is_right(self) -> bool:
        """Whether the best guess is the label; no guess is wrong."""
        return bool(self.told["digit"] == self.labelled.label)


def contents(path: Path, limits: Limits) -> bytes | Rejection:
    """A file's bytes, or why it has none: a file that is too long is not read at all."""
    try:
        if not path.is_file():
            return Rejection(Reason.UNREADABLE)
        if path.stat().st_size > limits.max_bytes:
            return Rejection(Reason.TOO_MANY_BYTES)
        return path.read_bytes()
    except OSError:
        return Rejection(Reason.UNREADABLE)


def answers(pictures: Iterable[Labelled], model: Model, limits: Limits) -> Iterator[Answered]:
    """Answer every picture, in their order."""
    remaining, index = iter(pictures), 0
    while batch := list(islice(remaining, BATCH)):
        # The files come one by one, so that no more than one is held.
        outcomes = classify((contents(labelled.path, limits) for labelled in batch), model, limits)
        for labelled, outcome in zip(batch, outcomes, strict=True):
            told = answer(outcome, labelled.source, index, model.identity, model.card)
            yield Answered(labelled, told, None if isinstance(outcome, Rejection) else outcome.picture)
            index += 1


class Table:
    """answers.csv: takes rows one by one and appears under its name when it is complete.

    Until then it is answers.csv.part, which stays when the run is cut short. Names that are not UTF-8 are written as the
    bytes they are.
    """

    def __init__(self, folder: Path, further: Sequence[str], classes: int) -> None:
        """further: the names of the labels' further columns. Raises OSError."""
        self._path = folder / FILE
        self.part = folder / f"{FILE}.part"
        self._columns = answer_columns(classes)
        self._file = self.part.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow([PATH, LABEL, *further, *self._columns])

    def write(self, answered: Answered) -> None:
        """Write one row."""
        labelled = answered.labelled
        values = answered.told | {f"p{place}": p for place, p in enumerate(answered.told["probabilities"] or ())}
        values["right"] = int(answered.is_right)
        self._writer.writerow(
            [labelled.source, labelled.text, *labelled.further, *(values.get(column) for column in self._columns)]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            self.part.replace(self._path)
