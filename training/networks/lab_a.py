"""Lab A: one neuron, ten neurons, and a convolutional network on MNIST. Input (N, 1, 28, 28) float."""

from torch import nn


class SingleNeuron(nn.Sequential):
    """A1: 784 -> 1. Gives the digit as a number, (N, 1)."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 1))


class TenNeurons(nn.Sequential):
    """A2: 784 -> 10 ReLU -> 1. Gives the digit as a number, (N, 1)."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 1))


class LabCnn(nn.Sequential):
    """A3: three times convolution 3x3 without padding, ReLU, max-pooling; dropout after the second and the third.

    The lab's text gives the last layer 320 inputs; its own convolutions leave 32. Gives scores, (N, 10).
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(32, 10),
        )  # fmt: skip
