"""The network of PyTorch's MNIST example, pytorch/examples on GitHub, mnist. Input (N, 1, 28, 28) float."""

from torch import nn


class ExampleNet(nn.Sequential):
    """Two 3x3 convolutions with 32 and 64 filters, pooled once, and two linear layers, with dropout.

    Gives log-probabilities, (N, 10).
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10), nn.LogSoftmax(dim=1),
        )  # fmt: skip
