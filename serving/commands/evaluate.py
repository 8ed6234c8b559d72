"""digits evaluate: labelled pictures to figures."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from serving.commands.console import (
    COULD_NOT,
    INTERRUPTED,
    USAGE,
    ByRuntime,
    ModelName,
    Models,
    OnDevice,
    bar,
    choose,
    console,
    named,
    printable,
    stop,
)
from serving.evaluation import answers, labels, run, sheet
from serving.evaluation.tables import tables

TOLD = 10
"""Pictures that could not be read are named up to this many; answers.csv has them all."""


def evaluate(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|LABELS.CSV",
            help="A CSV with the columns path and label, a folder with a labels.csv, or one with a subfolder per label.",
            show_default=False,
        ),
    ],
    model: ModelName = None,
    models: Models = None,
    device: OnDevice = None,
    runtime: ByRuntime = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The folder to write.  [default: evaluation-NAME]", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an evaluation that is there.")] = False,  # noqa: FBT002
) -> None:
    """Measure a model on labelled pictures: accuracy with its interval, by label and kind, calibration, what went wrong.

    Writes answers.csv, report.json and, where something is wrong, wrong.png.

    Exit codes: 0 done, 2 wrong usage, 3 could not finish, 130 interrupted.
    """
    settings, chosen = choose(model, models, device, runtime)
    folder = output or run.folder_for(source)
    try:
        classes = chosen.card.classes
        labelled = labels.find_labels(source, classes, answers.answer_columns(len(classes)), folder)
        if not overwrite and (before := run.written_before(folder)):
            stop(f"{before[0]} exists; choose another folder, or give --overwrite", USAGE)
        with bar() as progress:
            task = progress.add_task(chosen.card.name, total=len(labelled.pictures))
            try:
                evaluated = run.evaluate(labelled, source, chosen, settings.limits, folder, lambda: progress.advance(task))
            except KeyboardInterrupt:
                stop(f"Stopped. The answers so far are in {folder / answers.FILE}.part", INTERRUPTED)
    except labels.LabelsUnusable as error:
        stop(str(error), USAGE)
    except OSError as error:
        stop(f"{named(error, folder)}: {error.strerror}", COULD_NOT)
    _tell(evaluated)


def _tell(evaluated: run.Evaluated) -> None:
    screen = Console(highlight=False)
    for table in tables(evaluated.report):
        screen.print(table)
        screen.print()
    for one in evaluated.unread[:TOLD]:
        console.print(printable(f"{one.labelled.source}: {one.told['message']}"), style="red", markup=False)
    if len(evaluated.unread) > TOLD:
        console.print(f"and {len(evaluated.unread) - TOLD:,} more that could not be read", style="red")
    if not evaluated.wrong:
        console.print("Nothing is wrong, so there is no sheet of wrong ones.")
    elif evaluated.wrong > sheet.MOST:
        console.print(f"The sheet shows {sheet.MOST} of {evaluated.wrong:,} wrong ones, the most confident.")
    console.print(printable(f"written: {', '.join(map(str, evaluated.files))}"), markup=False)
