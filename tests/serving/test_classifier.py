from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.card import Decision
from serving.catalogue import Model
from serving.classifier import classify
from serving.decision import Verdict
from serving.outcome import Blank, Outcome, Prediction, Rejection, Wanted, answer, status
from serving.reading import Limits, Reason, png

LIMITS = Limits()


def same(first: list[Outcome], second: list[Outcome]) -> bool:
    return len(first) == len(second) and all(
        answer(a, "", 0, "", CARD, Wanted(seen=True)) == answer(b, "", 0, "", CARD, Wanted(seen=True))
        for a, b in zip(first, second, strict=True)
    )


@pytest.fixture(autouse=True)
def card(model: Model) -> None:
    global CARD  # noqa: PLW0603  hypothesis calls a test many times, fixtures once
    CARD = model.card


def test_each_digit_is_read_as_what_it_is(digits: list[bytes], model: Model) -> None:
    assert [outcome.digit for outcome in classify(digits, model, LIMITS) if isinstance(outcome, Prediction)] == list(
        range(10)
    )


def test_nothing_gives_nothing(model: Model) -> None:
    assert classify([], model, LIMITS) == []


def test_a_broken_file_costs_only_itself(digits: list[bytes], broken: dict[str, bytes], model: Model) -> None:
    alone = classify([digits[7]], model, LIMITS)
    for reason, data in broken.items():
        assert classify([data], model, LIMITS) == [Rejection(Reason(reason))]
        first, refused, last = classify([digits[7], data, digits[7]], model, LIMITS)
        assert refused == Rejection(Reason(reason))
        assert same([first], alone)
        assert same([last], alone)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_classifying_together_is_classifying_apart(
    digits: list[bytes], broken: dict[str, bytes], model: Model, doubting: Model, data: st.DataObject
) -> None:
    files = st.lists(st.sampled_from([*digits, blank(), *list(broken.values())[:5]]), max_size=9)
    first, second, chosen = data.draw(files), data.draw(files), data.draw(st.sampled_from([model, doubting]))
    apart = classify(first, chosen, LIMITS) + classify(second, chosen, LIMITS)
    assert same(classify(first + second, chosen, LIMITS), apart)


def blank() -> bytes:
    return png(np.zeros((28, 28), np.uint8))


def test_each_picture_gets_the_status_of_its_own_row_among_blank_and_broken_ones(
    digits: list[bytes], broken: dict[str, bytes], doubting: Model
) -> None:
    files = [blank(), digits[3], broken["empty"], digits[7], digits[5], blank(), digits[3]]
    outcomes = classify(files, doubting, LIMITS)
    assert [status(outcome) for outcome in outcomes] == [
        "blank", "not_a_digit", "rejected", "digit", "unsure", "blank", "not_a_digit",
    ]  # fmt: skip
    assert [outcome.digit for outcome in outcomes if isinstance(outcome, Prediction)] == [3, 7, 5, 3]


def test_a_model_without_evidence_never_says_not_a_digit(digits: list[bytes], model: Model) -> None:
    strict = Model(replace(model.card, decision=Decision(evidence=1e9, confidence=0.5)), model.session)
    noise = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    outcomes = classify([*digits, *map(png, noise)], strict, LIMITS)
    assert {status(outcome) for outcome in outcomes} <= {"digit", "unsure", "blank"}


def test_every_outcome_tells_every_key_in_the_same_order(model: Model) -> None:
    picture = np.zeros((28, 28), np.uint8)
    guesses = [Prediction(verdict, 0, [0.1] * 10, picture) for verdict in get_args(Verdict)]
    outcomes = [*guesses, Blank(picture), *map(Rejection, Reason)]
    for outcome in outcomes:
        told = answer(outcome, "a.png", 3, "convnet@0", model.card)
        assert list(told) == [
            "source", "index", "status", "digit", "name", "confidence", "probabilities", "reason", "message", "model",
        ]  # fmt: skip
        for key in ("digit", "name", "confidence", "probabilities"):
            assert (told[key] is not None) == isinstance(outcome, Prediction)
        assert (told["reason"] is not None) == isinstance(outcome, Rejection)
        assert (told["message"] is not None) == isinstance(outcome, Rejection)


def test_top_tells_the_most_probable_first(digits: list[bytes], model: Model) -> None:
    (outcome,) = classify([digits[7]], model, LIMITS)
    top = answer(outcome, "", 0, "", model.card, Wanted(top=3))["top"]
    assert top[0]["digit"] == 7
    assert [one["probability"] for one in top] == sorted((one["probability"] for one in top), reverse=True)
