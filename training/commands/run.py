"""digits-train run: train networks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from training import device, fit, processes, runs
from training.commands.console import INTERRUPTED, USAGE, Runs, bar, console, ctrl_c, faults_told, recipe_of, stop
from training.exercises import EXERCISES
from training.model import parameters
from training.processes import Processes
from training.recipe import Precision, Recipe
from training.recipes import RECIPES

Plan = list[tuple[runs.Run, Recipe]]
"""What is to be trained, in order."""


def run(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Recipes or exercises to train; all: every recipe that needs no teachers; exercises: every exercise.",
            show_default=False,
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Train with the seeds 0 to SEEDS - 1.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's own number.")] = None,
    wanted: Annotated[device.Wanted, typer.Option("--device", help="auto takes the accelerator that is there.")] = "auto",
    precision: Annotated[Precision | None, typer.Option(help="Instead of the recipe's own.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads instead of the recipe's own number.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue interrupted runs, skip finished ones.")] = False,  # noqa: FBT002  typer's form of a flag
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,  # noqa: FBT002
    runs_folder: Runs = Path("runs"),
) -> None:
    """Train networks as their labs do. Ctrl-C saves where it stands; --resume continues to the same bits.

    Started by torchrun, its processes share the steps of each training: torchrun --nproc-per-node 2 -m training run NAME
    """
    recipes = {
        name: replace(
            recipe,
            epochs=epochs or recipe.epochs,
            precision=precision or recipe.precision,
            threads=threads or recipe.threads,
        )
        for name, recipe in _wanted(names).items()
    }
    plan = [(runs.locate(name, seed, runs_folder), recipe) for name, recipe in recipes.items() for seed in range(seeds)]
    try:
        if dry_run:
            _show(plan, device.choose(wanted), resume=resume)
            return
        together = processes.join()
        where = device.choose(wanted, together.local_rank)
        if where.type == "cuda":
            device.prepare_accelerator()
    except device.DeviceFault as error:
        stop(str(error), USAGE)
    console.quiet = not together.is_first
    try:
        for one, recipe in plan:
            with faults_told():
                run_one(one, recipe, where, together, resume=resume)
    finally:
        processes.leave()


def _wanted(names: list[str]) -> dict[str, Recipe]:
    found: dict[str, Recipe] = {}
    for name in names:
        if name == "all":
            found |= {name: recipe for name, recipe in RECIPES.items() if recipe.pictures != "taught"}
        elif name == "exercises":
            found |= {name: exercise.recipe for name, exercise in EXERCISES.items()}
        else:
            found[name] = recipe_of(name)
    return found


def _show(plan: Plan, where: torch.device, *, resume: bool) -> None:
    for one, recipe in plan:
        with faults_told():
            finished = resume and runs.is_finished(one, recipe)
        state = "finished" if finished else "to be continued" if resume and one.checkpoint.exists() else "new"
        hardware = f"{where}, {recipe.threads} thread{'s' if recipe.threads > 1 else ''}"
        size = f"{parameters(recipe.network()):,} parameters"
        console.print(f"{one.name} seed {one.seed}: {state}; {size}; {recipe}; {hardware}")


def run_one(one: runs.Run, recipe: Recipe, where: torch.device, together: Processes, *, resume: bool) -> None:
    """Train one seed of a recipe and say how it goes. Ends the program at Ctrl-C. Raises what faults_told tells."""
    if resume and runs.is_finished(one, recipe):
        console.print(f"{one.name} seed {one.seed}: already finished ({one.result})")
        return
    device.prepare_cpu(recipe.threads)
    splits = together.first_alone(
        lambda: runs.load_images(recipe, one.seed, where, telling("making the training pictures, once"))
    )
    training = runs.start(one, recipe, where, resume=resume, processes=together)
    with ctrl_c() as pressed, bar() as progress:
        task = progress.add_task(f"{one.name} seed {one.seed}", total=None, loss="", rate="")

        def on_step(training: fit.Training, steps: int) -> None:
            tally, done = training.tally, training.epoch * steps + training.step
            if tally.seen and (not done % 16 or training.step == steps):
                loss = f"loss {tally.loss / tally.seen:.4f}  accuracy {tally.correct / tally.seen:6.2%}"
                rate = f"{tally.seen / tally.seconds:,.0f} images/s"
                progress.update(task, total=steps * recipe.epochs, completed=done, loss=loss, rate=rate)

        try:
            for epoch in runs.carry_out(one, training, splits, on_step, lambda: bool(pressed)):
                console.print(
                    f"{one.name} seed {one.seed} epoch {epoch.epoch}/{recipe.epochs}: loss {epoch.train_loss:.4f}, "
                    f"validation {epoch.validation_accuracy:.2%}, {epoch.seconds:.1f} s, "
                    f"{epoch.images_per_second:,.0f} images/s"
                )
        except fit.Interrupted:
            stop(f"Stopped. {one.checkpoint} holds the state; continue with --resume.", INTERRUPTED)
        if together.is_first:
            _tell(runs.read_result(one.result))
        if pressed:  # it came after the last step
            raise typer.Exit(INTERRUPTED)


def telling(what: str) -> Callable[[float], None]:
    """Tells each tenth of a work that takes minutes."""
    tenths = -1

    def tell(done: float) -> None:
        nonlocal tenths
        if int(done * 10) > tenths:
            tenths = int(done * 10)
            console.print(f"{what}: {done:.0%}")

    return tell


def _tell(result: runs.Result) -> None:
    low, high = result.test.interval
    console.print(
        f"{result.name} seed {result.seed}: test {result.test.value:.2%} "
        f"(95 % {low:.2%} to {high:.2%}), trained on {result.hardware}"
    )
