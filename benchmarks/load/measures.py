"""What was measured of whom in which round, and what becomes of it over the rounds."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Measure:
    """One contender under one setting for some seconds."""

    round: int
    pictures: str
    """The set's name."""
    setting: str
    contender: str
    rate: float
    """Pictures a second."""
    cpu_us: float
    """Of all its processes, in user and system mode, a picture."""
    others: float
    """The share of the machine's cores that programs beside the contender and its load used meanwhile, 0 to 1."""
    p50_ms: float | None = None
    """Of a request; None where there are none."""
    p99_ms: float | None = None
    errors: dict[str, int] = field(default_factory=dict)
    """By kind; none where there were none."""


Of = Callable[[Measure], float | None]


def rate(measure: Measure) -> float:
    """Pictures a second."""
    return measure.rate


def cpu(measure: Measure) -> float:
    """Microseconds a picture."""
    return measure.cpu_us


def p50(measure: Measure) -> float | None:
    """Of a request, in ms."""
    return measure.p50_ms


def p99(measure: Measure) -> float | None:
    """Of a request, in ms."""
    return measure.p99_ms


class Measures:
    """All measures of a run, in the order they were made."""

    def __init__(self) -> None:
        self.all: list[Measure] = []

    def of(self, pictures: str, setting: str, contender: str) -> list[Measure]:
        """Of one contender under one setting, round by round."""
        return [one for one in self.all if (one.pictures, one.setting, one.contender) == (pictures, setting, contender)]

    def median(self, pictures: str, setting: str, contender: str, of: Of = rate) -> float | None:
        """Over the rounds; None where nothing was measured."""
        values = [value for one in self.of(pictures, setting, contender) if (value := of(one)) is not None]
        return statistics.median(values) if values else None

    def ratio(self, pictures: str, setting: str, contender: str, other: str, of: Of = rate) -> float | None:
        """The median of the rounds' ratios of one contender to another; None where one of them was not measured."""
        values = []
        for mine, theirs in zip(self.of(pictures, setting, contender), self.of(pictures, setting, other), strict=False):
            above, below = of(mine), of(theirs)
            if above is not None and below:
                values.append(above / below)
        return statistics.median(values) if values else None
