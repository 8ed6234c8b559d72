"""The network that knows clothes best for its size, and what teaches it. Input (N, 1, 28, 28) float, scores (N, 10)."""

from torch import Tensor, nn

from training.networks.reader import block


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm, added to what they were given (He et al. 2016)."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first = block(filters, filters, 3, padding=1)
        self.second = nn.Sequential(nn.Conv2d(filters, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters))
        self.relu = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (N, filters, H, W). Returns the same."""
        changed: Tensor = self.relu(maps + self.second(self.first(maps)))
        return changed


class Average(nn.Module):
    """(N, C, H, W) to (N, C): what a filter finds, wherever."""

    def forward(self, maps: Tensor) -> Tensor:
        """maps: (N, C, H, W)."""
        return maps.mean((2, 3))


class FashionChampion(nn.Sequential):
    """Residual pairs on 28, 14 and 7 pixels a side, each begun with more filters, averaged at the end.

    filters: on 28, on 14 and on 7 pixels. dropout: before the last layer. coarse: a 5x5 convolution in steps of two instead
    of what is done on 28 pixels.
    """

    def __init__(self, filters: tuple[int, int, int] = (16, 48, 80), dropout: float = 0.2, *, coarse: bool = False) -> None:
        first, second, third = filters
        fine = [block(1, first, 3, padding=1), Residual(first), nn.MaxPool2d(2)]
        super().__init__(
            *([block(1, first, 5, stride=2, padding=2)] if coarse else fine),
            block(first, second, 3, padding=1), Residual(second), nn.MaxPool2d(2),
            block(second, third, 3, padding=1), Residual(third),
            Average(), nn.Dropout(dropout), nn.Linear(third, 10),
        )  # fmt: skip
