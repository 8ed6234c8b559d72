"""digits look: how one picture is read."""

from pathlib import Path
from typing import Annotated

import typer

from serving import drawing
from serving.commands.console import COULD_NOT, USAGE, ModelName, Models, choose, console, named, printable, stop
from serving.folder.sources import contents
from serving.look import look as look_at
from serving.outcome import Rejection
from serving.reading import ImageRejected


def look(
    file: Annotated[Path, typer.Argument(help="The picture.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="STEPS.png.", show_default=False)],
    model: ModelName = None,
    models: Models = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,  # noqa: FBT002
) -> None:
    """Draw every step from a picture to the 28x28 that the model sees, and its answer.

    Exit codes: 0 done, 2 wrong usage or a picture that cannot be read, 3 could not write.
    """
    if output.suffix.lower() != ".png":
        stop(f"{output} must end in .png", USAGE)
    if output.exists() and not overwrite:
        stop(f"{output} exists; choose another name, or give --overwrite", USAGE)
    settings, chosen = choose(model, models)
    data = contents(file, settings.limits)
    if isinstance(data, Rejection):
        stop(f"{file}: {data.reason.message}", USAGE)
    try:
        drawn, told = look_at(data, str(file), chosen, settings.limits)
        output.write_bytes(drawing.png(drawn))
    except ImageRejected as error:
        stop(f"{file}: {error}", USAGE)
    except OSError as error:
        stop(f"{named(error, output)}: {error.strerror}", COULD_NOT)
    answer = told["status"] if told["digit"] is None else f"{told['status']}, {told['name']} with {told['confidence']:.2%}"
    console.print(printable(f"{answer}\n{output}: written by {chosen.identity}"), markup=False)
