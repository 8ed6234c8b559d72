"""Accuracy, differing answers, latency and speed of ways to run models, measured in turns."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from serving.benchmark.testset import Labels
from serving.benchmark.ways import PROVED, Way
from serving.runtime import Pictures

ANSWERED = 64
"""Pictures that are answered at once, where it is about what is answered."""

MOST = 10_000
"""Pictures of the largest batch."""


@dataclass(slots=True)
class Measured:
    """What was measured of one way to run one model."""

    model: str
    dataset: str
    way: Way
    correct: int | None = None
    """Of the test set; None without one."""
    differing: int = 0
    """Answers that are not those of the proved way."""
    pictures: int = 0
    """How many were answered."""
    seconds: dict[int, list[float]] = field(default_factory=dict)
    """By the size of the batch: how long one took, once in each round."""

    @property
    def accuracy(self) -> float | None:
        """A share, 0 to 1."""
        return None if self.correct is None else self.correct / self.pictures

    def latency(self, batch: int) -> float:
        """Seconds that a batch takes: the median of the rounds."""
        return statistics.median(self.seconds[batch])

    def speed(self, batch: int) -> float:
        """Pictures a second."""
        return batch / self.latency(batch)


def answer(measured: Sequence[Measured], pictures: Pictures, labels: Labels | None) -> None:
    """Fill in what is answered by the ways of one model, the proved one among them. labels: None where nobody knows them."""
    answers = {}
    for one in measured:
        parts = range(0, len(pictures), ANSWERED)
        answers[one.way.name] = np.concatenate([one.way.run(pictures[at : at + ANSWERED]).argmax(1) for at in parts])
    for one in measured:
        answered = answers[one.way.name]
        one.pictures = len(answered)
        one.differing = int((answered != answers[PROVED]).sum())
        one.correct = None if labels is None else int((answered == labels).sum())


def time_batches(one: Measured, pictures: Pictures, batches: Sequence[int], seconds: float) -> None:
    """One turn: how long a batch of each size takes. pictures: as many as the largest batch has, or more.

    seconds: of a turn with each size; one call takes what it takes. The very first is not counted.
    """
    if not one.seconds:
        for batch in batches:
            one.way.run(pictures[:batch])
    for batch in batches:
        one.seconds.setdefault(batch, []).append(_seconds(one.way, pictures, batch, seconds))


def _seconds(way: Way, pictures: Pictures, batch: int, seconds: float) -> float:
    """How long one batch takes, a mean over a turn."""
    calls, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds or not calls:
        start = calls * batch % (len(pictures) - batch + 1)
        way.run(pictures[start : start + batch])
        calls += 1
    return elapsed / calls
