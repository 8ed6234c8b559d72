"""What all commands share: one way to speak, to fail, to find the model, and to show progress."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from serving.catalogue import Catalogue, Model, ModelRefused, load_catalogue, load_named
from serving.settings import CPU, Backend, Device, Runtime, SettingInvalid, Settings, find_models, from_environment

REJECTED_ROWS, USAGE, COULD_NOT, INTERRUPTED = 1, 2, 3, 130

OWN_PROCESS = "own process"
"""What a command's context holds where the process is the command's alone, which knows of each thread in it and may fork.

Elsewhere, in a test or a notebook, a library's threads may be at work, and what they hold stays held in a copy for ever:
OpenCV waits so for threads that a copy has not.
"""

console = Console(stderr=True, highlight=False, soft_wrap=True)

MODEL = "Model"
"""The panel of a command's help that these stand in."""

Models = Annotated[
    Path | None, typer.Option("--models", help="The folder of models.", rich_help_panel=MODEL, show_default=False)
]
ModelName = Annotated[
    str | None, typer.Option("--model", help="Which model answers.", rich_help_panel=MODEL, show_default=False)
]
OnDevice = Annotated[
    Device | None,
    typer.Option(
        "--device",
        help="auto is CUDA where it works, else the CPU.",
        rich_help_panel=MODEL,
        show_default="auto",
    ),
]
ByRuntime = Annotated[
    Runtime | None,
    typer.Option(
        "--runtime",
        help="What runs the model; all but onnx need an extra, torchscript a model.ts too.",
        rich_help_panel=MODEL,
        show_default="onnx",
    ),
]


def read_settings() -> Settings:
    """The settings; ends the program where the environment has one that cannot be used."""
    try:
        return from_environment()
    except SettingInvalid as error:
        stop(str(error), USAGE)


def load_models(folder: Path) -> Catalogue:
    """The models of a folder; ends the program where it has none."""
    try:
        return load_catalogue(folder)
    except ModelRefused as error:
        stop(str(error), USAGE)


def model_named(name: str, folder: Path, backend: Backend = CPU) -> Model:
    """One model of a folder; ends the program where it has no such model, or it cannot be run so."""
    try:
        return load_named(name, folder, backend)
    except ModelRefused as error:
        stop(str(error), USAGE)


def choose(
    model: str | None, models: Path | None, device: Device | None = None, runtime: Runtime | None = None
) -> tuple[Settings, Model]:
    """The settings, and the model that a command's options name; ends the program where either cannot be had."""
    settings = read_settings()
    settings = replace(settings, device=device or settings.device, runtime=runtime or settings.runtime)
    return settings, model_named(model or settings.model, find_models(models), settings.backend)


def printable(name: object) -> str:
    """A name for a terminal: bytes that are not UTF-8 become question marks."""
    return str(name).encode("utf-8", "replace").decode()


def named(error: OSError, output: Path) -> str:
    """Which file an error is about; the half-written output counts as the output."""
    name = str(error.filename or output)
    return str(output) if name.startswith(str(output)) else name


def bar() -> Progress:
    """A progress bar on standard error, where that is a terminal."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def stop(message: str, code: int) -> NoReturn:
    """Say why and end the program."""
    console.print(printable(message), style="red", markup=False)
    raise typer.Exit(code)
