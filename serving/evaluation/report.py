"""Answers to figures: one object, which is report.json."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving.catalogue import Model
from serving.evaluation import figures
from serving.evaluation.answers import Answered
from serving.evaluation.figures import Accuracy, accuracy_of
from serving.outcome import STATUSES

FILE = "report.json"
PROMISED = "digit"
"""The status under which a class is promised."""
MOST_VALUES = 40
"""A column with more distinct values than this, an identifier as likely as not, is left out."""
SEED = 0

Share = dict[str, Any]
"""right, of, accuracy (0 to 1) and its 95 % Wilson interval; these two are None of nothing."""


def report(answered: Sequence[Answered], columns: Sequence[str], model: Model, source: Path) -> dict[str, Any]:
    """All figures of at least one answer. columns: the names of the labels' further columns."""
    few, many = _by_distinct_values(answered, columns)
    return {
        "source": str(source),
        "model": model.identity,
        "classes": list(model.card.classes),
        "pictures": len(answered),
        "best_guess": _share_of(answered),
        "promised": _share_of(_only(answered, PROMISED)),
        "statuses": {status: _share_of(_only(answered, status)) for status in STATUSES},
        "rejected": dict(sorted(Counter(one.told["reason"] for one in _only(answered, "rejected")).items())),
        "by_class": _by_class(answered, model.card.classes),
        "by_column": {column: _groups(answered, _value_in(columns.index(column))) for column in few},
        "left_out": many,
        "confusion": _confusion(answered, len(model.card.classes)),
        "calibration": _calibration([one for one in answered if one.told["digit"] is not None]),
        "risk_coverage": _risk_coverage(answered),
    }


def _only(answered: Iterable[Answered], status: str) -> list[Answered]:
    return [one for one in answered if one.told["status"] == status]


def _right(answered: Iterable[Answered]) -> figures.Right:
    return np.array([one.is_right for one in answered], bool)


def _confidence(answered: Iterable[Answered]) -> figures.Confidence:
    """(N,) float64; what has no guess has none at all."""
    return np.array([one.told["confidence"] or 0.0 for one in answered], np.float64)


def _share(accuracy: Accuracy) -> Share:
    told: Share = {"right": accuracy.correct, "of": accuracy.total, "accuracy": None, "interval": None}
    return told | {"accuracy": accuracy.value, "interval": list(accuracy.interval)} if accuracy.total else told


def _share_of(answered: Iterable[Answered]) -> Share:
    return _share(accuracy_of(_right(answered)))


def _group(value: str, answered: Sequence[Answered]) -> dict[str, Any]:
    return {"value": value, "best_guess": _share_of(answered), "promised": _share_of(_only(answered, PROMISED))}


def _by_class(answered: Sequence[Answered], classes: Sequence[str]) -> list[dict[str, Any]]:
    """A group for each class, those without pictures included."""
    return [_group(name, [one for one in answered if one.labelled.label == label]) for label, name in enumerate(classes)]


def _groups(answered: Sequence[Answered], value_of: Callable[[Answered], str]) -> list[dict[str, Any]]:
    """A group for each distinct value, numbers in their order, words in theirs."""
    members: dict[str, list[Answered]] = {}
    for one in answered:
        members.setdefault(value_of(one), []).append(one)
    return [_group(value, members[value]) for value in sorted(members, key=_place)]


def _place(value: str) -> tuple[bool, int, str]:
    return (False, int(value), value) if value.isdecimal() else (True, 0, value)


def _value_in(place: int) -> Callable[[Answered], str]:
    return lambda one: one.labelled.further[place]


def _by_distinct_values(answered: Sequence[Answered], columns: Sequence[str]) -> tuple[list[str], dict[str, int]]:
    """The columns with few distinct values, and how many the others have."""
    distinct = {column: len({one.labelled.further[place] for one in answered}) for place, column in enumerate(columns)}
    few = [column for column, count in distinct.items() if count <= MOST_VALUES]
    return few, {column: count for column, count in distinct.items() if count > MOST_VALUES}


def _confusion(answered: Sequence[Answered], classes: int) -> list[list[int]]:
    """A row a label, a column a best guess, and one more for none."""
    labels = np.array([one.labelled.label for one in answered], np.int64)
    guesses = np.array([-1 if one.told["digit"] is None else one.told["digit"] for one in answered], np.int64)
    return [[int(count) for count in row] for row in figures.confusion(labels, guesses, classes)]


def _calibration(guessed: Sequence[Answered]) -> dict[str, Any]:
    """Of the pictures that have a best guess."""
    told: dict[str, Any] = {"pictures": len(guessed), "bins": figures.BINS, "simulations": figures.SIMULATIONS, "seed": SEED}
    if not guessed:
        return told | {"error": None, "bound": None}
    confidence = _confidence(guessed)
    return told | {
        "error": figures.calibration_error_of(confidence, _right(guessed)),
        "bound": figures.calibration_bound(confidence, seed=SEED),
    }


def _risk_coverage(answered: Sequence[Answered]) -> list[dict[str, Any]]:
    """Of all pictures: what has no guess is the least confident, and wrong."""
    return [
        {"coverage": covered.coverage, "threshold": covered.threshold, **_share(covered.accuracy)}
        for covered in figures.risk_coverage(_confidence(answered), _right(answered))
    ]
