"""What may be said of a picture that was read: whether its digit is promised."""

import math
from collections.abc import Sequence
from typing import Literal

from serving.card import CLASSES, Card
from serving.reading import Reading

Verdict = Literal["digit", "unsure", "not_a_digit"]
"""The class is promised; or it is a guess; or the picture is taken for something else."""


def decide(row: Sequence[float], card: Card, reading: Reading) -> Verdict:
    """What the card's decision makes of one row of serving.runtime.Rows, as plain numbers.

    Evidence comes first: of what is no digit, no confidence means anything. A card without a decision promises everything,
    and a model without evidence, as well as one whose pictures fill the frame, takes everything for one of its classes.
    """
    if card.decision is None:
        return "digit"
    evidence = row[CLASSES]
    can_refuse = evidence != math.inf and card.reading == "digit"
    if can_refuse and (evidence < card.decision["evidence"] or _looks_unlike_a_digit(reading)):
        return "not_a_digit"
    return "unsure" if max(row[:CLASSES]) < card.decision["confidence"] else "digit"


def _looks_unlike_a_digit(reading: Reading) -> bool:
    """The reading's own evidence: how the ink lies, before any network."""
    return reading.is_clutter
