"""All that one run of benchmarks/serving.py measured."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.load import bars
from benchmarks.load.bars import Bar
from benchmarks.load.machine import Machine
from benchmarks.load.measures import Measures
from benchmarks.load.memory import Memory
from benchmarks.load.rounds import Plan
from benchmarks.load.starvation import Starvation


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured, where, and of whom."""

    machine: Machine
    plan: Plan
    measures: Measures
    memories: list[Memory]
    """None where it was not asked for."""
    starved: Starvation | None
    """None where it was not asked for."""

    @property
    def bars(self) -> list[Bar]:
        """What the service is to reach, of what was asked for."""
        judged = [
            bar for name in self.plan.sets for each in self.plan.settings for bar in bars.rates(self.measures, name, each)
        ]
        judged += bars.megabytes(self.memories)
        return judged + list(bars.livez(self.starved) if self.starved else ())

    def complaints(self) -> Iterator[str]:
        """A line for each load that had errors."""
        of = [
            (f"round {one.round + 1}, {one.pictures}, {one.setting}, {one.contender}", one.errors)
            for one in self.measures.all
        ]
        of += [(f"memory, {one.contender}", one.errors) for one in self.memories]
        if self.starved is not None:
            of += [("livez, the load", self.starved.errors)]
            of += [(f"livez, {name}", {"answers but 200": one.errors}) for name, one in self.starved.waits.items()]
        for what, errors in of:
            if told := ", ".join(f"{count} {kind}" for kind, count in errors.items() if count):
                yield f"{what}: {told}"

    def told(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "machine": asdict(self.machine),
            "plan": asdict(self.plan),
            "bars": [asdict(bar) | {"verdict": bar.verdict} for bar in self.bars],
            "measures": [asdict(one) for one in self.measures.all],
            "memory": [asdict(one) for one in self.memories],
            "livez": asdict(self.starved) if self.starved else None,
        }
