"""Interleaved rounds: each visits every contender with each set of pictures under each setting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from started import Started

from benchmarks.load import wrk
from benchmarks.load.answers import check
from benchmarks.load.bodies import Requests
from benchmarks.load.contenders import BARE, CONTENDERS, SETTINGS, Way
from benchmarks.load.measures import Measure, Measures
from benchmarks.load.pair import Pair
from benchmarks.load.processes import Others, cpu_seconds
from benchmarks.load.stock import Stock

DISTURBED = 0.1
Tell = Callable[[str], None]
"""Hears what is being done."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured."""

    contenders: Sequence[str]
    sets: Sequence[str]
    settings: Sequence[str]
    rounds: int
    seconds: float
    """Of each measure."""
    again: int = 0
    """How often a measure is made again while other programs use more than DISTURBED of the cores."""

    def taking_part(self, setting: str) -> list[str]:
        """The contenders that are measured under a setting."""
        pictures = SETTINGS[setting].pictures
        return [name for name in self.contenders if (pictures > 1 if name in BARE else CONTENDERS[name].way(pictures))]

    def ways(self) -> dict[tuple[Way, int], str]:
        """Every way of asking, with how many pictures a request, and whose answers are expected."""
        sizes = sorted({SETTINGS[setting].pictures for setting in self.settings})
        served = [CONTENDERS[name] for name in self.contenders if name not in BARE]
        return {(way, size): one.expected for one in served for size in sizes if (way := one.way(size)) is not None}


def loaded(server: Started, requests: Requests, connections: int, seconds: float) -> tuple[wrk.Load, float]:
    """A load, and the CPU seconds that the server's processes used for it. A server that has ended is an error, too."""
    before = cpu_seconds(server.pids())
    load = wrk.load(server.url, requests, connections, seconds)
    if server.process.poll() is not None:  # its workers may live on, and answer
        load = replace(load, errors=load.errors | {"ended": 1})
    return load, max(cpu_seconds(server.pids()) - before, 0)


@dataclass(frozen=True, slots=True)
class Bench:
    """The servers, started, by name, the bare processes where they are wanted, and the pictures."""

    servers: Mapping[str, Started]
    pair: Pair | None
    stock: Stock
    tell: Tell

    def check(self, plan: Plan) -> None:
        """Ask for every picture in every way that will be measured. Raises WrongAnswers."""
        for (way, size), whose in plan.ways().items():
            self.tell(f"checking the answers of {way.server}, {way.body}, {size} a request")
            for name in plan.sets:
                check(self.servers[way.server].url, way.body, self.stock.files[name], size, self.stock.expected(name, whose))

    def rounds(self, plan: Plan) -> Measures:
        """All the measures of a plan. Who comes first changes from round to round."""
        measures = Measures()
        for number in range(plan.rounds):
            for name in plan.sets:
                for setting in plan.settings:
                    self.tell(f"round {number + 1} of {plan.rounds}: {name}, {setting}")
                    contenders = plan.taking_part(setting)
                    turn = number % max(len(contenders), 1)
                    for contender in contenders[turn:] + contenders[:turn]:
                        measures.all.append(self._calmest(number, name, setting, contender, plan))
        return measures

    def _calmest(self, number: int, name: str, setting: str, contender: str, plan: Plan) -> Measure:
        """The least disturbed of as many tries as it takes and there are; the first with errors where there are any."""
        made: list[Measure] = []
        while len(made) <= plan.again:
            made.append(self._measure(number, name, setting, contender, plan.seconds))
            if made[-1].errors:
                return made[-1]
            if made[-1].others <= DISTURBED:
                break
        return min(made, key=lambda one: one.others)

    def _measure(self, number: int, name: str, setting: str, contender: str, seconds: float) -> Measure:
        others = Others()
        if contender in BARE:
            assert self.pair is not None
            done = self.pair.work(BARE[contender], name, seconds)
            cpu_us = 1e6 * done.cpu_seconds / done.pictures
            return Measure(number, name, setting, contender, done.rate, cpu_us, others.share(done.cpu_seconds))
        wanted = SETTINGS[setting]
        way = CONTENDERS[contender].way(wanted.pictures)
        assert way is not None
        requests = self.stock.requests(name, way.body, wanted.pictures)
        load, cpu_s = loaded(self.servers[way.server], requests, wanted.connections, seconds)
        pictures, share = load.requests * wanted.pictures, others.share(cpu_s)
        figures = pictures / load.seconds, 1e6 * cpu_s / max(pictures, 1), share, load.p50_ms, load.p99_ms
        return Measure(number, name, setting, contender, *figures, load.errors)
