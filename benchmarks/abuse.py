"""What overload, signals, a long time and broken files do to the service: measured on one that is started for it.

    python benchmarks/abuse.py [--parts "overload,sigterm,sigkill,soak,mates"] [--overload-seconds 60] [--soak-seconds 600]
                               [--seconds 4] [--rounds 3] [--connections 10000] [--workers 2] [--json OUT] [--quick]

Needs Linux, wrk (apt-get install wrk), and MNIST. Everything goes over loopback, from a second process; each part has a
service of its own, with the model and the limits that it has by default.

overload: requests are due at four times the rate that 64 connections are answered at, over so many connections, once with
28x28 PNGs and once with drawings of 200x200. One more client asks about one picture at a time before, meanwhile and after.
sigterm: what becomes of requests whose every byte had been sent over connections in use when the signal came, in so many
rounds. sigkill: the same for one worker that is killed, and how long the service is without it. soak: 80 % of the capacity
for a long time; memory, temporary files, errors. mates: the same pictures alone, 64 in a request, under load, and from
strangers at the same moment as broken files; answers are compared digit by digit.

Exits with 1 where a bar is missed.
"""

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)  # benchmarks/training.py would hide the package of the same name
sys.path.insert(1, str(ROOT / "tests" / "support"))

from started import NotReady, Started, service  # noqa: E402

from benchmarks.load import wrk  # noqa: E402
from benchmarks.load.bars import Bar  # noqa: E402
from benchmarks.load.bodies import Requests  # noqa: E402
from benchmarks.load.contenders import SETS  # noqa: E402
from benchmarks.load.machine import machine  # noqa: E402
from benchmarks.load.processes import settle  # noqa: E402
from benchmarks.load.report import bar_table  # noqa: E402
from benchmarks.load.stock import NoPictures, Stock  # noqa: E402
from benchmarks.strain import mates, overload, signals, soak  # noqa: E402
from serving.settings import Settings  # noqa: E402

PARTS = ("overload", "sigterm", "sigkill", "soak", "mates")
CONNECTIONS = 64
"""Of what is not about many of them."""
SPARE_FILES = 200
"""File descriptors of a process beside its connections."""
QUICK = {"overload_seconds": 4.0, "soak_seconds": 10.0, "seconds": 2.0, "rounds": 1}
POISON_MATES = 256
"""Pictures that are compared."""


@dataclass
class Found:
    """What a run found."""

    bars: list[Bar] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, figures: object, bars: Iterable[Bar] = ()) -> None:
        """figures: a dataclass."""
        self.told.setdefault(name, []).append(asdict(figures))  # type: ignore[call-overload]
        self.bars += bars


@dataclass(frozen=True)
class Bench:
    """What the parts share."""

    options: argparse.Namespace
    stock: Stock
    scratch: Path

    def start(self, temporary: Path | None = None) -> AbstractContextManager[Started]:
        """A service as it comes. temporary: where its temporary files go."""
        folder = temporary or self.scratch
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DIGITS_", "BENTOML_"))}
        environment = clean | {"TMPDIR": str(folder)}
        return service("--workers", str(self.options.workers), environment=environment, folder=ROOT)

    def requests(self, name: str = SETS[0]) -> Requests:
        """One picture of a set each."""
        return self.stock.requests(name, "multipart", 1)


def measure_overload(bench: Bench, found: Found) -> None:
    """With each set of pictures."""
    waiting = Settings(models=ROOT).max_waiting
    for name in SETS:
        with bench.start() as server:
            settle(server.pids)
            one = overload.overload(
                server,
                name,
                bench.requests(name),
                bench.stock.files[SETS[0]][0],
                connections=bench.options.connections,
                seconds=bench.options.overload_seconds,
                waiting=waiting,
                measure_s=bench.options.seconds,
            )
        found.add("overload", one, overload.bars(one))


def measure_sigterm(bench: Bench, found: Found) -> None:
    """As many rounds as are asked for: which requests a signal meets is a matter of chance."""
    rounds = [
        signals.terminate(bench.start, bench.requests(), connections=CONNECTIONS, seconds=bench.options.seconds)
        for _ in range(bench.options.rounds)
    ]
    for one in rounds[:-1]:
        found.add("sigterm", one)
    found.add("sigterm", rounds[-1], signals.termination_bars(rounds))


