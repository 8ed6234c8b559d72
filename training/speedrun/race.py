"""The clock. A seed runs in a process of its own, which has the test split only when its clock has stopped."""

import multiprocessing
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch

from serving.evaluation.figures import Accuracy
from training import data, device, fit
from training.evaluate import accuracy
from training.model import Model
from training.recipe import Recipe
from training.speedrun import entry


@dataclass(frozen=True, slots=True)
class Lap:
    """One seed: the time to its trained model, and how good that is on the test split."""

    seed: int
    seconds: float
    processor_seconds: float
    """Of all threads: with 2 on an undisturbed machine at most twice the seconds."""
    test: Accuracy
    hardware: str


def run_lap(recipe: Recipe, seed: int, wanted: device.Wanted = "auto") -> Lap:
    """Train with one seed, and then open the test split.

    Before the clock: imports, the settings of the device, the training pictures read into memory. In it: everything else up
    to the trained model. After it: the evaluation. Raises data.DataFault, device.DeviceFault.
    """
    where = prepare(recipe.threads, wanted)
    images = data.training_part(data.load("MNIST", "train"), recipe.images, seed=None)
    began, began_processor = now(where), time.process_time()
    model = entry.train(recipe, seed, images, where)
    seconds, processor_seconds = now(where) - began, time.process_time() - began_processor
    return Lap(seed, seconds, processor_seconds, open_test(model, where), device.describe(where))


def run_lap_apart(recipe: Recipe, seed: int, wanted: device.Wanted = "auto") -> Lap:
    """The same in a fresh process, so that no seed finds compiled what another has compiled."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _leave_at_ctrl_c) as pool:
        return pool.submit(run_lap, recipe, seed, wanted).result()


def prepare(threads: int, wanted: device.Wanted) -> torch.device:
    """Choose the device and start it, as imports start the processor's part. Raises device.DeviceFault."""
    where = device.choose(wanted)
    device.prepare_cpu(threads)
    torch.zeros(1, device=where)
    return where


def open_test(model: Model, where: torch.device) -> Accuracy:
    """Read MNIST's test split and answer it: each picture once, as it is, by the model that would be exported."""
    images = data.load("MNIST", "test").to(where)
    return accuracy(fit.probabilities_of(model, fit.scores_of(model, images)), fit.labels_of(images))


def now(where: torch.device) -> float:
    """The time when all that was asked of the device is done."""
    if where.type != "cpu":
        torch.accelerator.synchronize(where)
    return time.perf_counter()


def _leave_at_ctrl_c() -> None:
    """Ctrl-C reaches every process of the terminal; the first speaks, this one goes without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
