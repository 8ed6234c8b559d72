"""The network that reads people's own pictures. Input (N, 1, 28, 28) float, raw output (N, 11): ten digits, and none."""

from torch import Tensor, nn


def _block(inputs: int, outputs: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=padding, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )  # fmt: skip


class Reader(nn.Module):
    """Four 3x3 convolutions with batch norm, on 28, 14, 7 and 5 pixels a side, and two linear layers.

    As large as six million operations a picture allow: 16 filters are enough where there are 784 places to use them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _block(1, 16, 1), nn.MaxPool2d(2), _block(16, 32, 1), nn.MaxPool2d(2), _block(32, 64, 1), _block(64, 64, 0),
            nn.Flatten(), nn.Dropout(0.25), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, 11),
        )  # fmt: skip

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (N, 1, 28, 28). Returns (N, 11)."""
        scores: Tensor = self.layers(pixels)
        return scores