def measure_sigkill(bench: Bench, found: Found) -> None:
    """Once."""
    options = bench.options
    one = signals.murder(
        bench.start, bench.requests(), workers=options.workers, connections=CONNECTIONS, seconds=options.seconds
    )
    found.add("sigkill", one, signals.murder_bars(one))


def measure_soak(bench: Bench, found: Found) -> None:
    """In a temporary folder of its own."""
    temporary = bench.scratch / "soak"
    temporary.mkdir()
    options = bench.options
    one = soak.soak(bench.start, bench.requests(), temporary, seconds=options.soak_seconds, measure_s=options.seconds)
    found.add("soak", one, soak.bars(one))


def measure_mates(bench: Bench, found: Found) -> None:
    """With both sets of pictures."""
    half = POISON_MATES // len(SETS)
    files = [data for name in SETS for data in bench.stock.files[name][:half]]
    seven = files[0]
    poison = [seven[: len(seven) // 2], b"Dear Sir or Madam,\n", b"", seven[:60] + bytes(len(seven) - 72) + seven[-12:]]
    with bench.start() as server:
        settle(server.pids)
        one = mates.mates(server, bench.requests(SETS[1]), files, poison, seconds=bench.options.seconds)
    found.add("mates", one, mates.bars(one))


MEASURES: dict[str, Callable[[Bench, Found], None]] = dict(
    zip(PARTS, (measure_overload, measure_sigterm, measure_sigkill, measure_soak, measure_mates), strict=True)
)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""

    def parts(text: str) -> list[str]:
        given = [name.strip() for name in text.split(",")]
        if unknown := [name for name in given if name not in PARTS]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are: {', '.join(PARTS)}")
        return [name for name in PARTS if name in given]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=parts, default=list(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--overload-seconds", type=float, default=60)
    parser.add_argument("--soak-seconds", type=float, default=600)
    parser.add_argument("--seconds", type=float, default=4, help="of each other load")
    parser.add_argument("--rounds", type=int, default=3, help="of sigterm")
    parser.add_argument("--connections", type=int, default=10_000, help="of the overload")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures, too")
    parser.add_argument("--quick", action="store_true", help="a few seconds of each, to see that it works")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    return options


def allow_files(connections: int) -> None:
    """As many open files as that takes, here and in what is started here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < connections + SPARE_FILES:
        sys.exit(f"This machine allows a process {most:,} open files: --connections {most - SPARE_FILES} at most.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(connections + SPARE_FILES, 1024), most))


def measure(options: argparse.Namespace, console: Console) -> Found:
    """Every part that is asked for, with its figures as they come."""
    here = machine(())
    console.print(here.line)
    found = Found(told={"machine": asdict(here)})
    with tempfile.TemporaryDirectory(prefix="abuse-") as scratch:
        bench = Bench(options, Stock(Path(scratch)), Path(scratch) / "temporary")
        bench.scratch.mkdir()
        for name in options.parts:
            print(name, file=sys.stderr, flush=True)
            MEASURES[name](bench, found)
            for figures in found.told[name]:
                console.print(name, {key: value for key, value in figures.items() if key != "samples"})
    return found


def main() -> None:
    """Measure and print."""
    options = arguments()
    if sys.platform != "linux":
        sys.exit("This reads what processes take from /proc: it needs Linux.")
    if not wrk.is_there():
        sys.exit(wrk.MISSING)
    allow_files(options.connections)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what was started, as Ctrl-C does
    console = Console(width=max(Console().width, 120))
    try:
        found = measure(options, console)
    except (NotReady, NoPictures, signals.WorkerMissing) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    console.print(bar_table(found.bars))
    if options.json:
        bars = [asdict(bar) | {"verdict": bar.verdict} for bar in found.bars]
        options.json.write_text(json.dumps(found.told | {"bars": bars}, indent=2) + "\n", encoding="utf-8")
    sys.exit(any(bar.verdict in {"missed", "not measured"} for bar in found.bars))


if __name__ == "__main__":
    main()
