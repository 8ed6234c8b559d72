"""What the seeds and the example measured, as figures and as sentences."""

import math
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from training.data import VALIDATION_START
from training.recipe import Recipe
from training.speedrun.example import EPOCHS, Beside
from training.speedrun.race import Lap

GOAL = 0.99
"""What the mean of the seeds has to reach on the test split."""
SEEDS = 20
"""Of how many seeds at least."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over seeds: its mean, and from two seeds on its standard deviation and the mean's 95 % interval."""

    mean: float
    sd: float | None
    interval: tuple[float, float] | None


def spread_of(values: Sequence[float]) -> Spread:
    """Mean, standard deviation, and Student's interval of the mean, of one value or more."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Spread(mean, None, None)
    sd = statistics.stdev(values)
    half = _student(len(values) - 1) * sd / math.sqrt(len(values))
    return Spread(mean, sd, (mean - half, mean + half))


def _student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t (Abramowitz and Stegun 1964, 26.7.5).

    Too small by 0.3 % or less from four degrees of freedom on, by a quarter with one.
    """
    z = statistics.NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / (4 * freedom),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3),
    )
    return sum(terms)


def why_no_record(recipe: Recipe, laps: Sequence[Lap], beside: Beside | None) -> list[str]:
    """What of the rules these seeds do not meet; empty where they are a record's."""
    mean = sum(lap.test.correct for lap in laps) / sum(
        lap.test.total for lap in laps
    )  # a mean of fractions may miss by one bit
    return [
        *([f"{len(laps)} of {SEEDS} seeds"] if len(laps) < SEEDS else []),
        *([f"{recipe.images:,} of {VALIDATION_START:,} images"] if recipe.images != VALIDATION_START else []),
        *([f"the mean is {mean:.3%}, not {GOAL:.1%}"] if mean < GOAL else []),
        *([] if beside else ["PyTorch's example was not timed beside"]),
    ]


def figures(recipe: Recipe, laps: Sequence[Lap], beside: Beside | None) -> dict[str, Any]:
    """All of it, as what JSON can hold. There is at least one lap."""
    seconds = spread_of([lap.seconds for lap in laps])
    told: dict[str, Any] = {
        "recipe": str(recipe),
        "hardware": laps[0].hardware,
        "versions": versions(),
        "laps": [
            {
                "seed": lap.seed,
                "seconds": lap.seconds,
                "processor_seconds": lap.processor_seconds,
                "correct": lap.test.correct,
                "total": lap.test.total,
            }
            for lap in laps
        ],
        "seconds": _plain(seconds),
        "accuracy": _plain(spread_of([lap.test.value for lap in laps])),
        "why_no_record": why_no_record(recipe, laps, beside),
    }
    if beside:
        told["example"] = {
            "epoch_seconds": list(beside.epochs),
            "seconds": beside.seconds,
            "is_whole": beside.is_whole,
            "accuracy": beside.accuracy,
            "times_faster": beside.seconds / seconds.mean,
        }
    return told


def versions() -> dict[str, str]:
    """Of what decides how fast it is."""
    return {"python": platform.python_version(), "torch": str(torch.__version__)}


def sentences(recipe: Recipe, laps: Sequence[Lap], beside: Beside | None) -> list[str]:
    """The same for people. There is at least one lap."""
    seconds, accuracy = spread_of([lap.seconds for lap in laps]), spread_of([lap.test.value for lap in laps])
    processor = statistics.fmean(lap.processor_seconds for lap in laps)
    count = f"{len(laps)} seed{'s' if len(laps) > 1 else ''}"
    told = [
        f"{laps[0].hardware}; " + ", ".join(f"{name} {version}" for name, version in versions().items()),
        f"test, mean of {count}: {accuracy.mean:.3%}" + _about(accuracy, "{:.3%}"),
        f"seconds, mean of {count}: {seconds.mean:.2f}" + _about(seconds, "{:.2f}") + f"; of the processor {processor:.2f}",
    ]
    if beside:
        told.append(_told_beside(beside, seconds.mean))
    missing = why_no_record(recipe, laps, beside)
    return [*told, f"no record: {'; '.join(missing)}" if missing else "these seeds meet the rules of docs/speedrun.md"]


def _told_beside(beside: Beside, seconds: float) -> str:
    how = "all measured" if beside.is_whole else f"{EPOCHS} times the mean of {len(beside.epochs)}, the others not trained"
    right = "" if beside.accuracy is None else f", test {beside.accuracy:.2%}"
    return (
        f"PyTorch's example, {EPOCHS} epochs: {beside.seconds:.1f} s ({how}){right}; "
        f"{beside.seconds / seconds:.1f} times the entry's"
    )


def _about(spread: Spread, form: str) -> str:
    if spread.sd is None or spread.interval is None:
        return ""
    low, high = (form.format(end) for end in spread.interval)
    return f" (sd {form.format(spread.sd)}, 95 % of the mean {low} to {high})"


def _plain(spread: Spread) -> dict[str, Any]:
    return {"mean": spread.mean, "sd": spread.sd, "interval": spread.interval}
