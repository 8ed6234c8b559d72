"""digits-train teach: a champion's teachers, and what they answer to its pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer

from training import copies, data, device, kept, runs, teaching
from training.commands.console import USAGE, Runs, console, faults_told, stop
from training.commands.run import run_one, telling
from training.processes import ALONE
from training.recipe import Recipe


def teach(
    dataset: Annotated[data.DatasetName, typer.Argument(help="Whose champion is to learn.")] = "MNIST",
    wanted: Annotated[device.Wanted, typer.Option("--device", help="auto takes the accelerator that is there.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads instead of the recipes' own number.")] = None,
    runs_folder: Runs = Path("runs"),
) -> None:
    """Train the larger networks that a champion learns from, and have them answer its pictures.

    Stopped, it goes on where it was: in the middle of a teacher's training, or with the next one's answers.
    """
    try:
        where = device.choose(wanted)
    except device.DeviceFault as error:
        stop(str(error), USAGE)
    if where.type == "cuda":
        device.prepare_accelerator()
    with faults_told():
        answered = [
            _taught(runs.locate(name, seed, runs_folder), replace(recipe, threads=threads or recipe.threads), where)
            for name, recipe in teaching.TEACHERS[dataset].items()
            for seed in range(teaching.SEEDS)
        ]
        path = teaching.keep_answers(dataset, answered)
    console.print(f"{path}: written, what {len(answered)} teachers answer to {len(answered[0]):,} pictures")


def _taught(one: runs.Run, recipe: Recipe, where: torch.device) -> npt.NDArray[np.float16]:
    """What a teacher answers, which is trained before where it is not yet."""
    run_one(one, recipe, where, ALONE, resume=True)
    path = kept.place(f"answers-{one.name}-{one.seed}-{kept.fingerprint([one.checkpoint], copies.key(recipe.dataset))}")
    if path.exists():
        with np.load(path) as found:
            return np.asarray(found["answers"])
    device.prepare_cpu(recipe.threads)
    teacher = runs.load_model(one.checkpoint, one.name, recipe, temperature=1.0).to(where)
    pictures = copies.load(recipe.dataset, telling("making the training pictures, once")).pictures.to(where)
    answers = teaching.answers_of(teacher, pictures, telling(f"{one.name} seed {one.seed} answers"))
    kept.keep(path, {"answers": answers})
    return answers
