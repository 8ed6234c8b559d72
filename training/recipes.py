"""RECIPES: every network of the project and how its lab trains it. The dict is the list."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from serving.reading import ReadingKind
from training.data import DatasetName
from training.model import Head, NearestDigit, Softmax
from training.networks import lab_a, lab_b, lab_c, lab_d, lab_e

Loss = Callable[[Tensor, Tensor], Tensor]
"""(N, 10) or (N, 1) scores and (N,) labels to their mean loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one network is made. Pixels reach it as (value / 255 - mean) / std."""

    lab: str
    network: Callable[[], nn.Module]
    optimiser: Callable[[Iterable[Tensor]], Optimizer]
    batch: int
    epochs: int
    images: int
    """How many training images, of the first 55,000."""
    note: str
    """The training in one line, for the card."""
    corrected: str = ""
    """What of the lab's text had to be corrected, for the card."""
    lab_accuracy: float | None = None
    """The lab's own test accuracy, a fraction; None where the lab gives none."""
    dataset: DatasetName = "MNIST"
    reading: ReadingKind = "digit"
    head: type[Head] = Softmax
    loss: Loss = nn.functional.cross_entropy
    draw: Literal["seed", "first"] = "seed"
    """Whether the seed draws the training images, or they are the first."""
    shuffle: bool = True
    mean: float = 0.0
    std: float = 1.0
    precision: Literal["float32", "bf16"] = "float32"
    """Of the forward and backward pass; weights, loss and everything after training are float32."""
    threads: int = 1
    """On a CPU. One, where a second thread would mostly wait for the first."""


def squared_error(values: Tensor, labels: Tensor) -> Tensor:
    """The digit as a number: values (N, 1) against labels of the same shape; (N,) would broadcast to (N, N)."""
    return nn.functional.mse_loss(values, labels.unsqueeze(1).to(values.dtype))


def _sgd(rate: float, momentum: float = 0.0) -> Callable[[Iterable[Tensor]], Optimizer]:
    return partial(torch.optim.SGD, lr=rate, momentum=momentum, fused=True)


def _adam(rate: float) -> Callable[[Iterable[Tensor]], Optimizer]:
    return partial(torch.optim.Adam, lr=rate, fused=True)


LAB_A: dict[str, Any] = {
    "optimiser": _sgd(0.003, 0.9),
    "batch": 128,
    "epochs": 20,
    "images": 55_000,
    "mean": 0.1307,
    "std": 0.3081,
}
RATE_A = "learning rate 0.003, as the printed 0.01 diverges on this input (the limit is 0.0076)"
SHAPE_A = "the target has the shape (B, 1), as (B) broadcasts and learns the mean digit"

LAB_D: dict[str, Any] = {"batch": 32, "epochs": 2, "images": 48_000}

LAB_E: dict[str, Any] = {
    "dataset": "FashionMNIST",
    "reading": "plain",
    "optimiser": _sgd(0.001, 0.9),
    "batch": 512,
    "epochs": 1,
    "images": 10_000,
    "mean": 0.5,
    "std": 0.5,
}
NOTE_E = "cross-entropy, SGD 0.001 with momentum 0.9, batch 512, 1 epoch of 10,000 images, Normalize(0.5, 0.5)"

