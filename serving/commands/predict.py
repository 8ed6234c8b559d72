"""digits predict: pictures to rows."""

from pathlib import Path
from typing import Annotated

import typer

from serving.commands.console import (
    COULD_NOT,
    INTERRUPTED,
    REJECTED_ROWS,
    USAGE,
    ModelName,
    Models,
    bar,
    choose,
    console,
    named,
    stop,
)
from serving.folder import run, sinks, sources


def predict(
    paths: Annotated[list[Path], typer.Argument(help="Folders, with all below them, and files.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="OUT.csv or OUT.jsonl.", show_default=False)],
    model: ModelName = None,
    models: Models = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Add columns p0 to p9 to a CSV.")] = False,  # noqa: FBT002
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a row is rejected.")] = False,  # noqa: FBT002
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,  # noqa: FBT002
) -> None:
    """Write one row per file: the digit, or why there is none.

    Exit codes: 0 done, 1 rejected rows under --strict, 2 wrong usage, 3 could not finish, 130 interrupted.
    """
    settings, chosen = choose(model, models)
    if output.exists() and not overwrite:
        stop(f"{output} exists; choose another name, or give --overwrite", USAGE)
    account = run.Account()
    try:
        with sinks.Sink(output, len(chosen.card.classes), probabilities=probabilities) as sink, bar() as progress:
            try:
                task, own = progress.add_task("counting", total=None), (output, sink.part)
                progress.update(task, total=sum(1 for _ in sources.find(paths, own)), description=chosen.card.name)
                for done in run.predict(sources.find(paths, own), chosen, settings.limits, sink.write, account):
                    progress.advance(task, done)
            except KeyboardInterrupt:
                stop(f"Stopped. The rows so far are in {sink.part}", INTERRUPTED)
    except (sources.SourceUnusable, sinks.FormatUnknown) as error:
        stop(str(error), USAGE)
    except OSError as error:
        stop(f"{named(error, output)}: {error.strerror}", COULD_NOT)
    console.print(f"{account}\n{output}: written by {chosen.identity}")
    if strict and account["rejected"]:
        raise typer.Exit(REJECTED_ROWS)
