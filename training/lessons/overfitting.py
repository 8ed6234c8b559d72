"""Lab B's perceptron learns 1,000 pictures by heart: its validation loss turns while its training loss goes on falling."""

from dataclasses import replace

import torch
from matplotlib.figure import Figure

from training import data, fit
from training.lessons.lesson import Lesson
from training.recipe import Adam
from training.recipes import RECIPES

IMAGES = 1_000
EPOCHS = 60


def course(images: int = IMAGES) -> list[fit.Epoch]:
    """The epochs of lab B's network with Adam, whose turn comes within a minute, on the first images."""
    recipe = replace(RECIPES["elu_mlp"], optimiser=Adam(0.001), images=images, epochs=EPOCHS)
    everything = data.load("MNIST", "train")
    training = fit.begin(recipe, seed=0, device=torch.device("cpu"))
    return list(fit.fit(training, everything[slice(images)], data.validation_part(everything)))


def turn(epochs: list[fit.Epoch]) -> fit.Epoch:
    """The epoch of the smallest validation loss."""
    return min(epochs, key=lambda epoch: epoch.validation_loss)


def teach() -> Lesson:
    """Train past the turn."""
    epochs = course()
    best, last = turn(epochs), epochs[-1]
    told = ["lab B's perceptron on 1,000 pictures, Adam 0.001, batches of 100:"]
    told += [
        f"epoch {epoch.epoch:2}: training loss {epoch.train_loss:.4f}, accuracy {epoch.train_accuracy:.2%}; "
        f"validation loss {epoch.validation_loss:.4f}, accuracy {epoch.validation_accuracy:.2%}"
        for epoch in (epochs[0], best, last)
    ]
    told += [
        f"From epoch {best.epoch} on the validation loss rises while the training loss falls to nothing: the network grows",
        "surer of the pictures it knows, and surer of its mistakes on those it does not. Accuracy hardly shows it.",
    ]
    return Lesson("overfitting, shown", told, {"curves": _plot(epochs, best)})


def _plot(epochs: list[fit.Epoch], best: fit.Epoch) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in epochs]
    losses.plot(numbers, [epoch.train_loss for epoch in epochs], label="training")
    losses.plot(numbers, [epoch.validation_loss for epoch in epochs], label="validation")
    losses.axvline(best.epoch, color="grey", linestyle=":", label=f"validation turns at {best.epoch}")
    losses.set(xlabel="epoch", ylabel="loss", yscale="log")
    losses.legend()
    accuracies.plot(numbers, [epoch.train_accuracy for epoch in epochs])
    accuracies.plot(numbers, [epoch.validation_accuracy for epoch in epochs])
    accuracies.set(xlabel="epoch", ylabel="accuracy")
    return figure
