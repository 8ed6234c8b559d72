"""What became of one picture, and the one object that says so everywhere."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.card import Card
from serving.decision import Verdict
from serving.reading import Ink, Reason, png

DECIMALS = 7
"""Probabilities are told to 1e-7, float32's own precision near 1."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A picture that was read and answered. probabilities: (10,) float32, sum 1. picture: what the network saw."""

    probabilities: npt.NDArray[np.float32]
    picture: Ink
    status: Verdict
    """Whether the digit is promised; where the picture is taken for none, it is a best guess."""

    @property
    def digit(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())


@dataclass(frozen=True, slots=True)
class Blank:
    """A picture that was read and has no ink on it."""

    picture: Ink


@dataclass(frozen=True, slots=True)
class Rejection:
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
    told: dict[str, Any] = {"source": source, "index": index, "status": status(outcome)}
    told |= dict.fromkeys(("digit", "name", "confidence", "probabilities", "reason", "message"))
    told["model"] = model
    if isinstance(outcome, Prediction):
        probabilities = [round(float(value), DECIMALS) for value in outcome.probabilities]
        told |= {
            "digit": outcome.digit,
            "name": card.classes[outcome.digit],
            "confidence": probabilities[outcome.digit],
            "probabilities": probabilities,
        }
        if wanted.top:
            told["top"] = [
                {"digit": int(digit), "name": card.classes[digit], "probability": probabilities[digit]}
                for digit in np.argsort(-outcome.probabilities, kind="stable")[: wanted.top]
            ]
    elif isinstance(outcome, Rejection):
        told |= {"reason": outcome.reason.value, "message": outcome.reason.message}
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