RECIPES: dict[str, Recipe] = {
    "single_neuron": Recipe(
        **LAB_A,
        lab="A1",
        network=lab_a.SingleNeuron,
        head=NearestDigit,
        loss=squared_error,
        lab_accuracy=0.2,
        note="squared error, SGD 0.003 with momentum 0.9, batch 128, 20 epochs, Normalize(0.1307, 0.3081)",
        corrected=f"{RATE_A}; {SHAPE_A}",
    ),
    "ten_neurons": Recipe(
        **LAB_A,
        lab="A2",
        network=lab_a.TenNeurons,
        head=NearestDigit,
        loss=squared_error,
        lab_accuracy=0.4,
        note="squared error, SGD 0.003 with momentum 0.9, batch 128, 20 epochs, Normalize(0.1307, 0.3081)",
        corrected=f"{RATE_A}; {SHAPE_A}",
    ),
    "lab_cnn": Recipe(
        **LAB_A,
        lab="A3",
        network=lab_a.LabCnn,
        note="cross-entropy, SGD 0.003 with momentum 0.9, batch 128, 20 epochs, Normalize(0.1307, 0.3081)",
        corrected=f"{RATE_A}; 32 features before the last layer, not 320; the test loader reads the test split",
    ),
    "elu_mlp": Recipe(
        lab="B",
        network=lab_b.EluPerceptron,
        optimiser=_sgd(0.01),
        batch=100,
        epochs=200,
        images=1_000,
        draw="first",
        shuffle=False,
        note="cross-entropy, SGD 0.01, batch 100 in order, 200 epochs of the first 1,000 images, pixels in [0, 1]",
        corrected="losses are means over the pictures, not divided by the batch size once more",
    ),
    "softmax_regression": Recipe(
        lab="C",
        network=lab_c.SoftmaxRegression,
        optimiser=_adam(0.01),
        loss=nn.functional.nll_loss,
        batch=64,
        epochs=5,
        images=55_000,
        shuffle=False,
        note="negative log-likelihood, Adam 0.01, batch 64 in order, 5 epochs, pixels in [0, 1]",
        corrected="validates on training images, not on the test set; losses are divided by the pictures they are sums of",
    ),
    "logistic_regression": Recipe(
        **LAB_D,
        lab="D1",
        network=lab_d.LogisticRegression,
        optimiser=_sgd(0.001),
        lab_accuracy=0.83,
        note="cross-entropy, SGD 0.001, batch 32, 2 epochs of 48,000 images, pixels in [0, 1]",
        corrected="the loss that is passed is the loss that is used, not a global",
    ),
    "mlp_128_64": Recipe(
        **LAB_D,
        lab="D2",
        network=lab_d.MultilayerPerceptron,
        optimiser=_sgd(0.001, 0.9),
        note="cross-entropy, SGD 0.001 with momentum 0.9, batch 32, 2 epochs of 48,000 images, pixels in [0, 1]",
        corrected="the test figure that the lab prints, 0.9826, is D3's copied: accuracy and loss agree to eight digits",
    ),
    "convnet": Recipe(
        **LAB_D,
        lab="D3",
        network=lab_d.ConvNet,
        optimiser=_adam(0.001),
        lab_accuracy=0.9826,
        note="cross-entropy, Adam 0.001, batch 32, 2 epochs of 48,000 images, pixels in [0, 1]",
    ),
    "convnet_dropout": Recipe(
        **LAB_D,
        lab="D4",
        network=partial(lab_d.ConvNet, dropout=0.5),
        optimiser=_adam(0.001),
        lab_accuracy=0.983,
        note="cross-entropy, Adam 0.001, batch 32, 2 epochs of 48,000 images, pixels in [0, 1]",
    ),
    "convnet_deep": Recipe(
        **LAB_D,
        lab="D5",
        network=lab_d.DeepConvNet,
        optimiser=_adam(0.001),
        lab_accuracy=0.989,
        note="cross-entropy, Adam 0.001, batch 32, 2 epochs of 48,000 images, pixels in [0, 1]",
    ),
    "convnet_batchnorm": Recipe(
        **LAB_D,
        lab="D6",
        network=lab_d.BatchNormConvNet,
        optimiser=_adam(0.001),
        lab_accuracy=0.9912,
        precision="bf16",
        threads=2,
        note="cross-entropy, Adam 0.001, batch 32, 2 epochs of 48,000 images, pixels in [0, 1], bfloat16 autocast",
    ),
    "fashion_linear": Recipe(**LAB_E, lab="E1", network=partial(lab_e.FashionLinear, hidden=120), note=NOTE_E),
    "fashion_sigmoid": Recipe(**LAB_E, lab="E2", network=lab_e.FashionSigmoid, note=NOTE_E),
    "fashion_mlp": Recipe(**LAB_E, lab="E3", network=partial(lab_e.FashionLinear, hidden=128), note=NOTE_E),
    "fashion_relu": Recipe(
        **LAB_E | {"optimiser": _adam(0.001), "batch": 64, "epochs": 10},
        lab="E4",
        network=lab_e.FashionRelu,
        note="cross-entropy, Adam 0.001, batch 64, 10 epochs of 10,000 images, Normalize(0.5, 0.5)",
    ),
}
