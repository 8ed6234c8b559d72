"""What all commands share: one way to speak, to fail, to show progress and to take Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from serving.card import CardInvalid
from serving.runtime import ModelUnusable
from training import data, prove, quantisation, runs
from training.exercises import EXERCISES
from training.recipe import Recipe
from training.recipes import RECIPES

INTERRUPTED, COULD_NOT, USAGE = 130, 3, 2
FAULTS = (
    CardInvalid,
    ModelUnusable,
    data.DataFault,
    runs.RunFault,
    prove.ProofFailed,
    prove.ProofImpossible,
    quantisation.NotForInt8,
)
"""What a user can cause; each has its sentence."""

console = Console(stderr=True, highlight=False, soft_wrap=True)

Runs = Annotated[Path, typer.Option("--runs", help="Where runs are kept.")]
Models = Annotated[Path, typer.Option("--models", help="Where exported models are kept.")]
Name = Annotated[str, typer.Argument(help="A recipe's name.", show_default=False)]


def recipe_of(name: str) -> Recipe:
    """The recipe or the exercise of that name; ends the program where there is none."""
    if name in EXERCISES:
        return EXERCISES[name].recipe
    if name not in RECIPES:
        known = f"Recipes: {', '.join(RECIPES)}. Exercises: {', '.join(EXERCISES)}."
        stop(f"There is no recipe {name!r}. {known}", USAGE)
    return RECIPES[name]


def check_model(name: str) -> None:
    """End the program unless a model can have that name."""
    recipe_of(name)
    if name in EXERCISES:
        stop(f"{name} is an exercise: trained and compared, not exported", USAGE)


def stop(message: str, code: int) -> NoReturn:
    """Say why and end the program."""
    console.print(message, style="red", markup=False)
    raise typer.Exit(code)


@contextmanager
def faults_told() -> Iterator[None]:
    """Turn the faults a user can cause into one line and an exit code."""
    try:
        yield
    except FAULTS as error:
        stop(str(error), COULD_NOT)
    except OSError as error:
        stop(f"{error.filename or 'a file'}: {error.strerror or error}", COULD_NOT)


@contextmanager
def ctrl_c() -> Iterator[list[int]]:
    """A list that is empty until Ctrl-C: the loop looks at it between two steps, so no step is ever cut in half."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def bar() -> Progress:
    """A progress bar on standard error, where that is a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
