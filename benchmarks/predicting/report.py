"""What a run of benchmarks/folders.py tells, as tables."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from rich.table import Table

from benchmarks.load.bars import Bar
from benchmarks.load.report import bar_table
from benchmarks.load.tables import number, table_of
from benchmarks.predicting.contenders import BARE, LOOPS, OURS
from benchmarks.predicting.timing import MEGABYTE, Run

LEAST_OF_BARE = 0.85
LEAST_TO_LOOP, REACH_TO_LOOP = 2.5, 5.0
MOST_START_S, MOST_PEAK_MB, MOST_BYTES_A_NAME = 1.5, 400.0, 150.0

ENOUGH_NAMES = 10_000
"""Of fewer, a name's bytes drown in what a process takes anyway."""

Of = Callable[[Run], float | None]


def _rate(run: Run) -> float:
    return run.rate


def _rate_after(run: Run) -> float:
    return run.rate_after


@dataclass(slots=True)
class Results:
    """All that was measured."""

    machine: str
    rounds: int
    runs: list[Run] = field(default_factory=list)
    memories: list[Run] = field(default_factory=list)
    """Runs whose memory was looked at; their times do not count."""
    missing: dict[str, str] = field(default_factory=dict)
    """Contenders that could not be started here, and why."""
    failures: list[str] = field(default_factory=list)
    """Runs that did not answer every file."""
    held: list[Run] = field(default_factory=list)
    """Runs of the command over ever larger folders, whose memory was looked at."""

    def median(self, pictures: str, contender: str, of: Of = _rate) -> float | None:
        """Over the rounds; None where nothing was measured."""
        values = [value for run in self._of(pictures, contender) if (value := of(run)) is not None]
        return statistics.median(values) if values else None

    def ratio(self, pictures: str, contender: str, other: str, of: Of = _rate) -> float | None:
        """The median of the rounds' ratios of one contender to another; None where one of them was not measured."""
        pairs = zip(self._of(pictures, contender), self._of(pictures, other), strict=False)
        values = [above / below for mine, theirs in pairs if (above := of(mine)) and (below := of(theirs))]
        return statistics.median(values) if values else None

    def loop(self, pictures: str) -> str | None:
        """The plain loop at its best number of threads."""
        rates = {name: rate for name in LOOPS if (rate := self.median(pictures, name)) is not None}
        return max(rates, key=rates.__getitem__) if rates else None

    def _of(self, pictures: str, contender: str) -> list[Run]:
        return [run for run in self.runs if (run.pictures, run.contender) == (pictures, contender)]

    def told(self) -> dict[str, Any]:
        """For a JSON file."""
        return asdict(self) | {"bars": [asdict(bar) | {"verdict": bar.verdict} for bar in bars(self)]}


def bars(results: Results) -> Iterator[Bar]:
    """What the command is to reach, of what was measured."""
    for name in dict.fromkeys(run.pictures for run in results.runs):
        for what, of in (("start included", _rate), ("after their starts", _rate_after)):
            yield Bar(f"{name}: share of bare, {what}", results.ratio(name, OURS, BARE, of), LEAST_OF_BARE)
        if loop := results.loop(name):
            times = results.ratio(name, OURS, loop)
            least, reach = (LEAST_TO_LOOP, REACH_TO_LOOP) if name == "mnist" else (None, None)
            yield Bar(f"{name}: times the plain loop, start included", times, least, reach)
        yield Bar(
            f"{name}: seconds to the first row", results.median(name, OURS, lambda run: run.start_s), most=MOST_START_S
        )
    for run in results.memories:
        if run.contender == OURS:
            yield Bar(f"{run.pictures}: peak of all processes, MB", run.peak_mb, most=MOST_PEAK_MB)
    enough = [run for run in results.held if run.files >= ENOUGH_NAMES]
    for before, held in pairwise(enough):
        assert before.first_mb is not None
        assert held.first_mb is not None
        a_name = (held.first_mb - before.first_mb) * MEGABYTE / (held.files - before.files)
        yield Bar(f"{before.files:,} to {held.files:,} files: bytes a name", a_name, most=MOST_BYTES_A_NAME)


def shown(results: Results) -> Iterator[Table | str]:
    """All there is to show."""
    for name in dict.fromkeys(run.pictures for run in results.runs):
        yield _speed_table(results, name)
    if results.memories:
        yield _memory_table(results.memories)
    if results.held:
        yield _held_table(results.held)
    if judged := list(bars(results)):
        yield bar_table(judged)
    for name, why in results.missing.items():
        yield f"not measured: {name}, {why}"
    if shares := sorted(run.others for run in results.runs):
        yield f"other programs used {statistics.median(shares):.0%} of all cores during a run, {shares[-1]:.0%} at most"


def _speed_table(results: Results, name: str) -> Table:
    runs = [run for run in results.runs if run.pictures == name]
    loop = results.loop(name)
    title = (
        f"{name}: {runs[0].files:,} files, {results.rounds} round{'s' * (results.rounds > 1)}, medians, ratios in each round"
    )
    table = table_of(title, "", "files/s", "start s", "files/s after it", "of bare", "after it", "x loop", "CPU us a file")
    for contender in dict.fromkeys(run.contender for run in runs):
        table.add_row(
            contender,
            number(results.median(name, contender), ",.0f"),
            number(results.median(name, contender, lambda run: run.start_s), ".2f"),
            number(results.median(name, contender, _rate_after), ",.0f"),
            number(results.ratio(name, contender, BARE), ".2f"),
            number(results.ratio(name, contender, BARE, _rate_after), ".2f"),
            number(results.ratio(name, contender, loop) if loop else None, ".2f"),
            number(results.median(name, contender, lambda run: run.cpu_us), ",.1f"),
        )
    return table


def _memory_table(runs: Sequence[Run]) -> Table:
    table = table_of("memory, MB of 10^6 bytes", "", "peak of all processes (PSS)", "the largest one's (RSS)")
    for run in runs:
        table.add_row(f"{run.pictures}, {run.contender}", *(number(size, ",.0f") for size in (run.peak_mb, run.largest_mb)))
    return table


def _held_table(held: Sequence[Run]) -> Table:
    table = table_of(
        "digits predict, files of one folder", "", "parent at most MB", "all processes (PSS) MB", "files/s", "first row s"
    )
    for one in held:
        sizes = number(one.first_mb, ",.1f"), number(one.peak_mb, ",.0f")
        table.add_row(f"{one.files:,}", *sizes, f"{one.rate:,.0f}", f"{one.start_s:.2f}")
    return table
