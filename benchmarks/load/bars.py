"""What the service is to reach, and whether it does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.load.measures import Measures, p99
from benchmarks.load.memory import Memory
from benchmarks.load.starvation import Starvation


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure and its bounds; None where there is no such bound."""

    what: str
    value: float | None
    """None where it was not measured."""
    least: float | None = None
    reach: float | None = None
    most: float | None = None

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.value is None:
            return "not measured"
        if (self.least is not None and self.value < self.least) or (self.most is not None and self.value > self.most):
            return "missed"
        if self.reach is None:
            return "held" if self.least is not None or self.most is not None else ""
        return "reached" if self.value >= self.reach else "held" if self.least is not None else "not reached"


LEAST_TO_MOSEC = {"single-1": 4.0, "single-2": 4.0, "single-16": 2.0, "single-64": 1.0}
REACH_TO_MOSEC = {"single-1": 5.0, "single-2": 5.0, "single-16": 2.5, "single-64": 1.1, "many-4": 1.5, "many-2": 1.5}
"""Two single pictures at a time are held to the bar of one: with as many clients as workers no worker is to be idle."""
LEAST_OF_BARE = {"many-4": 0.8, "many-2": 0.8}
MOST_TO_MOSECS_P99 = 1.0
MOST_MEGABYTES = 500.0
MOST_LIVEZ_MS = 50.0


OURS, MOSEC, BARE = "ours", "mosec", "bare"


def rates(measures: Measures, pictures: str, setting: str) -> Iterator[Bar]:
    """Of one set of pictures under one setting."""
    of = (pictures, setting, OURS)
    if setting in LEAST_OF_BARE:
        yield Bar(f"{pictures}, {setting}: share of bare", measures.ratio(*of, BARE), LEAST_OF_BARE[setting])
    least, reach = LEAST_TO_MOSEC.get(setting), REACH_TO_MOSEC[setting]
    yield Bar(f"{pictures}, {setting}: times Mosec", measures.ratio(*of, MOSEC), least, reach)
    yield Bar(f"{pictures}, {setting}: p99 to Mosec's", measures.ratio(*of, MOSEC, p99), most=MOST_TO_MOSECS_P99)


def megabytes(memories: Iterable[Memory]) -> Iterator[Bar]:
    """Of our own."""
    for one in memories:
        if one.contender == OURS:
            yield Bar("every model: peak alone, MB", one.alone_mb, most=MOST_MEGABYTES)


def livez(starved: Starvation) -> Iterator[Bar]:
    """Of /livez under load."""
    for way in ("kept", "fresh"):
        waits = starved.waits[f"loaded, {way}"]
        yield Bar(f"/livez under load, {way}: p99 ms", waits.p99_ms, most=MOST_LIVEZ_MS)
