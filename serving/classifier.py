"""The pipeline: files in, outcomes out, same length, same order."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from serving.card import CLASSES, Card
from serving.catalogue import Model
from serving.decision import decide
from serving.outcome import DECIMALS, Blank, Outcome, Prediction, Rejection
from serving.reading import ImageRejected, Limits, Reading, ReadingKind, read
from serving.runtime import Pictures, Rows, Session

Read = Reading | Rejection
"""One file's half-way state: a picture to classify, or why there is none."""


def read_all(files: Iterable[bytes | Rejection], kind: ReadingKind, limits: Limits) -> list[Read]:
    """Read each file, one after the other. A refused one is a value in its own place and never concerns its neighbours.

    A file that could not even be opened comes as its Rejection.
    """
    return [file if isinstance(file, Rejection) else _read_one(file, kind, limits) for file in files]


def _read_one(data: bytes, kind: ReadingKind, limits: Limits) -> Read:
    try:
        return read(data, kind, limits)
    except ImageRejected as rejected:
        return Rejection(rejected.reason)


def pictures_of(read_files: Sequence[Read]) -> Pictures:
    """The pictures that need the network, (N, 28, 28) uint8; N may be 0."""
    pictures = [one.picture for one in read_files if isinstance(one, Reading) and not one.is_blank]
    if len(pictures) == 1:
        return pictures[0][None]  # most requests are of one file, and stacking it costs as much as a third of reading it
    return np.stack(pictures) if pictures else np.empty((0, 28, 28), np.uint8)


class Guess(NamedTuple):
    """What a model says of one picture, in plain numbers."""

    digit: int
    """The most probable class."""
    probabilities: list[float]
    """Ten, as they are told."""
    row: list[float]
    """Eleven: a row of serving.runtime.Rows."""


def guesses_of(rows: Rows) -> list[Guess]:
    """A guess for each row, (N, 11): all at once, as rounding and comparing one by one costs five times as much."""
    probabilities = rows[:, :CLASSES]
    told = np.round(probabilities.astype(np.float64), DECIMALS).tolist()
    return list(map(Guess, probabilities.argmax(1).tolist(), told, rows.tolist()))


def guess(session: Session, pictures: Pictures) -> list[Guess]:
    """What a model says of pictures, (N, 28, 28) uint8; N may be 0."""
    return guesses_of(session.rows(pictures)) if len(pictures) else []


def outcomes_of(read_files: Sequence[Read], guesses: Sequence[Guess], card: Card) -> list[Outcome]:
    """One outcome per file. guesses: those of `pictures_of(read_files)`, in order. card: of the model they are by."""
    remaining = iter(guesses)
    outcomes = [_outcome(one, remaining, card) for one in read_files]
    assert next(remaining, None) is None, "as many guesses as pictures"
    return outcomes


def _outcome(one: Read, remaining: Iterator[Guess], card: Card) -> Outcome:
    if isinstance(one, Rejection):
        return one
    if one.is_blank:
        return Blank(one.picture)
    digit, told, row = next(remaining)
    return Prediction(decide(row, card, one), digit, told, one.picture)


def classify(files: Iterable[bytes | Rejection], model: Model, limits: Limits) -> list[Outcome]:
    """Classify each file: one outcome per file, in order, whichever files it comes with."""
    read_files = read_all(files, model.card.reading, limits)
    return outcomes_of(read_files, guess(model.session, pictures_of(read_files)), model.card)
