"""What the labs plot, drawn from a finished run: its weights, its history, and what it answers on the test split.

Nothing here chooses anything: the figures look at a network that is finished.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import classification_report, confusion_matrix
from torch import nn

from training import data, fit, history, runs
from training.evaluate import Labels, Probabilities
from training.export import CLASSES
from training.history import Line
from training.model import Model
from training.recipe import Recipe

REPORT = "report.txt"
SHOWN = 24
"""How many of the most confidently wrong pictures."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished run, looked at."""

    model: Model
    lines: list[Line]
    test: data.Images
    probabilities: Probabilities
    classes: list[str]

    @property
    def labels(self) -> Labels:
        """Of the test split."""
        return fit.labels_of(self.test)

    @property
    def answers(self) -> Labels:
        """Of the network on the test split."""
        return np.asarray(self.probabilities.argmax(1))


def draw(name: str, recipe: Recipe, run: runs.Run, folder: Path) -> Iterator[Path]:
    """Write the figures that this network can have, and the report, yielding each path.

    Raises runs.RunFault where the run is not finished, and data.DataFault.
    """
    finished = _look(name, recipe, run)
    folder.mkdir(parents=True, exist_ok=True)
    for what, plot in PLOTS.items():
        figure = plot(finished)
        if figure:
            path = folder / f"{what}.png"
            figure.savefig(path, dpi=110)
            yield path
    path = folder / REPORT
    path.write_text(report(finished.labels, finished.answers, finished.classes), encoding="utf-8")
    yield path


def _look(name: str, recipe: Recipe, run: runs.Run) -> Finished:
    if not run.result.exists():
        raise runs.RunFault(f"{run.folder} has no finished run; make one with: digits-train run {name} --resume")
    model = runs.load_model(run.checkpoint, name, recipe, runs.read_result(run.result).temperature)
    test = data.load(recipe.dataset, "test")
    probabilities = fit.probabilities_of(model, fit.scores_of(model, test))
    return Finished(model, history.read(run.history), test, probabilities, CLASSES[recipe.dataset])


def report(labels: Labels, answers: Labels, classes: list[str]) -> str:
    """Precision, recall and F1 per class. The truth comes first: the other way round precision and recall change places."""
    told: str = classification_report(labels, answers, labels=range(10), target_names=classes, digits=4, zero_division=0)
    return told


def samples(finished: Finished) -> Figure:
    """The first ten test pictures of each class."""
    figure = Figure(figsize=(8, 8), layout="constrained")
    for label in range(10):
        rows = np.flatnonzero(finished.labels == label)[:10]
        for column, row in enumerate(rows):
            axes = _picture(figure, (10, 10, label * 10 + column + 1), finished.test.pictures[row].numpy())
            if not column:
                axes.set_ylabel(finished.classes[label], rotation=0, ha="right", va="center")
    return figure


