"""digits-train export, quantise, prove, measure, robustness, exercises, table: what becomes of a trained network."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from training import exercises, export, prove, quantisation, robustness, speed, table
from training.commands.console import Models, Name, Runs, check_model, console, faults_told
from training.corruptions import sheet as sheets


def export_model(name: Name, runs_folder: Runs = Path("runs"), models: Models = Path("models")) -> None:
    """Write a trained network's seed 0 as model.onnx, model.ts, reference.npz and card.json, if its proof passes."""
    check_model(name)
    with faults_told():
        card = export.export(name, runs_folder, models / name, console.print)
    _print_proof(card.proof)
    console.print(f"{models / name}: written, model.onnx sha256 {card.onnx_sha256[:12]}…")


def quantise_model(name: Name, models: Models = Path("models")) -> None:
    """Make an exported model's twin of whole numbers, MODELS/NAME_int8, if its proof passes."""
    check_model(name)
    with faults_told():
        card = quantisation.quantise(name, models, console.print)
    _print_proof(card.proof)
    assert card.quantised is not None
    changed, before = card.quantised["changed"]["test"], card.quantised["accuracy_before"]["test"]
    console.print(
        f"{models / card.name}: written; {changed['changed']} of {changed['pictures']:,} test answers changed, "
        f"{before:.2%} were right and {card.test['accuracy']:.2%} are"
    )


def prove_model(
    name: Name,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Prove against these weights, on all 10,000 test pictures.")
    ] = None,
    models: Models = Path("models"),
) -> None:
    """Repeat the proof of an exported model: against its reference.npz, or against the weights of a checkpoint."""
    check_model(name.removesuffix(quantisation.SUFFIX))
    with faults_told():
        proof = prove.repeat(name, models / name, checkpoint)
    _print_proof(proof)


def measure_models(
    models: Models = Path("models"),
    rounds: Annotated[int, typer.Option(min=1, help="How often each model has its turn.")] = 7,
) -> None:
    """Measure all models' speed side by side on one core of this machine, into MODELS/speed.json."""
    with faults_told():
        speed.write(models, rounds)
    console.print(f"{models / speed.FILE}: written")


def measure_robustness(
    models: Models = Path("models"),
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet", help="Only draw what becomes of ten validation pictures, such as sheet.png.", show_default=False
        ),
    ] = None,
) -> None:
    """Measure all models that read digits on corrupted and turned test pictures, into MODELS/robustness.json.

    Started again it goes on with the models whose figures are not there.
    """
    with faults_told():
        if sheet:
            sheets.write(sheet)
        else:
            robustness.write(models, console.print)
    console.print(f"{sheet or models / robustness.FILE}: written")


def write_exercises(runs_folder: Runs = Path("runs"), models: Models = Path("models")) -> None:
    """Write what the finished runs of all exercises measured into MODELS/exercises.json."""
    with faults_told():
        exercises.write(runs_folder, models / exercises.FILE)
    console.print(f"{models / exercises.FILE}: written")


def write_table(models: Models = Path("models")) -> None:
    """Write MODELS/README.md, the table of all models, from their cards, their speed and the exercises."""
    with faults_told():
        console.print(f"{table.write(models)}: written")


def _print_proof(proof: dict[str, Any]) -> None:
    distances_table = Table(
        title=f"Largest difference from float64 in eps of the largest value; {prove.TOLERANCE_EPS} allowed"
    )
    has_evidence = any("evidence_eps" in row for report in proof.values() for row in report["batches"].values())
    outputs = ("scores", "probabilities", "evidence") if has_evidence else ("scores", "probabilities")
    for column in ("format", "batch", "pictures", *outputs, "differing answers"):
        distances_table.add_column(column, justify="left" if column == "format" else "right")
    for name, report in proof.items():
        for batch, row in report["batches"].items():
            distances = (f"{row[f'{output}_eps']:.1f}" for output in outputs)
            distances_table.add_row(name, batch, f"{row['pictures']:,}", *distances, str(row["differing"]))
    distances_table.caption = ", ".join(f"{name}: {report['runtime']}" for name, report in proof.items())
    Console().print(distances_table)
