"""The labs' activation functions and their derivatives by formula, and what the derivatives do to a deep network."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn

from training import data
from training.lessons.lesson import Lesson

Values = npt.NDArray[np.float64]
LAYERS = 10
WIDTH = 100


@dataclass(frozen=True, slots=True)
class Activation:
    """A function, its derivative, and torch's name for it."""

    function: Callable[[Values], Values]
    derivative: Callable[[Values], Values]
    by_torch: nn.Module


def sigmoid(x: Values) -> Values:
    """1 / (1 + e^-x)."""
    return np.asarray(1 / (1 + np.exp(-x)))


ACTIVATIONS = {
    "ReLU": Activation(lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float), nn.ReLU()),
    "leaky ReLU": Activation(lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01), nn.LeakyReLU(0.01)),
    "ELU": Activation(
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
        nn.ELU(),
    ),
    "sigmoid": Activation(sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x)), nn.Sigmoid()),
    "tanh": Activation(np.tanh, lambda x: 1 - np.tanh(x) ** 2, nn.Tanh()),
}


def softmax(x: Values) -> Values:
    """e^x over its sum, along the last axis; the largest value is taken off first, so that nothing overflows."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def torch_values(activation: Activation, x: Values) -> tuple[Values, Values]:
    """The function and its derivative as torch has them."""
    variable = torch.from_numpy(x).requires_grad_()
    out = activation.by_torch(variable)
    (gradient,) = torch.autograd.grad(out.sum(), variable)
    return out.detach().numpy(), gradient.numpy()


def gradient_by_layer(activation: type[nn.Module]) -> list[float]:
    """The norm of the loss's gradient at each of ten layers' weights, first layer first, at torch's initialisation."""
    torch.manual_seed(0)
    linears = [nn.Linear(784 if layer == 0 else WIDTH, WIDTH) for layer in range(LAYERS)]
    network = nn.Sequential(*(nn.Sequential(linear, activation()) for linear in linears), nn.Linear(WIDTH, 10))
    images = data.load("MNIST", "train")[slice(256)]
    loss = nn.functional.cross_entropy(network(images.pictures.flatten(1).float() / 255), images.labels)
    gradients = torch.autograd.grad(loss, [linear.weight for linear in linears])
    return [float(gradient.norm()) for gradient in gradients]


def dead_neurons(shift: float) -> tuple[float, float]:
    """The share of ReLU neurons that none of 1,000 pictures activates once their biases are moved; their gradient's norm."""
    torch.manual_seed(0)
    layer, last = nn.Linear(784, WIDTH), nn.Linear(WIDTH, 10)
    with torch.no_grad():
        layer.bias.add_(shift)
    images = data.load("MNIST", "train")[slice(1000)]
    hidden = torch.relu(layer(images.pictures.flatten(1).float() / 255))
    dead = (hidden == 0).all(0)
    loss = nn.functional.cross_entropy(last(hidden), images.labels)
    (gradient,) = torch.autograd.grad(loss, layer.weight)
    return float(dead.float().mean()), float(gradient[dead].norm())


def teach() -> Lesson:
    """Functions, derivatives, softmax, dead neurons, vanishing gradients."""
    x = np.linspace(-5, 5, 1001)
    told = ["largest difference between the formula and torch, of the function and of its derivative:"]
    for name, activation in ACTIVATIONS.items():
        ours, theirs = (activation.function(x), activation.derivative(x)), torch_values(activation, x)
        told.append(f"{name:10} " + ", ".join(f"{np.abs(a - b).max():.1e}" for a, b in zip(ours, theirs, strict=True)))
    scores = np.array([2.0, 1.0, 0.1])
    told += [
        f"softmax of 2, 1, 0.1: {softmax(scores).round(4).tolist()}, which sum to {softmax(scores).sum():.4f}",
        "",
        "A ReLU neuron that no picture activates has no gradient and never comes back:",
    ]
    for shift in (0.0, -0.5, -1.0, -2.0):
        share, norm = dead_neurons(shift)
        told.append(f"biases moved by {shift:4}: {share:4.0%} dead, norm of their gradient {norm:g}")
    by_layer = {"sigmoid": gradient_by_layer(nn.Sigmoid), "ReLU": gradient_by_layer(nn.ReLU)}
    told += ["", "The loss's gradient at the weights of ten layers, first and last:"]
    for name, norms in by_layer.items():
        told.append(
            f"{name:8} {norms[0]:.1e} and {norms[-1]:.1e}: {norms[-1] / norms[0]:,.0f} times less arrives at the first"
        )
    told.append(
        "A sigmoid's derivative is at most 1/4, and ten of them multiply; ReLU's is 1 wherever the neuron is active."
    )
    return Lesson(
        "activation functions and what they do to gradients", told, {"functions": _plot(x), "layers": _bars(by_layer)}
    )


def _plot(x: Values) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")
    functions, derivatives = figure.subplots(1, 2)
    for name, activation in ACTIVATIONS.items():
        functions.plot(x, activation.function(x), label=name)
        derivatives.plot(x, activation.derivative(x), label=name)
    functions.set(title="function", ylim=(-1.5, 3))
    derivatives.set(title="derivative")
    functions.legend()
    return figure


def _bars(by_layer: dict[str, list[float]]) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(
        xlabel="layer", ylabel="norm of the gradient", yscale="log", title="what arrives at each of ten layers"
    )
    for name, norms in by_layer.items():
        axes.plot(range(1, LAYERS + 1), norms, marker="o", label=name)
    axes.set_xticks(range(1, LAYERS + 1))
    axes.legend()
    return figure
