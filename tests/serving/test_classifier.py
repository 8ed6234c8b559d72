import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.catalogue import Model
from serving.classifier import classify
from serving.outcome import Blank, Outcome, Prediction, Rejection, Wanted, answer
from serving.reading import Limits, Reason

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
    digits: list[bytes], broken: dict[str, bytes], model: Model, data: st.DataObject
) -> None:
    files = st.lists(st.sampled_from([*digits, *list(broken.values())[:5]]), max_size=9)
    first, second = data.draw(files), data.draw(files)
    assert same(classify(first + second, model, LIMITS), classify(first, model, LIMITS) + classify(second, model, LIMITS))


def test_every_outcome_tells_every_key_in_the_same_order(model: Model) -> None:
    picture = np.zeros((28, 28), np.uint8)
    outcomes = [Prediction(np.full(10, 0.1, np.float32), picture), Blank(picture), *map(Rejection, Reason)]
    for outcome in outcomes:
        told = answer(outcome, "a.png", 3, "convnet@0", model.card)
        assert list(told) == [
            "source", "index", "status", "digit", "name", "confidence", "probabilities", "reason", "message", "model",
        ]  # fmt: skip
        assert (told["digit"] is not None) == isinstance(outcome, Prediction)
        assert (told["reason"] is not None) == isinstance(outcome, Rejection)
        assert (told["message"] is not None) == isinstance(outcome, Rejection)


def test_top_tells_the_most_probable_first(digits: list[bytes], model: Model) -> None:
    (outcome,) = classify([digits[7]], model, LIMITS)
    top = answer(outcome, "", 0, "", model.card, Wanted(top=3))["top"]
    assert top[0]["digit"] == 7
    assert [one["probability"] for one in top] == sorted((one["probability"] for one in top), reverse=True)
