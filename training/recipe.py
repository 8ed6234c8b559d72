"""What a recipe is: how one network is made. Its fields are the whole truth; its description is derived from them."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from serving.reading import ReadingKind
from training.data import VALIDATION_START, DatasetName, Split
from training.model import Head, Softmax

Loss = Callable[[Tensor, Tensor], Tensor]
"""(N, 10), (N, 11) or (N, 1) scores and (N,) labels to their mean loss."""
Precision = Literal["float32", "bf16"]
Schedule = Literal["constant", "one-cycle"]
Kind = Literal[
    "shot noise", "impulse noise", "glass blur", "motion blur", "shear", "scale", "rotate", "brightness", "translate",
    "stripe", "fog", "spatter", "dotted line", "zigzag", "canny edges",
]  # fmt: skip
"""How a picture can be spoiled, in MNIST-C's order (Mu and Gilmer 2019)."""
Pictures = Literal["own", "uploads", "copies", "taught"]

WARM_UP = 0.15
"""The part of a one-cycle training in which the rate rises."""
COLDEST = 0.04
"""Where the rate begins, as a part of its highest."""


def squared_error(values: Tensor, labels: Tensor) -> Tensor:
    """The digit as a number: values (N, 1) against labels of the same shape; (N,) would broadcast to (N, N)."""
    return nn.functional.mse_loss(values, labels.unsqueeze(1).to(values.dtype))


def smoothed_cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of labels of which a twentieth is spread over all classes (Szegedy et al. 2016)."""
    return nn.functional.cross_entropy(scores, labels, label_smoothing=0.05)


def rate_at(schedule: Schedule, progress: float) -> float:
    """The learning rate at a part of the training, 0 to 1, as a part of its highest.

    One cycle (Smith 2018): up along a line, down to nothing along a half cosine.
    """
    if schedule == "constant":
        return 1.0
    if progress < WARM_UP:
        return COLDEST + (1 - COLDEST) * progress / WARM_UP
    return (1 + math.cos(math.pi * min((progress - WARM_UP) / (1 - WARM_UP), 1.0))) / 2


MADE: dict[DatasetName, str] = {
    "MNIST": ", of deformed and worn copies and of what is read of uploads made of them",
    "FashionMNIST": " and of copies that are turned, moved, sized anew and covered",
}
"""What `training.copies` adds to the images of a data set."""

LossName = Literal["cross-entropy", "smoothed cross-entropy", "squared error", "negative log-likelihood"]
LOSSES: dict[LossName, Loss] = {
    "cross-entropy": nn.functional.cross_entropy,
    "smoothed cross-entropy": smoothed_cross_entropy,
    "squared error": squared_error,
    "negative log-likelihood": nn.functional.nll_loss,
}


@dataclass(frozen=True, slots=True)
class Sgd:
    """Stochastic gradient descent; decay is the L2 penalty, decay / 2 times the sum of the squared parameters."""

    rate: float
    momentum: float = 0.0
    decay: float = 0.0

    def make(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Torch's optimiser over these parameters."""
        return torch.optim.SGD(parameters, lr=self.rate, momentum=self.momentum, weight_decay=self.decay, fused=True)

    def __str__(self) -> str:
        told = f"SGD {self.rate}"
        told += f" with momentum {self.momentum}" if self.momentum else ""
        return told + (f", L2 {self.decay}" if self.decay else "")


@dataclass(frozen=True, slots=True)
class Adam:
    """Kingma and Ba 2015; decay is that of the weights themselves, beside the gradient (Loshchilov and Hutter 2019)."""

    rate: float
    decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)

    def make(self, parameters: Iterable[Tensor]) -> Optimizer:
        """Torch's optimiser over these parameters."""
        if self.decay:
            return torch.optim.AdamW(parameters, lr=self.rate, betas=self.betas, weight_decay=self.decay, fused=True)
        return torch.optim.Adam(parameters, lr=self.rate, betas=self.betas, fused=True)

    def __str__(self) -> str:
        told = f"AdamW {self.rate}, weight decay {self.decay}" if self.decay else f"Adam {self.rate}"
        return told + (f", betas {self.betas[0]} and {self.betas[1]}" if self.betas != (0.9, 0.999) else "")


@dataclass(frozen=True, slots=True)
class Part:
    """Images first to last - 1 of a split, under a name."""

    name: str
    split: Split
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one network is made. Pixels reach it as (value / 255 - mean) / std."""

    lab: str
    network: Callable[[], nn.Module]
    optimiser: Sgd | Adam
    batch: int
    epochs: int
    images: int
    """How many training images, of the first 55,000."""
    pictures: Pictures = "own"
    """What it is trained on: the data set's own pictures; these and what `training.uploads` makes; these and what
    `training.copies` makes; or the last with what `training.teaching` has other networks answer to them."""
    augmented: tuple[Kind, ...] = ()
    """What its training pictures are varied by, where that is of a kind that robustness is measured of."""
    schedule: Schedule = "constant"
    """How the learning rate goes from the first step to the last; its highest is the optimiser's."""
    corrected: str = ""
    """What of the lab's text had to be corrected, for the card."""
    lab_accuracy: float | None = None
    """The lab's own test accuracy, a fraction; None where the lab gives none."""
    dataset: DatasetName = "MNIST"
    reading: ReadingKind = "digit"
    head: type[Head] = Softmax
    loss: LossName = "cross-entropy"
    l1: float = 0.0
    """Times the sum of the parameters' absolute values, added to what is minimised; not part of the loss that is told."""
    draw: Literal["seed", "first"] = "seed"
    """Whether the seed draws the training images, or they are the first."""
    shuffle: bool = True
    mean: float = 0.0
    std: float = 1.0
    precision: Precision = "float32"
    """Of the forward and backward pass; weights, loss and everything after training are float32."""
    threads: int = 1
    """On a CPU. One, where a second thread would mostly wait for the first."""
    curves: tuple[Part, ...] = ()
    """What the lab draws learning curves of beside training and validation; no choice looks at them."""

    def __str__(self) -> str:
        """The training in one line, as a card tells it."""
        told = [
            self.loss,
            str(self.optimiser)
            + (f", {self.schedule}" if self.schedule != "constant" else "")
            + (f", L1 {self.l1}" if self.l1 else ""),
            f"batch {self.batch}" + ("" if self.shuffle else " in order"),
            f"{self.epochs} epoch{'s' if self.epochs > 1 else ''}{self._drawn()}",
            f"Normalize({self.mean}, {self.std})" if self.mean else "pixels in [0, 1]",
        ]
        if self.precision == "bf16":
            told.append("bfloat16 autocast")
        return ", ".join(told)

    def _drawn(self) -> str:
        if self.pictures != "own":
            made = " and of what is read of uploads made of them" if self.pictures == "uploads" else MADE[self.dataset]
            return f" of {self.images:,} images{made}{', as larger networks answer' if self.pictures == 'taught' else ''}"
        if self.draw == "first":
            return f" of the first {self.images:,} images"
        return f" of {self.images:,} images" if self.images < VALIDATION_START else ""
