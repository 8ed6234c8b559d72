"""Why lab A's printed rate of 0.01 diverges: its single neuron at several rates, and the rate that theory allows."""

import statistics

import torch
from matplotlib.figure import Figure

from training import data, fit
from training.data import Images
from training.lessons.lesson import Lesson
from training.recipe import squared_error
from training.recipes import RECIPES

RATES = (0.00003, 0.0003, 0.003, 0.01)
MOMENTUM = 0.9
STEPS = 200
WINDOW = 10
"""Steps that a told loss is the mean of."""
BATCH = 128


def limit(images: Images) -> float:
    """The largest rate at which descent with momentum on the single neuron's squared error converges.

    The error's second derivative is 2 mean(x xT), x with a 1 for the bias; along its steepest direction, of curvature c,
    descent with momentum m converges below 2 (1 + m) / c (Polyak 1964).
    """
    pixels = fit.build(RECIPES["single_neuron"]).scale(images.pictures).flatten(1)
    x = torch.cat([pixels, torch.ones(len(images), 1)], dim=1).double()
    steepest = float(torch.linalg.eigvalsh(2 * x.T @ x / len(images)).max())
    return 2 * (1 + MOMENTUM) / steepest


def losses(rate: float, images: Images) -> list[float]:
    """The loss of each of 200 steps in batches of 128, in order, from the same weights for every rate."""
    torch.manual_seed(0)
    model = fit.build(RECIPES["single_neuron"])
    optimiser = torch.optim.SGD(model.network.parameters(), lr=rate, momentum=MOMENTUM)
    told = []
    for step in range(STEPS):
        batch = images[slice(step * BATCH, (step + 1) * BATCH)]
        optimiser.zero_grad()
        loss = squared_error(model.scores(batch.pictures), batch.labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        told.append(loss.item())
    return told


def teach() -> Lesson:
    """The single neuron at four rates."""
    images = data.load("MNIST", "train")
    courses = {rate: losses(rate, images) for rate in RATES}
    told = [f"squared error of the single neuron, momentum {MOMENTUM}, batches of {BATCH}:"]
    for rate, course in courses.items():
        means = (f"{statistics.fmean(course[step - WINDOW : step]):.3g} to step {step}" for step in (10, 50, STEPS))
        told.append(f"rate {rate:7}: mean loss of ten steps {', '.join(means)}")
    told += [
        "",
        f"The steepest direction of the error allows rates below {limit(images):.4f}: the lab's printed 0.01 is beyond it,",
        "and its loss grows until it is no number any more. The recipes of lab A use 0.003.",
        "The smallest rate is still on its way after 200 steps; the larger ones jump about a floor, the higher the larger.",
    ]
    return Lesson("what the learning rate decides", told, {"losses": _plot(courses)})


def _plot(courses: dict[float, list[float]]) -> Figure:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot(
        xlabel="step", ylabel="squared error, mean of ten steps", yscale="log", title="lab A's single neuron", ylim=(2, 1e3)
    )
    for rate, course in courses.items():
        means = [statistics.fmean(course[step - WINDOW : step]) for step in range(WINDOW, STEPS + 1)]
        axes.plot(range(WINDOW, STEPS + 1), means, label=f"rate {rate:f}".rstrip("0"))
    axes.legend()
    return figure
