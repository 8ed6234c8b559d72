"""Lab E: small perceptrons on Fashion-MNIST. Input (N, 1, 28, 28) float, scores (N, 10)."""

from typing import cast

from torch import Tensor, nn


class FashionLinear(nn.Sequential):
    """E1 and E3: 784 -> hidden -> 10 without an activation, so a linear function in two steps."""

    def __init__(self, hidden: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, hidden), nn.Linear(hidden, 10))


class FashionSigmoid(nn.Sequential):
    """E2: 784 -> 120 sigmoid -> 10 sigmoid; scores lie between 0 and 1, so the softmax over them stays flat."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 120), nn.Sigmoid(), nn.Linear(120, 10), nn.Sigmoid())


class FashionFreshLayer(nn.Module):
    """Exercise 3 as the lab has it wrong: 784 -> 128 -> 10, the first layer made anew, at random, whenever it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(128, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (N, 1, 28, 28). Returns scores, (N, 10), other ones at each call."""
        fresh = nn.Linear(784, 128, device=pixels.device, dtype=pixels.dtype)
        return cast("Tensor", self.last(fresh(pixels.flatten(1))))