def curves(finished: Finished) -> Figure:
    """Loss and accuracy of each epoch, on every part of the data that the run looked at."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    numbers = [line["epoch"] for line in finished.lines]
    for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part in history.points(finished.lines[0]):
            values = [history.points(line)[part][what] for line in finished.lines]
            axes.plot(numbers, values, marker=_marker(numbers), label=part.replace("_", " "))
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    return figure


def confusion(finished: Finished) -> Figure:
    """How often each class was taken for each other, on the test split."""
    counts = confusion_matrix(finished.labels, finished.answers, labels=range(10))
    figure = Figure(figsize=(7.5, 7), layout="constrained")
    axes = figure.add_subplot(xlabel="answer", ylabel="truth")
    axes.imshow(counts / counts.sum(1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for (truth, answer), count in np.ndenumerate(counts):
        if count:
            light = count > counts[truth].sum() / 2
            axes.text(answer, truth, str(count), ha="center", va="center", color="white" if light else "black", fontsize=8)
    axes.set_xticks(range(10), finished.classes, rotation=45 if len(finished.classes[0]) > 1 else 0)
    axes.set_yticks(range(10), finished.classes)
    return figure


def mistakes(finished: Finished) -> Figure | None:
    """The test pictures that were answered wrong with the most confidence, with truth, answer and confidence."""
    wrong = np.flatnonzero(finished.answers != finished.labels)
    if not len(wrong):
        return None
    surest = wrong[np.argsort(-finished.probabilities.max(1)[wrong], kind="stable")][:SHOWN]
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    for place, row in enumerate(surest, start=1):
        axes = _picture(figure, (4, 6, place), finished.test.pictures[row].numpy())
        truth, answer = (finished.classes[number] for number in (finished.labels[row], finished.answers[row]))
        axes.set_title(f"{truth}, not {answer}\n{finished.probabilities[row].max():.2%}", fontsize=9)
    return figure


def weights(finished: Finished) -> Figure | None:
    """A linear network's weights, one picture for each of its outputs: what speaks for it in red, against it in blue."""
    layers = [layer for layer in finished.model.network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    linear = [layer.weight.detach().double() for layer in layers if isinstance(layer, nn.Linear)]
    if len(linear) != len(layers) or any(_is_activation(part) for part in finished.model.network.modules()):
        return None
    product = linear[0]
    for following in linear[1:]:
        product = following @ product
    if product.shape[1] != 784:
        return None
    pictures = product.reshape(-1, 28, 28).numpy()
    figure = Figure(figsize=(10, 4.2) if len(pictures) > 1 else (4, 4), layout="constrained")
    limit = np.abs(pictures).max()
    for number, picture in enumerate(pictures):
        axes = figure.add_subplot(*((2, 5, number + 1) if len(pictures) > 1 else (1, 1, 1)), xticks=[], yticks=[])
        axes.imshow(picture, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(finished.classes[number] if len(pictures) > 1 else "what makes the number larger", fontsize=9)
    return figure


def filters(finished: Finished) -> Figure | None:
    """The filters of a convolutional network's first layer."""
    first = next((layer for layer in finished.model.network.modules() if isinstance(layer, nn.Conv2d)), None)
    if first is None:
        return None
    kernels = first.weight.detach()[:, 0].numpy()
    limit = np.abs(kernels).max()
    return _grid(kernels, "RdBu_r", -limit, limit)


def feature_maps(finished: Finished) -> Figure | None:
    """What the first convolution with its activation makes of the first test picture, each map scaled by itself."""
    network = finished.model.network
    layers = list(network.children())
    first = next((place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)), None)
    if first is None:
        return None
    last = next((place for place, layer in enumerate(layers) if place > first and isinstance(layer, nn.ReLU)), first)
    with torch.inference_mode():
        maps = nn.Sequential(*layers[: last + 1])(finished.model.scale(finished.test.pictures[:1]))[0]
    return _grid(maps.numpy(), "gray", 0)


PLOTS: dict[str, Callable[[Finished], Figure | None]] = {
    "samples": samples,
    "curves": curves,
    "confusion": confusion,
    "mistakes": mistakes,
    "weights": weights,
    "filters": filters,
    "feature_maps": feature_maps,
}


def _is_activation(layer: nn.Module) -> bool:
    return isinstance(layer, nn.ReLU | nn.ELU | nn.Sigmoid | nn.Tanh | nn.GELU)


def _marker(numbers: list[int]) -> str | None:
    return "o" if len(numbers) <= 20 else None


def _picture(figure: Figure, place: tuple[int, int, int], picture: npt.NDArray[np.uint8]) -> Axes:
    axes = figure.add_subplot(*place, xticks=[], yticks=[])
    axes.imshow(picture, cmap="gray_r", vmin=0, vmax=255)
    return axes


def _grid(pictures: npt.NDArray[np.float32], cmap: str, low: float, high: float | None = None) -> Figure:
    columns = min(8, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(columns * 1.1, rows * 1.1), layout="constrained")
    for place, picture in enumerate(pictures, start=1):
        figure.add_subplot(rows, columns, place, xticks=[], yticks=[]).imshow(picture, cmap=cmap, vmin=low, vmax=high)
    return figure
