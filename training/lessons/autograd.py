"""What torch differentiates, against the formula worked out by hand."""

import numpy as np
import numpy.typing as npt
import torch

from training.lessons.lesson import Lesson

Matrix = npt.NDArray[np.float64]


def mean_of_squares(x: Matrix) -> tuple[Matrix, Matrix]:
    """The gradient of mean(3 x^2), by hand (6 x / n) and by torch; x of any shape."""
    variable = torch.from_numpy(x).requires_grad_()
    (3 * variable**2).mean().backward()  # type: ignore[no-untyped-call]
    assert variable.grad is not None
    return 6 * x / x.size, variable.grad.numpy()


def linear_layer(x: Matrix, weight: Matrix, bias: Matrix, upstream: Matrix) -> dict[str, tuple[Matrix, Matrix]]:
    """The gradients of sum(upstream * (x WT + b)), by hand and by torch.

    x: (N, in), weight: (out, in), bias: (out,), upstream: (N, out), what comes from the layers above.
    """
    by_hand = {"x": upstream @ weight, "weight": upstream.T @ x, "bias": upstream.sum(0)}
    leaves = {key: torch.from_numpy(value).requires_grad_() for key, value in (("x", x), ("weight", weight), ("bias", bias))}
    out = torch.nn.functional.linear(leaves["x"], leaves["weight"], leaves["bias"])
    out.backward(torch.from_numpy(upstream))  # type: ignore[no-untyped-call]
    by_torch = {key: leaf.grad.numpy() for key, leaf in leaves.items() if leaf.grad is not None}
    return {key: (by_hand[key], by_torch[key]) for key in by_hand}


def teach() -> Lesson:
    """Both, on small numbers."""
    hand, machine = mean_of_squares(np.array([[1.0, 2.0], [3.0, 4.0]]))
    told = [
        "o = mean(3 x²) over n numbers has the gradient 6 x / n.",
        f"x = [[1, 2], [3, 4]]: by hand {hand.tolist()}, by torch {machine.tolist()}",
        "",
        "y = x Wᵀ + b with the gradient g of what follows: dx = g W, dW = gᵀ x, db = the sum of g over the pictures.",
    ]
    generator = np.random.default_rng(0)
    shapes = ((4, 3), (2, 3), (2,), (4, 2))
    for key, (first, second) in linear_layer(*(generator.normal(size=shape) for shape in shapes)).items():
        told.append(f"d{key}, shape {first.shape}: the largest difference is {np.abs(first - second).max():.1e}")
    return Lesson("autograd against the formula", told)
