"""A linear layer is one matrix product and one sum; how far torch's float32 is from numpy's, and both from float64."""

import numpy as np
import torch

from training import data
from training.lessons.lesson import Lesson

EPS = 2.0**-23


def differences(pictures: int = 64) -> dict[str, float]:
    """Largest differences of 784 -> 128 on real pictures, in eps of float32 of the largest output."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(784, 128)
    x = data.load("MNIST", "train").pictures[:pictures].flatten(1).float() / 255
    with torch.no_grad():
        by_torch = layer(x).numpy()
        by_numpy = x.numpy() @ layer.weight.numpy().T + layer.bias.numpy()
        exact = x.double().numpy() @ layer.weight.double().numpy().T + layer.bias.double().numpy()
    unit = np.abs(exact).max() * EPS
    pairs = {
        "torch to numpy": (by_torch, by_numpy),
        "torch to float64": (by_torch, exact),
        "numpy to float64": (by_numpy, exact),
    }
    return {name: float(np.abs(first - second).max() / unit) for name, (first, second) in pairs.items()}


def teach() -> Lesson:
    """The three distances."""
    told = ["y = x Wᵀ + b for 64 pictures, 784 -> 128, in eps (2⁻²³) of the largest value:"]
    told += [f"{name:17} {value:.2f}" for name, value in differences().items()]
    told += [
        "The two products add the same 784 terms in another order, and each order rounds otherwise: neither is wrong.",
        "So exports are compared with float64 and given a tolerance in eps, not compared with eager float32 bit by bit.",
    ]
    return Lesson("a linear layer against numpy", told)
