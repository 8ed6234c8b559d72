from functools import partial

import numpy as np
import pytest

from training import data, promise
from training.model import Model, Rejecting
from training.networks.reader import Reader
from training.promise import Answers, choose


def answers(rng: np.random.Generator, count: int, other: float, wrong: float) -> tuple[Answers, np.ndarray]:
    """Digits of which some look like none, and some are confused; what is confused is also less confident."""
    labels = rng.integers(0, 10, count)
    confidence = rng.uniform(0.9, 1.0, count)
    mistaken = rng.random(count) < wrong
    confidence[mistaken] = rng.uniform(0.4, 0.95, mistaken.sum())
    evidence = np.where(rng.random(count) < other, rng.normal(-4, 1, count), rng.normal(6, 1, count))
    guesses = np.where(mistaken, (labels + 1) % 10, labels)
    rows = np.full((count, 10), 0.0)
    rows += ((1 - confidence) / 9)[:, None]
    rows[np.arange(count), guesses] = confidence
    return Answers(rows, evidence), labels


def things(rng: np.random.Generator, evidence: float) -> Answers:
    return Answers(np.full((promise.PER_KIND, 10), 0.1), rng.normal(evidence, 2, promise.PER_KIND))


def test_no_more_is_refused_or_accepted_than_said() -> None:
    rng = np.random.default_rng(0)
    clean, _ = answers(rng, 5000, 0.002, 0.01)
    uploads, labels = answers(rng, 3000, 0.05, 0.05)
    others = [things(rng, -4), things(rng, -3), things(rng, 0)]
    decision = choose(clean, uploads, labels, others)
    other = clean.evidence < decision["evidence"]
    unsure = ~other & (clean.confidence < decision["confidence"])
    assert other.mean() <= promise.CLEAN_REFUSED + 1e-3
    assert unsure.mean() <= promise.CLEAN_REFUSED + 1e-3
    accepted = np.mean([(one.evidence >= decision["evidence"]).mean() for one in others])
    assert promise.OTHERS_ACCEPTED - 0.005 <= accepted <= promise.OTHERS_ACCEPTED


def test_digits_are_not_refused_for_the_sake_of_things_that_look_like_them() -> None:
    rng = np.random.default_rng(2)
    clean, _ = answers(rng, 5000, 0.0, 0.01)
    uploads, labels = answers(rng, 3000, 0.0, 0.05)
    decision = choose(clean, uploads, labels, [things(rng, 8)])
    assert (clean.evidence < decision["evidence"]).mean() <= promise.CLEAN_REFUSED + 1e-3


def test_a_model_that_is_never_wrong_need_not_be_unsure() -> None:
    rng = np.random.default_rng(1)
    clean, _ = answers(rng, 2000, 0.0, 0.0)
    uploads, labels = answers(rng, 2000, 0.0, 0.0)
    assert choose(clean, uploads, labels, [things(rng, -5)])["confidence"] == pytest.approx(uploads.confidence.min())


@pytest.mark.slow
def test_a_promise_tells_of_every_kind_and_opens_the_test_split_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promise, "PER_FACTOR", 2)
    monkeypatch.setattr(promise, "PER_KIND", 3)
    opened: list[str] = []
    load = data.load

    def watched(name: data.DatasetName, split: data.Split) -> data.Images:
        opened.append(split)
        return load(name, split)

    monkeypatch.setattr(data, "load", watched)
    decision, told = promise.make(partial(promise.answer, Model(Reader(), 0.0, 1.0, Rejecting).eval()), lambda _doing: None)
    assert opened.index("test") == len(opened) - 1
    assert set(decision) == {"evidence", "confidence"}
    assert set(told["others_answered_digit"]) == set(promise.NONDIGITS)
    assert told["others_never_trained_on"] == ["photos"]
    assert told["uploads"]["pictures"] == 2 * len(promise.FACTORS)
    shares = [told["test"][status] for status in ("digit", "unsure", "not_a_digit")]
    assert sum(shares) == pytest.approx(1)
