"""digits-train speedrun: the shortest time to 99 % on MNIST, PyTorch's own example timed beside it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer

from training import data, device
from training.commands.console import INTERRUPTED, USAGE, console, faults_told, stop
from training.recipe import Recipe
from training.speedrun import entry, race, report
from training.speedrun.example import EPOCHS, Example


def speedrun(
    seeds: Annotated[int, typer.Option(min=1, help="Train with the seeds 0 to SEEDS - 1.")] = report.SEEDS,
    example_epochs: Annotated[
        int, typer.Option(min=0, max=EPOCHS, help="How many epochs of the example are trained; its time is scaled to all.")
    ] = EPOCHS,
    images: Annotated[
        int, typer.Option(min=1, max=data.VALIDATION_START, help="Fewer, to try the command: no record.")
    ] = data.VALIDATION_START,
    wanted: Annotated[device.Wanted, typer.Option("--device", help="auto takes the accelerator that is there.")] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads, of both.")] = entry.ENTRY.threads,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures to this file.", show_default=False)
    ] = None,
) -> None:
    """Train to 99 % on MNIST as fast as we can, by the rules of docs/speedrun.md, with PyTorch's MNIST example beside it.

    A seed of ours and an epoch of the example take turns, so that both meet the same machine. Ctrl-C tells what was
    measured until then.
    """
    recipe = replace(entry.ENTRY, images=images, threads=threads)
    laps: list[race.Lap] = []
    interrupted = False
    with faults_told(), _device_told():
        if json_file:
            json_file.touch()  # or say now that it cannot be written
        data.load("MNIST", "train")  # or download them, before anything is timed
        example = Example(images, wanted, threads)
        try:
            for line in _take_turns(recipe, seeds, wanted, laps, example, example_epochs):
                console.print(line)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _tell(recipe, laps, example, json_file)
    if interrupted:
        stop("Stopped.", INTERRUPTED)


def _take_turns(
    recipe: Recipe, seeds: int, wanted: device.Wanted, laps: list[race.Lap], example: Example, epochs: int
) -> Iterator[str]:
    """Carry it out, adding to the laps and to the example; yields a line for each turn."""
    for seed, epoch in zip_longest(range(seeds), range(epochs)):
        if seed is not None:
            lap = race.run_lap_apart(recipe, seed, wanted)
            laps.append(lap)
            yield f"seed {seed}: test {lap.test.value:.2%}, {lap.seconds:.2f} s (processor {lap.processor_seconds:.2f})"
        if epoch is not None:
            yield f"example epoch {epoch + 1}/{EPOCHS}: {example.run_epoch():.2f} s"


def _tell(recipe: Recipe, laps: list[race.Lap], example: Example, json_file: Path | None) -> None:
    if not laps:
        return
    beside = example.result() if example.seconds else None
    for line in report.sentences(recipe, laps, beside):
        typer.echo(line)
    if json_file:
        text = json.dumps(report.figures(recipe, laps, beside), indent=2) + "\n"
        json_file.write_text(text, encoding="utf-8")
        console.print(f"{json_file}: written")


@contextmanager
def _device_told() -> Iterator[None]:
    try:
        yield
    except device.DeviceFault as error:
        stop(str(error), USAGE)
