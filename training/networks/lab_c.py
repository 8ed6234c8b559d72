"""Lab C: softmax regression on MNIST. Input (N, 1, 28, 28) float."""

from torch import nn


class SoftmaxRegression(nn.Sequential):
    """784 -> 10, LogSoftmax. Gives logarithms of probabilities, (N, 10)."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))
