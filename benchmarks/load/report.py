"""The tables of a run of benchmarks/serving.py."""

import statistics
from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from benchmarks.load.bars import Bar
from benchmarks.load.contenders import BARE, CONTENDERS, SETTINGS
from benchmarks.load.measures import Measures, cpu, p50, p99
from benchmarks.load.memory import Memory
from benchmarks.load.results import Results
from benchmarks.load.rounds import Plan
from benchmarks.load.starvation import Starvation
from benchmarks.load.tables import number, table_of


def speed_table(measures: Measures, plan: Plan, name: str) -> Table:
    """Everybody under each setting with one set of pictures: medians of the rounds, ratios taken in each round."""
    table = table_of(
        f"{name}: {plan.rounds} round{'s' * (plan.rounds > 1)} of {plan.seconds:g} s, medians",
        "", "pictures/s", "x mosec", "x fastapi", "p50 ms", "p99 ms", "CPU us",
    )  # fmt: skip
    for setting in plan.settings:
        wanted = SETTINGS[setting]
        table.add_section()
        each = f", {wanted.pictures} each" if wanted.pictures > 1 else ""
        table.add_row(f"[bold]{setting}[/bold] ({wanted.connections} open{each})")
        for contender in plan.taking_part(setting):
            of = (name, setting, contender)
            table.add_row(
                f"  {contender}",
                number(measures.median(*of), ",.0f"),
                *(number(measures.ratio(*of, other), ".2f") for other in ("mosec", "fastapi")),
                *(number(measures.median(*of, wait), ".2f") for wait in (p50, p99)),
                number(measures.median(*of, cpu), ",.0f"),
            )
    return table


def about(contenders: Iterable[str]) -> Iterator[str]:
    """A line on each contender."""
    for name in contenders:
        yield f"{name}: " + (
            f"two processes with {BARE[name]}, reading and inference in batches of 64, no HTTP"
            if name in BARE
            else CONTENDERS[name].about
        )


def bar_table(bars: Sequence[Bar]) -> Table:
    """Each bar and what became of it."""
    table = table_of("bars", "", "is", "at least", "to reach", "at most", "")
    for bar in bars:
        bounds = (number(bound, "g") for bound in (bar.least, bar.reach, bar.most))
        table.add_row(bar.what, number(bar.value, ".2f"), *bounds, bar.verdict)
    return table


def memory_table(memories: Sequence[Memory]) -> Table:
    """What each server holds."""
    table = table_of("memory, PSS summed over all processes", "", "processes", "idle MB", "peak MB", "peak alone MB")
    for one in memories:
        table.add_row(
            one.contender, str(one.processes), *(f"{size:,.0f}" for size in (one.idle_mb, one.peak_mb, one.alone_mb))
        )
    return table


def livez_table(told: Starvation) -> Table:
    """How long /livez took."""
    title = f"GET /livez while {told.model} answers {told.rate:,.0f} pictures/s over {told.connections} connections"
    table = table_of(title, "", "asked", "p50 ms", "p99 ms", "max ms", "errors", "asker's own p99 ms")
    for name, one in told.waits.items():
        numbers = (f"{value:.1f}" for value in (one.p50_ms, one.p99_ms, one.max_ms))
        table.add_row(name, str(one.count), *numbers, str(one.errors), f"{one.late_p99_ms:.1f}")
    return table


def tables(results: Results) -> Iterator[Table]:
    """All there is to show."""
    if results.plan.settings:
        for name in results.plan.sets:
            yield speed_table(results.measures, results.plan, name)
    if results.memories:
        yield memory_table(results.memories)
    if results.starved:
        yield livez_table(results.starved)
    yield bar_table(results.bars)


def disturbance(results: Results) -> str:
    """How far other programs got in the way."""
    shares = sorted(one.others for one in results.measures.all) or [0.0]
    return f"other programs used {statistics.median(shares):.0%} of all cores during a measure, {shares[-1]:.0%} at most"
