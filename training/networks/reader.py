"""The network that reads people's own pictures. Input (N, 1, 28, 28) float, raw output (N, 11): ten digits, and none."""

from torch import Tensor, nn


def block(inputs: int, outputs: int, side: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    """A convolution of side x side with batch norm and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, side, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Reader(nn.Module):
    """Four 3x3 convolutions with batch norm, on 28, 14, 7 and 5 pixels a side, and two linear layers.

    As large as six million operations a picture allow: 16 filters are enough where there are 784 places to use them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            block(1, 16, 3, padding=1), nn.MaxPool2d(2), block(16, 32, 3, padding=1), nn.MaxPool2d(2),
            block(32, 64, 3, padding=1), block(64, 64, 3),
            nn.Flatten(), nn.Dropout(0.25), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, 11),
        )  # fmt: skip

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (N, 1, 28, 28). Returns (N, 11)."""
        scores: Tensor = self.layers(pixels)
        return scores
