"""What digits-train can do: data, run, export, prove."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from serving.card import CardInvalid
from training import data, device, evaluate, export, fit, prove, runs, table
from training.recipes import RECIPES

INTERRUPTED, COULD_NOT, USAGE = 130, 3, 2

console = Console(stderr=True, highlight=False, soft_wrap=True)
app = typer.Typer(
    help="Train the labs' networks, export them with a proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="The data sets: check them, write them as pictures.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Runs = Annotated[Path, typer.Option("--runs", help="Where runs are kept.")]
Models = Annotated[Path, typer.Option("--models", help="Where exported models are kept.")]
Name = Annotated[str, typer.Argument(help="A recipe's name.", show_default=False)]


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(help="Recipes to train, or: all.", show_default=False)],
    seeds: Annotated[int, typer.Option(min=1, help="Train with the seeds 0 to SEEDS - 1.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's own number.")] = None,
    wanted: Annotated[device.Wanted, typer.Option("--device", help="auto takes the accelerator that is there.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads instead of the recipe's own number.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue interrupted runs, skip finished ones.")] = False,  # noqa: FBT002  typer's form of a flag
    runs_folder: Runs = Path("runs"),
) -> None:
    """Train networks as their labs do. Ctrl-C saves where it stands; --resume continues to the same bits."""
    for name in names:
        if name != "all":
            _known(name)
    try:
        where = device.choose(wanted)
    except device.DeviceFault as error:
        _stop(str(error), USAGE)
    for name in list(RECIPES) if "all" in names else names:
        device.prepare_cpu(threads or RECIPES[name].threads)
        for seed in range(seeds):
            with _faults_told():
                _run_one(runs.locate(name, seed, runs_folder), where, epochs or RECIPES[name].epochs, resume=resume)


def _run_one(run: runs.Run, where: torch.device, epochs: int, *, resume: bool) -> None:
    if resume and run.result.exists() and runs.read_result(run.result).epochs >= epochs:
        console.print(f"{run.name} seed {run.seed}: already finished ({run.result})")
        return
    splits = runs.load_images(RECIPES[run.name], run.seed, where)
    training = runs.start(run, where, resume=resume)
    with _ctrl_c() as stop, _bar() as bar:
        task = bar.add_task(f"{run.name} seed {run.seed}", total=None, loss="", rate="")

        def on_step(training: fit.Training, steps: int) -> None:
            tally, done = training.tally, training.epoch * steps + training.step
            if tally.seen and (not done % 16 or training.step == steps):
                loss = f"loss {tally.loss / tally.seen:.4f}  accuracy {tally.correct / tally.seen:6.2%}"
                rate = f"{tally.seen / tally.seconds:,.0f} images/s"
                bar.update(task, total=steps * epochs, completed=done, loss=loss, rate=rate)

        try:
            for epoch in runs.carry_out(run, training, splits, epochs, on_step, lambda: bool(stop)):
                console.print(
                    f"{run.name} seed {run.seed} epoch {epoch.epoch}/{epochs}: loss {epoch.train_loss:.4f}, "
                    f"validation {epoch.validation_accuracy:.2%}, {epoch.seconds:.1f} s, "
                    f"{epoch.images_per_second:,.0f} images/s"
                )
        except fit.Interrupted:
            _stop(f"Stopped. {run.checkpoint} holds the state; continue with --resume.", INTERRUPTED)
        result = runs.read_result(run.result)
        test = evaluate.Accuracy(result.test_correct, result.test_total)
        console.print(
            f"{run.name} seed {run.seed}: test {test.value:.2%} "
            f"(95 % {test.interval[0]:.2%} to {test.interval[1]:.2%}), trained on {result.hardware}"
        )
        if stop:  # it came after the last step
            raise typer.Exit(INTERRUPTED)


@app.command("export")
def export_model(name: Name, runs_folder: Runs = Path("runs"), models: Models = Path("models")) -> None:
    """Write a trained network's seed 0 as model.onnx, model.ts, reference.npz and card.json, if its proof passes."""
    _known(name)
    with _faults_told():
        card = export.export(name, runs_folder, models / name)
    _print_proof(card.proof)
    console.print(f"{models / name}: written, model.onnx sha256 {card.onnx_sha256[:12]}…")


@app.command("prove")
def prove_model(
    name: Name,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Prove against these weights, on all 10,000 test pictures.")
    ] = None,
    models: Models = Path("models"),
) -> None:
    """Repeat the proof of an exported model: against its reference.npz, or against the weights of a checkpoint."""
    _known(name)
    with _faults_told():
        proof = prove.repeat(name, models / name, checkpoint)
    _print_proof(proof)


@app.command("table")
def write_table(models: Models = Path("models")) -> None:
    """Write MODELS/README.md, the table of all models, from their cards."""
    with _faults_told():
        console.print(f"{table.write(models)}: written")


@data_app.command()
def png(
    folder: Annotated[Path, typer.Argument(help="Where to write FOLDER/<label>/<index>.png.", show_default=False)],
    dataset: Annotated[data.DatasetName, typer.Option(help="Which data set.")] = "MNIST",
    split: Annotated[data.Split, typer.Option(help="Which part of it.")] = "test",
) -> None:
    """Write a split as a folder of PNGs, a folder per label."""
    with _faults_told(), _bar() as bar:
        images = data.load(dataset, split)
        task = bar.add_task(f"{dataset} {split}", total=len(images), loss="", rate="")
        for _ in data.write_pngs(images, folder):
            bar.advance(task)
    console.print(f"{len(images):,} pictures written to {folder}")


@data_app.command("check")
def check_data(dataset: Annotated[data.DatasetName, typer.Argument(help="Which data set.")] = "MNIST") -> None:
    """Compare the raw files with the published ones."""
    with _faults_told():
        data.verify(dataset, data.root())
    console.print(f"{data.root() / dataset}: all four files are the published ones")


def _print_proof(proof: dict[str, Any]) -> None:
    distances_table = Table(
        title=f"Largest difference from float64 in eps of the largest value; {prove.TOLERANCE_EPS} allowed"
    )
    for column in ("format", "batch", "pictures", "scores", "probabilities", "differing answers"):
        distances_table.add_column(column, justify="left" if column == "format" else "right")
    for name, report in proof.items():
        for batch, row in report["batches"].items():
            distances = (f"{row[key]:.1f}" for key in ("scores_eps", "probabilities_eps"))
            distances_table.add_row(name, batch, f"{row['pictures']:,}", *distances, str(row["differing"]))
    distances_table.caption = ", ".join(f"{name}: {report['runtime']}" for name, report in proof.items())
    Console().print(distances_table)


def _known(name: str) -> None:
    if name not in RECIPES:
        _stop(f"There is no recipe {name!r}. Recipes: {', '.join(RECIPES)}", USAGE)


@contextmanager
def _faults_told() -> Iterator[None]:
    """Turn the faults a user can cause into one line and an exit code."""
    try:
        yield
    except (CardInvalid, data.DataFault, runs.RunFault, prove.ProofFailed, prove.ProofImpossible) as error:
        _stop(str(error), COULD_NOT)
    except OSError as error:
        _stop(f"{error.filename or 'a file'}: {error.strerror or error}", COULD_NOT)


def _stop(message: str, code: int) -> NoReturn:
    console.print(message, style="red", markup=False)
    raise typer.Exit(code)


@contextmanager
def _ctrl_c() -> Iterator[list[int]]:
    """A list that is empty until Ctrl-C: the loop looks at it between two steps, so no step is ever cut in half."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _bar() -> Progress:
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
