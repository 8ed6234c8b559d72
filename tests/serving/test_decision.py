import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.card import Card, Decision
from serving.catalogue import Model
from serving.decision import decide
from serving.reading import Reading, ReadingKind

READ = Reading(np.zeros((28, 28), np.uint8))
CLUTTER = READ._replace(is_clutter=True)
DECISION = Decision(evidence=1.5, confidence=0.8)


def row(confidence: float, evidence: float) -> list[float]:
    """A row that is this sure of a 7."""
    rest = (1 - confidence) / 9
    return [rest] * 7 + [confidence] + [rest] * 2 + [evidence]


@pytest.fixture(scope="module")
def card(model: Model) -> Card:
    return replace(model.card, decision=DECISION)


@pytest.mark.parametrize(
    ("confidence", "evidence", "verdict"),
    [
        (0.99, 3.0, "digit"),
        (0.8, 1.5, "digit"),
        (0.79, 3.0, "unsure"),
        (0.2, 1.5, "unsure"),
        (0.99, 1.49, "not_a_digit"),
        (0.2, -9.0, "not_a_digit"),
        (0.99, math.inf, "digit"),
        (0.79, math.inf, "unsure"),
        (0.99, -math.inf, "not_a_digit"),
    ],
)
def test_evidence_comes_before_confidence_and_what_reaches_both_is_promised(
    confidence: float, evidence: float, verdict: str, card: Card
) -> None:
    assert decide(row(confidence, evidence), card, READ) == verdict


def test_a_reading_may_be_evidence_enough(card: Card) -> None:
    assert decide(row(0.99, 9.0), card, CLUTTER) == "not_a_digit"


@settings(deadline=None)
@given(confidence=st.floats(0.1, 1), evidence=st.floats(), reading=st.sampled_from([READ, CLUTTER]))
def test_a_card_without_a_decision_promises_everything(
    confidence: float, evidence: float, reading: Reading, model: Model
) -> None:
    assert model.card.decision is None
    assert decide(row(confidence, evidence), model.card, reading) == "digit"


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None)
@given(confidence=st.floats(0.1, 1), threshold=finite, sure=st.floats(0, 1), reading=st.sampled_from([READ, CLUTTER]))
def test_a_model_without_evidence_never_says_not_a_digit(
    confidence: float, threshold: float, sure: float, reading: Reading, card: Card
) -> None:
    card = replace(card, decision=Decision(evidence=threshold, confidence=sure))
    assert decide(row(confidence, math.inf), card, reading) == ("unsure" if confidence < sure else "digit")


@settings(deadline=None)
@given(evidence=finite, reading=st.sampled_from([READ, CLUTTER]))
def test_pictures_that_fill_the_frame_are_always_of_a_class(evidence: float, reading: Reading, card: Card) -> None:
    plain: ReadingKind = "plain"
    card = replace(card, reading=plain)
    assert decide(row(0.9, evidence), card, reading) == "digit"
    assert decide(row(0.7, evidence), card, reading) == "unsure"
