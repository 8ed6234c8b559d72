"""digits: predict over folders, serve over HTTP, list the models."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from serving.card import Card
from serving.catalogue import Catalogue, ModelRefused, load_catalogue
from serving.folder import run, sinks, sources
from serving.reading import prepare_process
from serving.settings import PREFIX, SettingInvalid, Settings, find_models, from_environment

REJECTED_ROWS, USAGE, COULD_NOT, INTERRUPTED = 1, 2, 3, 130

console = Console(stderr=True, highlight=False, soft_wrap=True)
app = typer.Typer(
    help="Read digits from pictures: over folders, or over HTTP.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Models = Annotated[Path | None, typer.Option("--models", help="The folder of models.", show_default=False)]
ModelName = Annotated[str | None, typer.Option("--model", help="Which model answers.", show_default=False)]


@app.command()
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
    settings = _settings()
    catalogue = _catalogue(find_models(models))
    try:
        chosen = catalogue.get(model or settings.model)
    except ModelRefused as error:
        _stop(str(error), USAGE)
    if output.exists() and not overwrite:
        _stop(f"{output} exists; choose another name, or give --overwrite", USAGE)
    account = run.Account()
    try:
        with sinks.Sink(output, len(chosen.card.classes), probabilities=probabilities) as sink, _bar() as bar:
            try:
                task, own = bar.add_task("counting", total=None), (output, sink.part)
                bar.update(task, total=sum(1 for _ in sources.find(paths, own)), description=chosen.card.name)
                for done in run.predict(sources.find(paths, own), chosen, settings.limits, sink.write, account):
                    bar.advance(task, done)
            except KeyboardInterrupt:
                _stop(f"Stopped. The rows so far are in {sink.part}", INTERRUPTED)
    except (sources.SourceUnusable, sinks.FormatUnknown) as error:
        _stop(str(error), USAGE)
    except OSError as error:
        _stop(f"{_named(error, output)}: {error.strerror}", COULD_NOT)
    console.print(f"{account}\n{output}: written by {chosen.identity}")
    if strict and account["rejected"]:
        raise typer.Exit(REJECTED_ROWS)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 3000,
    model: Annotated[
        str | None, typer.Option("--model", help="Which model answers where a request names none.", show_default=False)
    ] = None,
    models: Models = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: 1]", show_default=False)] = None,
) -> None:
    """Answer POST /predict over HTTP until Ctrl-C."""
    folder = find_models(models).absolute()
    # Workers are processes of their own: what they are to do reaches them through the environment.
    os.environ[PREFIX + "MODELS"] = str(folder)
    if model:
        os.environ[PREFIX + "MODEL"] = model
    if workers:
        os.environ[PREFIX + "WORKERS"] = str(workers)
    settings = _settings()
    try:  # in the workers this would be a restart for ever
        _catalogue(folder).get(settings.model)
    except ModelRefused as error:
        _stop(str(error), USAGE)
    console.print(f"digits: {settings.model} from {folder} at http://{host}:{port}")
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    with tempfile.TemporaryDirectory(prefix="digits-") as home:
        # Two services with one BENTOML_HOME overwrite each other's metrics.
        os.environ.setdefault("BENTOML_HOME", home)
        from serving import service

        try:
            service.serve(host, port)
        except service.CannotListen as error:
            _stop(str(error), COULD_NOT)


@app.command("models")
def list_models(models: Models = None) -> None:
    """List the models: what each is, and what its card proves."""
    catalogue = _catalogue(find_models(models))
    table = Table(Column("name", no_wrap=True), "lab", "data", "parameters", "test accuracy (95 %)")
    for model in catalogue.models.values():
        table.add_row(*_summary(model.card))
    Console().print(table)
    for reason in catalogue.refused.values():
        console.print(f"refused: {reason}", style="red", markup=False)


def _summary(card: Card) -> tuple[str, ...]:
    low, high = card.test["interval"]
    accuracy = f"{card.test['accuracy']:.2%} ({low:.2%} to {high:.2%})"
    return card.name, card.lab, card.dataset["name"], f"{card.parameters:,}", accuracy


def _settings() -> Settings:
    try:
        return from_environment()
    except SettingInvalid as error:
        _stop(str(error), USAGE)


def _catalogue(folder: Path) -> Catalogue:
    try:
        return load_catalogue(folder)
    except ModelRefused as error:
        _stop(str(error), USAGE)


def _named(error: OSError, output: Path) -> str:
    """Which file an error is about; the half-written output counts as the output."""
    name = str(error.filename or output)
    return str(output) if name.startswith(str(output)) else name


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip


def _stop(message: str, code: int) -> NoReturn:
    console.print(message, style="red", markup=False)
    raise typer.Exit(code)


def main() -> None:
    """The console script digits."""
    prepare_process()
    sys.exit(app())
