"""One-hot targets with a squared error: the gradient by hand, and one step of SGD equal to torch's."""

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from training import data
from training.lessons.lesson import Lesson

Matrix = npt.NDArray[np.float64]
RATE = 0.1


def one_hot(labels: npt.NDArray[np.integer]) -> Matrix:
    """(N,) labels to (N, 10): a 1 at the label, else 0."""
    return np.asarray(np.eye(10)[labels])


def step_by_hand(weight: Matrix, bias: Matrix, x: Matrix, targets: Matrix, rate: float) -> tuple[Matrix, Matrix, float]:
    """Weights and bias after one step on mean((x WT + b - targets)^2), and the loss before it.

    weight: (10, 784), bias: (10,), x: (N, 784), targets: (N, 10). The mean is over all N x 10 numbers, as torch's is.
    """
    error = x @ weight.T + bias - targets
    upstream = 2 * error / error.size
    return weight - rate * upstream.T @ x, bias - rate * upstream.sum(0), float((error**2).mean())


def step_by_torch(layer: nn.Linear, x: torch.Tensor, targets: torch.Tensor, rate: float) -> float:
    """The same step by torch, on the layer itself. Returns the loss before it."""
    optimiser = torch.optim.SGD(layer.parameters(), lr=rate)
    loss = nn.functional.mse_loss(layer(x), targets)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()


def compare(images: int = 64) -> tuple[float, float, float]:
    """The losses by hand and by torch, and the largest difference of a parameter after the step, in float64."""
    torch.manual_seed(0)
    part = data.load("MNIST", "train")[slice(images)]
    x, targets = part.pictures.flatten(1).double() / 255, one_hot(part.labels.numpy())
    layer = nn.Linear(784, 10).double()
    before = layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()
    weight, bias, loss = step_by_hand(*before, x.numpy(), targets, RATE)
    torch_loss = step_by_torch(layer, x, torch.from_numpy(targets), RATE)
    differences = np.abs(weight - layer.weight.detach().numpy()).max(), np.abs(bias - layer.bias.detach().numpy()).max()
    return loss, torch_loss, float(max(differences))


def teach() -> Lesson:
    """One step, twice."""
    loss, torch_loss, difference = compare()
    told = [
        f"the label 5 as ten targets: {one_hot(np.array([5]))[0].astype(int).tolist()}",
        "L = mean((x Wᵀ + b - targets)²) over pictures and outputs, so g = 2 (x Wᵀ + b - targets) / (N · 10)",
        "and a step is W ← W - rate gᵀ x, b ← b - rate Σ g.",
        f"loss by hand {loss:.12f}, by torch {torch_loss:.12f}",
        f"largest difference of a parameter after one step at rate {RATE}: {difference:.1e}",
    ]
    return Lesson("one-hot targets, a squared error and one step by hand", told)
