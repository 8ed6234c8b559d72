"""Lab D: from a multilayer perceptron to a plain convolutional network on MNIST."""

from torch import Tensor, nn


class MultilayerPerceptron(nn.Module):
    """D2: 784 -> 128 ReLU -> 64 ReLU -> 10."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (N, 1, 28, 28) float. Returns the scores, (N, 10)."""
        scores: Tensor = self.layers(pixels)
        return scores


class ConvNet(nn.Module):
    """D3: one 5x5 convolution with 8 filters, max-pooling, and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8 * 14 * 14, 500),
            nn.ReLU(),
            nn.Linear(500, 10),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (N, 1, 28, 28) float. Returns the scores, (N, 10)."""
        scores: Tensor = self.layers(pixels)
        return scores
