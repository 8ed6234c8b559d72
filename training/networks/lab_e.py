"""Lab E: small perceptrons on Fashion-MNIST. Input (N, 1, 28, 28) float, scores (N, 10)."""

from torch import nn


class FashionLinear(nn.Sequential):
    """E1 and E3: 784 -> hidden -> 10 without an activation, so a linear function in two steps."""

    def __init__(self, hidden: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, hidden), nn.Linear(hidden, 10))


class FashionSigmoid(nn.Sequential):
    """E2: 784 -> 120 sigmoid -> 10 sigmoid; scores lie between 0 and 1, so the softmax over them stays flat."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 120), nn.Sigmoid(), nn.Linear(120, 10), nn.Sigmoid())


class FashionRelu(nn.Sequential):
    """E4, the lab's open exercise: 784 -> 512 ReLU -> 256 ReLU -> 10."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
