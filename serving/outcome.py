"""What became of one picture, and the one object that says so everywhere."""

import base64
from dataclasses import dataclass
from typing import Any, NamedTuple

from serving.card import Card
from serving.decision import Verdict
from serving.reading import Ink, Reason, png

STATUSES = ("digit", "unsure", "not_a_digit", "blank", "rejected")
"""The words that an answer starts with, in the order in which they are told."""
DECIMALS = 7
"""Probabilities are told to 1e-7, float32's own precision near 1."""


class Prediction(NamedTuple):
    """A picture that was read and answered."""

    status: Verdict
    """Whether the digit is promised; where the picture is taken for none, it is a best guess."""
    digit: int
    """The most probable class."""
    probabilities: list[float]
    """Ten, told to 1e-7; their sum is 1 but for that."""
    picture: Ink
    """What the network saw."""

    def ranked(self, count: int) -> list[tuple[int, float]]:
        """So many of the most probable classes with their probabilities; of equals the lower one first."""
        return sorted(enumerate(self.probabilities), key=lambda one: -one[1])[:count]


class Blank(NamedTuple):
    """A picture that was read and has no ink on it."""

    picture: Ink


class Rejection(NamedTuple):
    """A picture that could not be read."""

    reason: Reason


Outcome = Prediction | Blank | Rejection


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an answer should tell beyond its fixed keys."""

    top: int = 0
    seen: bool = False


def answer(
    outcome: Outcome,
    source: str,
    index: int,
    model: str,
    card: Card,
    wanted: Wanted = Wanted(),
) -> dict[str, Any]:
    """The answer object.

    source: the file's name in an upload, or its path. index: its place among the files. model: the identity of the model
    that answered.
    """
    guess = outcome if isinstance(outcome, Prediction) else None
    reason = outcome.reason if isinstance(outcome, Rejection) else None
    told: dict[str, Any] = {
        "source": source,
        "index": index,
        "status": status(outcome),
        "digit": guess and guess.digit,
        "name": guess and card.classes[guess.digit],
        "confidence": guess and guess.probabilities[guess.digit],
        "probabilities": guess and guess.probabilities,
        "reason": reason and reason.value,
        "message": reason and reason.message,
        "model": model,
    }
    if wanted.top and guess:
        told["top"] = [
            {"digit": digit, "name": card.classes[digit], "probability": p} for digit, p in guess.ranked(wanted.top)
        ]
    if wanted.seen and not isinstance(outcome, Rejection):
        told["seen"] = "data:image/png;base64," + base64.b64encode(png(outcome.picture)).decode()
    return told


def status(outcome: Outcome) -> str:
    """The word an answer starts with: digit, unsure, not_a_digit, blank or rejected."""
    match outcome:
        case Prediction():
            return outcome.status
        case Blank():
            return "blank"
        case Rejection():
            return "rejected"
