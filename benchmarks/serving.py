"""How fast the service answers beside its peers, started and loaded side by side in one run, and what it takes for it.

    python benchmarks/serving.py [--rounds 3] [--seconds 4] [--only "ours,mosec,bare"] [--settings "single-64,many-4,memory"]
                                 [--pictures "placed,drawings"] [--again 0] [--json OUT] [--quick]

Needs Linux, wrk (apt-get install wrk), and MNIST. The peers' environments are made on first use, in ~/.cache/digits/peers.

Every server has two workers, is checked for its answers first, and is loaded over loopback by wrk from a process beside it,
with 512 different pictures in turn: `placed`, 28x28 PNGs as the data set has them, and `drawings`, 200x200 PNGs that take
the whole reading. The peers fit every picture whole into 28x28. A setting is so many connections, with one picture a request
or 64. `bare` is what two processes read and classify in batches of 64 without any HTTP.

In each round every contender has its turn under each setting, in changing order; ratios are taken within a round, and
their medians are shown. `memory` starts each server alone before; `livez` asks for a sign of life while a large model is
asked as fast as it answers. --help lists the contenders. With everything it takes a good quarter of an hour.

How much of the cores other programs used is told at the end. With --again N a measure during which it was more than a tenth
is made again, up to N times, and the least disturbed counts, not the fastest.

Exits with 1 where an answer was wrong, a request failed or a server ended; a bar that is missed is only told.
"""

import argparse
import json
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)  # benchmarks/serving.py would hide the package of the same name
sys.path.insert(1, str(ROOT / "tests" / "support"))

from started import NotReady  # noqa: E402

from benchmarks.load import report, wrk  # noqa: E402
from benchmarks.load.answers import WrongAnswers  # noqa: E402
from benchmarks.load.contenders import BARE, CONTENDERS, SETS, SETTINGS  # noqa: E402
from benchmarks.load.machine import PACKAGES, machine  # noqa: E402
from benchmarks.load.measures import Measures  # noqa: E402
from benchmarks.load.memory import Memory, memory  # noqa: E402
from benchmarks.load.options import names_of  # noqa: E402
from benchmarks.load.pair import pair  # noqa: E402
from benchmarks.load.processes import settle  # noqa: E402
from benchmarks.load.results import Results  # noqa: E402
from benchmarks.load.rounds import Bench, Plan  # noqa: E402
from benchmarks.load.servers import SERVERS  # noqa: E402
from benchmarks.load.starvation import Starvation, starvation  # noqa: E402
from benchmarks.load.stock import NoPictures, Stock  # noqa: E402

MEMORY, LIVEZ = "memory", "livez"
REMEMBERED = ("ours", "ours-default", "fastapi", "mosec")
"""Whose memory is measured."""
WIDTH = 110
"""At least, of the tables."""
QUICK = {"rounds": 1, "seconds": 1.0}


def arguments() -> argparse.Namespace:
    """What the command line asks for; names are checked."""
    everybody, everything = [*CONTENDERS, *BARE], [*SETTINGS, MEMORY, LIVEZ]
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="contenders:\n" + "\n".join(f"  {line}" for line in report.about(everybody)),
    )

    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measure, in whole seconds")
    parser.add_argument("--only", type=names_of(everybody), default=everybody, help="these contenders, separated by commas")
    parser.add_argument("--settings", type=names_of(everything), default=everything, help=f"of {', '.join(everything)}")
    parser.add_argument("--pictures", type=names_of(list(SETS)), default=list(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--again", type=int, default=0, metavar="N", help="repeat a disturbed measure up to so often")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures, too")
    parser.add_argument("--quick", action="store_true", help="one round of a second each, to see that it works")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    return options


def tell(what: str) -> None:
    """Say what is being done, beside the figures."""
    print(what, file=sys.stderr, flush=True)


def show_expected(stock: Stock, plan: Plan, console: Console) -> None:
    """How much of each set is read rightly, by whom: speed is not all that the peers' reading saves."""
    for name in plan.sets:
        told = ", ".join(f"{stock.right(name, whose):.1%} by {whose}" for whose in stock.known)
        console.print(f"{name}: {len(stock.files[name])} pictures, read rightly: {told}")


def measure_memory(plan: Plan, stock: Stock) -> list[Memory]:
    """Each server, alone."""
    memories = []
    for name in plan.contenders:
        if name in REMEMBERED:
            tell(f"memory of {name}")
            memories.append(memory(name, stock, plan.sets, plan.seconds))
    return memories


def under_load(plan: Plan, stock: Stock, *, ask_livez: bool) -> tuple[Measures, Starvation | None]:
    """All the rounds, and /livez after them."""
    needed = {way.server for way, _ in plan.ways()} | ({"ours"} if ask_livez else set())
    bare = sorted({BARE[name] for setting in plan.settings for name in plan.taking_part(setting) if name in BARE})
    with ExitStack() as stack:
        servers = {}
        for name in [name for name in SERVERS if name in needed]:
            tell(f"starting {name}")
            servers[name] = server = stack.enter_context(SERVERS[name]())
            settle(server.pids)
        bench = Bench(servers, stack.enter_context(pair(stock.pictures, bare, plan.sets[0])) if bare else None, stock, tell)
        bench.check(plan)
        measures = bench.rounds(plan)
        if not ask_livez:
            return measures, None
        tell("livez, idle and under load")
        return measures, starvation(servers["ours"], stock, plan.rounds * plan.seconds)


def run(options: argparse.Namespace, console: Console) -> Results:
    """Measure what is asked for."""
    settings = [name for name in options.settings if name in SETTINGS]
    plan = Plan(options.only, options.pictures, settings, options.rounds, options.seconds, options.again)
    here = machine(sorted({name.partition("-")[0] for name in plan.contenders} & PACKAGES.keys()))
    console.print(here.line)
    with tempfile.TemporaryDirectory(prefix="serving-") as scratch:
        stock = Stock(Path(scratch))
        show_expected(stock, plan, console)
        memories = measure_memory(plan, stock) if MEMORY in options.settings else []
        measures, starved = under_load(plan, stock, ask_livez=LIVEZ in options.settings)
    return Results(here, plan, measures, memories, starved)


def main() -> None:
    """Measure and print."""
    options = arguments()
    if sys.platform != "linux":
        sys.exit("This reads what processes take from /proc: it needs Linux.")
    if not wrk.is_there():
        sys.exit(wrk.MISSING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what was started, as Ctrl-C does
    console = Console(width=max(Console().width, WIDTH))
    try:
        results = run(options, console)
    except (NotReady, NoPictures, WrongAnswers) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        tell("stopped; what was started has been ended")
        sys.exit(128 + signal.SIGINT)
    for table in report.tables(results):
        console.print(table)
    console.print(report.disturbance(results))
    if options.json:
        options.json.write_text(json.dumps(results.told(), indent=2) + "\n", encoding="utf-8")
    if wrong := list(results.complaints()):
        sys.exit("\n".join(["These had errors, so no figure of them counts:", *wrong]))


if __name__ == "__main__":
    main()
