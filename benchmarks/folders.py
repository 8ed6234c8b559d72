"""How fast `digits predict` goes over folders, beside its limit and others, in one run, and what it holds meanwhile.

    python benchmarks/folders.py [--rounds 3] [--only "ours,bare,loop-1"] [--pictures "mnist,photos,million"]
                                 [--count N] [--no-memory] [--json OUT] [--quick]

Needs Linux, MNIST, and this project with the extra train; Ray Data where the extra ray is installed. timm and ultralytics
get environments of their own above this one on first use, in ~/.cache/digits/peers; the pictures lie in
~/.cache/digits/folders. Who cannot be started here is named.

`mnist` are MNIST's 70,000 pictures as PNGs, `photos` 200 JPEGs of 12 megapixels. In each round every contender has its turn,
in changing order, as a program from its start to its end, the files in the system's memory. The start is told apart: until
the first row stands in the output, or, of those that write none as they go, until they are ready with their model loaded.
Ratios are taken within a round, and their medians are shown. `bare` is the limit: two processes that read half of the files
each and run the model, begin together and write nothing. Only ours and bare look for the ink; the others fit a picture
whole into 28x28.

After the rounds each program runs once more while its memory is looked at. `million` measures the memory of the command
over 10,000, 100,000 and 1,000,000 hard links in one folder, which is removed again.

Exits with 1 where a contender did not answer every file; a bar that is missed is only told.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)  # so that benchmarks is found
sys.path.insert(1, str(ROOT / "tests" / "support"))

from benchmarks.load.options import names_of  # noqa: E402
from benchmarks.predicting import report  # noqa: E402
from benchmarks.predicting.contenders import CONTENDERS, OURS, PEERS  # noqa: E402
from benchmarks.predicting.machine import machine  # noqa: E402
from benchmarks.predicting.million import COUNTS, growing  # noqa: E402
from benchmarks.predicting.report import Results  # noqa: E402
from benchmarks.predicting.stock import ALL, NoPictures, folder_of  # noqa: E402
from benchmarks.predicting.timing import Failed, Run, timed  # noqa: E402

MILLION = "million"
WIDTH = 110
QUICK = {"mnist": 5_000, "photos": 20}


def arguments() -> argparse.Namespace:
    """What the command line asks for; names are checked."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="contenders:\n" + "\n".join(f"  {name}: {one.about}" for name, one in CONTENDERS.items()),
    )
    everybody, everything = list(CONTENDERS), [*ALL, MILLION]
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=names_of(everybody), default=everybody, help="these contenders, separated by commas")
    parser.add_argument("--pictures", type=names_of(everything), default=list(ALL), help=f"of {', '.join(everything)}")
    parser.add_argument("--count", type=int, help="so many pictures of each set instead of all")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory of mnist and photos out")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures, too")
    parser.add_argument("--quick", action="store_true", help=f"one round of few pictures, to see that it works: {QUICK}")
    options = parser.parse_args()
    options.counts = {name: min(options.count or count, count) for name, count in ALL.items()}
    if options.quick:
        options.rounds, options.counts = 1, QUICK
    return options


def tell(what: str) -> None:
    """Say what is being done, beside the figures."""
    print(what, file=sys.stderr, flush=True)


def able(names: list[str]) -> tuple[list[str], dict[str, str]]:
    """Who can be started here, and why the others cannot."""
    why = {name: CONTENDERS[name].missing for name in names}
    return [name for name in names if not why[name]], {name: told for name, told in why.items() if told}


def measure(
    results: Results,
    runs: list[Run],
    name: str,
    pictures: str,
    folder: Path,
    count: int,
    number: int = 0,
    *,
    memory: bool = False,
) -> None:
    """One run of one contender; where it fails, that is kept."""
    try:
        runs.append(timed(name, pictures, folder, count, number, memory=memory))
    except Failed as failed:
        tell(str(failed))
        results.failures.append(str(failed).partition("\n")[0])


def over_sets(results: Results, names: list[str], options: argparse.Namespace) -> None:
    """All rounds over each set, and one more of each program for its memory."""
    for pictures in options.pictures:
        if pictures == MILLION:
            continue
        count = options.counts[pictures]
        tell(f"{pictures}: {count:,} files")
        folder = folder_of(pictures, count)
        for number in range(options.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                tell(f"round {number + 1}, {pictures}: {name}")
                measure(results, results.runs, name, pictures, folder, count, number)
        for name in [] if options.no_memory else names:
            tell(f"memory, {pictures}: {name}")
            measure(results, results.memories, name, pictures, folder, count, memory=True)


def over_ever_more(results: Results, options: argparse.Namespace) -> None:
    """The command's memory over folders of up to a million files."""
    counts = [count // (100 if options.quick else 1) for count in COUNTS]
    for folder, count in growing(folder_of("mnist", options.counts["mnist"]), counts):
        tell(f"{MILLION}: {count:,} files")
        measure(results, results.held, OURS, MILLION, folder, count, memory=True)


def main() -> None:
    """Measure and print."""
    options = arguments()
    if sys.platform != "linux":
        sys.exit("This reads what processes take from /proc: it needs Linux.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what was started, as Ctrl-C does
    console = Console(width=max(Console().width, WIDTH))
    names, missing = able(options.only)
    results = Results(machine(sorted(PEERS.keys() & names)), options.rounds, missing=missing)
    console.print(results.machine)
    try:
        over_sets(results, names, options)
        if MILLION in options.pictures:
            over_ever_more(results, options)
    except NoPictures as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        tell("stopped; what was started has been ended")
        sys.exit(128 + signal.SIGINT)
    for shown in report.shown(results):
        console.print(shown)
    if options.json:
        options.json.write_text(json.dumps(results.told(), indent=2) + "\n", encoding="utf-8")
    if results.failures:
        sys.exit("\n".join(["These failed, so no figure of them counts:", *results.failures]))


if __name__ == "__main__":
    main()
