"""digits benchmark: models side by side, by each library that runs them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from serving.benchmark import measure, plot, table, testset
from serving.benchmark.machine import processor
from serving.benchmark.measure import Measured
from serving.benchmark.run import Plan, measure_all
from serving.card import Card
from serving.commands.console import COULD_NOT, INTERRUPTED, USAGE, Models, bar, console, load_models, named, printable, stop
from serving.folder.sinks import check_writable
from serving.settings import find_models

WIDEST = 200
SHOWN = 64
"""The batch that the plot shows, where it is measured."""


def benchmark(
    models: Models = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Only this one; may be repeated.", show_default=False)
    ] = None,
    way: Annotated[
        list[str] | None,
        typer.Option(
            "--runtime",
            help="Only this one of onnx-1, onnx-2, cuda, openvino-1, openvino-2, torchscript, eager; may be repeated.",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[str, typer.Option("--batch", help="Sizes of batches.")] = "1,8,64,1024",
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Holds the data sets.", show_default="DIGITS_DATA, else ~/.cache/digits"),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each has its turn.")] = 3,
    seconds: Annotated[float, typer.Option(min=0, help="Of a turn with batches of one size.")] = 0.05,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write a CSV too.", show_default=False)] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", help="Draw accuracy against speed, such as plot.png.", show_default=False)
    ] = None,
) -> None:
    """Measure each model by each library: how right, and how fast.

    The libraries are ONNX Runtime with 1 and 2 threads and by CUDA, OpenVINO with
    1 and 2 threads, TorchScript, and eager PyTorch; all but the first two where they are installed. Differing
    answers are those that are not ONNX Runtime's with 1 thread, whose distance
    from float64 the cards prove.

    Exit codes: 0 done, 2 wrong usage, 3 could not finish, 130 interrupted.
    """
    batches = _sizes(batch)
    with _faults_told(output):
        if picture is not None:
            plot.check()
        for path in filter(None, (output, picture)):
            check_writable(path)  # before some minutes are spent
        folder = find_models(models)
        plan = Plan(folder, _cards(folder, model or ()), way or (), batches, rounds, seconds, testset.folder_of(data))
        measured = _measured(plan)
        told = _told(measured, rounds)
        _show(table.table(measured, batches))
        console.print(told)
        if output is not None:
            with output.open("w", encoding="utf-8", newline="") as file:
                table.write(file, measured, batches)
        if picture is not None:
            plot.draw(measured, SHOWN if SHOWN in batches else batches[-1], told, picture)


@contextmanager
def _faults_told(output: Path | None) -> Iterator[None]:
    try:
        yield
    except plot.PlotImpossible as error:
        stop(str(error), COULD_NOT)
    except OSError as error:
        stop(f"{named(error, output or Path('-'))}: {error.strerror}", COULD_NOT)
    except KeyboardInterrupt:
        stop("Stopped.", INTERRUPTED)


def _measured(plan: Plan) -> list[Measured]:
    with bar() as progress:
        task = progress.add_task("answering", total=plan.steps)
        measured, said = measure_all(plan, lambda what: progress.update(task, description=what, advance=1))
    for line in said:
        console.print(printable(line), markup=False)
    if not measured:
        stop(f"Nothing of {', '.join(plan.ways)} can be measured here", USAGE)
    return measured


def _show(shown: Table) -> None:
    """On a narrow screen its lines break; nothing is cut off."""
    screen = Console(highlight=False)
    screen.width = max(screen.width, screen.measure(shown, options=screen.options.update(max_width=WIDEST)).maximum)
    screen.print(shown)


def _sizes(given: str) -> list[int]:
    sizes = [part.strip() for part in given.split(",")]
    if not all(size.isdecimal() and 0 < int(size) <= measure.MOST for size in sizes):
        stop(f"--batch takes numbers from 1 to {measure.MOST:,}, separated by commas, not {given!r}", USAGE)
    return sorted(set(map(int, sizes)))


def _cards(folder: Path, wanted: Sequence[str]) -> list[Card]:
    catalogue = load_models(folder)
    for name in wanted:
        if name not in catalogue.models:
            stop(catalogue.refused.get(name) or f"There is no model {name!r}. Models: {', '.join(catalogue.models)}", USAGE)
    for reason in catalogue.refused.values():
        console.print(printable(f"not measured: {reason}"), style="red", markup=False)
    return [one.card for one in catalogue.models.values() if not wanted or one.card.name in wanted]


def _told(measured: Sequence[Measured], rounds: int) -> str:
    libraries = ", ".join(dict.fromkeys(one.way.library for one in measured))
    return f"{processor()}; {libraries}; medians of {rounds} interleaved rounds"
