"""RECIPES: every network of the project and how its lab trains it. The dict is the list."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from serving.reading import ReadingKind
from training.data import DatasetName
from training.networks import lab_d


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one network is made. Pixels reach it as (value / 255 - mean) / std."""

    lab: str
    network: Callable[[], nn.Module]
    dataset: DatasetName
    reading: ReadingKind
    loss: Callable[[Tensor, Tensor], Tensor]
    optimiser: Callable[[Iterable[Tensor]], Optimizer]
    batch: int
    epochs: int
    images: int
    """How many training images, drawn by the seed from the first 55,000."""
    lab_accuracy: float | None
    """The lab's own test accuracy, a fraction; None where the lab gives none."""
    note: str
    """The training in one line, for the card."""
    mean: float = 0.0
    std: float = 1.0


def _adam(parameters: Iterable[Tensor]) -> Optimizer:
    return torch.optim.Adam(parameters, lr=1e-3, fused=True)


def _sgd_with_momentum(parameters: Iterable[Tensor]) -> Optimizer:
    return torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, fused=True)


RECIPES: dict[str, Recipe] = {
    "mlp_128_64": Recipe(
        lab="D2",
        network=lab_d.MultilayerPerceptron,
        dataset="MNIST",
        reading="digit",
        loss=nn.functional.cross_entropy,
        optimiser=_sgd_with_momentum,
        batch=32,
        epochs=2,
        images=48_000,
        lab_accuracy=None,  # the figure the lab prints here is D3's, copied: accuracy and loss agree to eight digits
        note="cross-entropy, SGD 0.001 with momentum 0.9, batch 32, 2 epochs of 48,000 images, pixels in [0, 1]",
    ),
    "convnet": Recipe(
        lab="D3",
        network=lab_d.ConvNet,
        dataset="MNIST",
        reading="digit",
        loss=nn.functional.cross_entropy,
        optimiser=_adam,
        batch=32,
        epochs=2,
        images=48_000,
        lab_accuracy=0.9826,
        note="cross-entropy, Adam 0.001, batch 32, 2 epochs of 48,000 images, pixels in [0, 1]",
    ),
}
