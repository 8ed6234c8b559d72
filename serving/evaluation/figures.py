"""Statistics of answers: accuracy with its interval, calibration, risk and coverage. Works on arrays alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Confidence = npt.NDArray[np.floating]
"""(N,), 0 to 1: the probability of the best guess."""
Right = npt.NDArray[np.bool_]
"""(N,): whether the best guess is the label."""

BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017, "On Calibration of Modern Neural Networks"."""

SIMULATIONS = 2_000
COVERAGES = (1.0, 0.99, 0.98, 0.95, 0.9)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A share of right answers with its 95 % Wilson interval. One of nothing, with a total of 0, has neither."""

    correct: int
    total: int

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson 1927: unlike the normal approximation it stays within 0 and 1 near both ends."""
        z = 1.959963984540054
        centre = (self.value + z * z / (2 * self.total)) / (1 + z * z / self.total)
        spread = z * math.sqrt(self.value * (1 - self.value) / self.total + z * z / (4 * self.total**2))
        half = spread / (1 + z * z / self.total)
        return centre - half, centre + half


def accuracy_of(right: Right) -> Accuracy:
    """The share of what is right."""
    return Accuracy(int(right.sum()), len(right))


def calibration_error(probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> float:
    """Expected calibration error over 15 bins of equal width (Guo et al. 2017), 0 to 1.

    probabilities: (N, 10), rows sum to 1. labels: (N,), 0 to 9. N is at least 1.
    """
    return calibration_error_of(probabilities.max(1), probabilities.argmax(1) == labels)


def calibration_error_of(confidence: Confidence, right: Right) -> float:
    """The same of best guesses. N is at least 1."""
    return _gap(confidence, right, _bins(confidence))


def calibration_bound(confidence: Confidence, simulations: int = SIMULATIONS, seed: int = 0) -> float:
    """What the calibration error of a perfectly calibrated model with these confidences stays below 95 times in 100.

    So many pictures, each right exactly as often as its confidence says, have some calibration error by chance alone. An
    error below this bound is therefore no evidence against a model. N is at least 1.
    """
    generator, bins = np.random.default_rng(seed), _bins(confidence)
    # One simulation after the other: all at once are simulations x N numbers.
    errors = [_gap(confidence, generator.random(len(confidence)) < confidence, bins) for _ in range(simulations)]
    return float(np.percentile(errors, 95))


def _bins(confidence: Confidence) -> npt.NDArray[np.int_]:
    """The bin of each confidence, (N,), 0 to 14; a confidence of 1 belongs to the last."""
    return np.asarray(np.minimum((confidence * BINS).astype(int), BINS - 1))


def _gap(confidence: Confidence, right: Right, bins: npt.NDArray[np.int_]) -> float:
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))


@dataclass(frozen=True, slots=True)
class Covered:
    """What comes of answering the most confident pictures only."""

    coverage: float
    """The share that is answered, as asked for, 0 to 1."""
    threshold: float
    """The least confidence among them."""
    accuracy: Accuracy


def risk_coverage(confidence: Confidence, right: Right, coverages: Sequence[float] = COVERAGES) -> list[Covered]:
    """The accuracy among the most confident shares of all pictures (El-Yaniv and Wiener 2010).

    Shares are rounded to whole pictures and hold at least one. Among equally confident ones the earlier come first. N is at
    least 1.
    """
    order = np.argsort(-confidence, kind="stable")
    counts = [max(1, round(coverage * len(order))) for coverage in coverages]
    return [
        Covered(coverage, float(confidence[order[count - 1]]), accuracy_of(right[order[:count]]))
        for coverage, count in zip(coverages, counts, strict=True)
    ]


def confusion(labels: npt.NDArray[np.integer], guesses: npt.NDArray[np.integer], classes: int) -> npt.NDArray[np.int_]:
    """How often each label got each guess: (classes, classes + 1) counts, a row a label, the last column for no guess.

    labels: (N,), 0 to classes - 1. guesses: (N,), the same, or -1 where there is none.
    """
    columns = np.where(guesses < 0, classes, guesses)
    counts = np.bincount(labels * (classes + 1) + columns, minlength=classes * (classes + 1))
    return np.asarray(counts.reshape(classes, classes + 1))
