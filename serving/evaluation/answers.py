"""Labelled pictures to answers, and answers to rows in a file."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from serving.catalogue import Model
from serving.classifier import classify
from serving.evaluation.labels import LABEL, PATH, Labelled
from serving.folder.sinks import PartFile
from serving.folder.sources import contents
from serving.outcome import Rejection, answer
from serving.reading import Ink, Limits

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


class Table(PartFile):
    """answers.csv: takes rows one by one."""

    def __init__(self, folder: Path, further: Sequence[str], classes: int) -> None:
        """further: the names of the labels' further columns. Raises OSError."""
        super().__init__(folder / FILE)
        self._columns = answer_columns(classes)
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
