"""How good a set of answers is, over seeds and beside a lab's; the temperature. Works on arrays alone."""

import math
import statistics
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.evaluation.figures import Accuracy, accuracy_of

Scores = npt.NDArray[np.floating]
"""(N, 10), higher is more likely; or (N, 1), the digit regressed as a number."""
Probabilities = npt.NDArray[np.floating]
"""(N, 10), rows sum to 1."""
Labels = npt.NDArray[np.integer]
"""(N,), 0 to 9."""


def accuracy(probabilities: Probabilities, labels: Labels) -> Accuracy:
    """The share of rows whose largest probability is at the label."""
    return accuracy_of(probabilities.argmax(1) == labels)


def accuracies(seeds: list[Accuracy], lab: float | None = None) -> dict[str, Any]:
    """Seed 0's figure with its interval, all seeds beside it, and the lab's with the gap in standard errors.

    The lab ran once, so the gap is measured against the spread of one run and of our mean: sd * sqrt(1 + 1/n). It is
    None with fewer than two seeds.
    """
    values = [accuracy.value for accuracy in seeds]
    mean = statistics.fmean(values)
    sd = statistics.stdev(values) if len(values) > 1 else None
    figures = {
        "accuracy": values[0],
        "correct": seeds[0].correct,
        "total": seeds[0].total,
        "interval": list(seeds[0].interval),
        "seeds": values,
        "mean": mean,
        "sd": sd,
    }
    if lab is not None:
        figures["lab"] = lab
        figures["gap_in_standard_errors"] = (mean - lab) / (sd * math.sqrt(1 + 1 / len(values))) if sd else None
    return figures


def residual(values: Scores, labels: Labels) -> float:
    """The root mean square distance of (N, 1) regressed digits from the labels, in digits."""
    return float(np.sqrt(np.mean((values[:, 0].astype(np.float64) - labels) ** 2)))


def softmax(scores: Scores, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Probabilities of scores at a temperature, in float64."""
    scaled = scores.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def fit_temperature(scores: Scores, labels: Labels) -> float:
    """The T that minimises the cross-entropy of softmax(scores / T) (Guo et al. 2017).

    The cross-entropy is convex in b = 1 / T and its derivative there is the mean of (expected score - score at the
    label), so bisection on b finds it. Searched for T between 0.05 and 20; a data set without errors has no finite
    optimum and gets the end of that range.
    """
    at_label = scores[np.arange(len(labels)), labels].astype(np.float64)

    def slope(b: float) -> float:
        return float((np.sum(softmax(scores, 1 / b) * scores, axis=1) - at_label).mean())

    low, high = 1 / 20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)
