"""Lab D: from logistic regression to a network with batch norm, on MNIST. Input (N, 1, 28, 28) float, scores (N, 10)."""

from torch import nn


class LogisticRegression(nn.Sequential):
    """D1: 784 -> 10."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 10))


class MultilayerPerceptron(nn.Sequential):
    """D2: 784 -> 128 ReLU -> 64 ReLU -> 10."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))


class ConvNet(nn.Sequential):
    """D3: one 5x5 convolution with 8 filters, max-pooling, and two linear layers. D4: dropout before the first of them."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__(
            nn.Conv2d(1, 8, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), *([nn.Dropout(dropout)] if dropout else []),
            nn.Linear(8 * 14 * 14, 500), nn.ReLU(), nn.Linear(500, 10),
        )  # fmt: skip


class DeepConvNet(nn.Sequential):
    """D5: three 5x5 convolutions with 16, 32 and 64 filters, each pooled; three linear layers, two of them with dropout."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(64 * 3 * 3, 128), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(128, 256), nn.ReLU(),
            nn.Linear(256, 10),
        )  # fmt: skip


class BatchNormConvNet(nn.Sequential):
    """D6: six 3x3 convolutions with batch norm in three stages of 64, 128 and 256 filters, dropout after each stage."""

    def __init__(self) -> None:
        super().__init__(
            *_twice(1, 64), nn.MaxPool2d(2), nn.Dropout(0.4),
            *_twice(64, 128), nn.MaxPool2d(2), nn.Dropout(0.4),
            *_twice(128, 256), nn.AvgPool2d(7), nn.Flatten(), nn.Dropout(0.5),
            nn.Linear(256, 10),
        )  # fmt: skip


def _twice(before: int, after: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, kernel_size=3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    return layers
