"""digits-train data, figures, lesson: what there is to look at."""

from pathlib import Path
from typing import Annotated

import typer

from training import data, runs
from training.commands.console import USAGE, Name, Runs, bar, console, faults_told, recipe_of, stop

data_app = typer.Typer(help="The data sets: check them, write them as pictures.", no_args_is_help=True)


@data_app.command()
def png(
    folder: Annotated[Path, typer.Argument(help="Where to write FOLDER/<label>/<index>.png.", show_default=False)],
    dataset: Annotated[data.DatasetName, typer.Option(help="Which data set.")] = "MNIST",
    split: Annotated[data.Split, typer.Option(help="Which part of it.")] = "test",
) -> None:
    """Write a split as a folder of PNGs, a folder per label."""
    with faults_told(), bar() as progress:
        images = data.load(dataset, split)
        task = progress.add_task(f"{dataset} {split}", total=len(images), loss="", rate="")
        for _ in data.write_pngs(images, folder):
            progress.advance(task)
    console.print(f"{len(images):,} pictures written to {folder}")


@data_app.command("check")
def check_data(dataset: Annotated[data.DatasetName, typer.Argument(help="Which data set.")] = "MNIST") -> None:
    """Compare the raw files with the published ones."""
    with faults_told():
        data.verify(dataset, data.root())
    console.print(f"{data.root() / dataset}: all four files are the published ones")


def draw_figures(
    name: Name,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where to write them, instead of figures/NAME.", show_default=False)
    ] = None,
    runs_folder: Runs = Path("runs"),
) -> None:
    """Draw what the labs plot of a finished run's seed 0, and report precision and recall per class."""
    from training import figures

    recipe = recipe_of(name)
    folder = folder or Path("figures") / name
    with faults_told():
        for path in figures.draw(name, recipe, runs.locate(name, 0, runs_folder), folder):
            console.print(f"{path}: written")
    typer.echo((folder / figures.REPORT).read_text(encoding="utf-8"))


def teach_lesson(
    name: Annotated[str, typer.Argument(help="A lesson's name, or: all.", show_default=False)],
    folder: Annotated[Path, typer.Option("--folder", help="Where its figures are written.")] = Path("figures/lessons"),
) -> None:
    """Work through a demonstration of the labs: by hand, and checked against torch."""
    from training import lessons

    if name not in {*lessons.LESSONS, "all"}:
        stop(f"There is no lesson {name!r}. Lessons: {', '.join(lessons.LESSONS)}", USAGE)
    for one in lessons.LESSONS if name == "all" else [name]:
        with faults_told():
            lesson = lessons.LESSONS[one]()
            typer.echo(f"{one}: {lesson.title}\n")
            typer.echo("\n".join(f"  {line}" for line in lesson.told) + "\n")
            for path in lesson.draw(folder, one):
                console.print(f"{path}: written")
