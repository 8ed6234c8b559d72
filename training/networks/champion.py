"""The default network and the larger ones that teach it. Input (N, 1, 28, 28) float, raw output (N, 11): digits, none."""

from torch import nn

from training.networks.reader import block


class Champion(nn.Sequential):
    """The reader's four convolutions, of which the first takes steps of two pixels instead of being pooled.

    That is as right as the reader after as many pictures, and quicker to train and to run: most of a step's time goes into
    what stands between the convolutions, and three quarters of that into the first, of 28x28.

    filters: of the four convolutions. hidden: of the linear layer between. fine: the first convolution as the reader's.
    """

    def __init__(
        self,
        filters: tuple[int, int, int, int] = (16, 32, 64, 64),
        hidden: int = 64,
        dropout: float = 0.0,
        *,
        fine: bool = False,
    ) -> None:
        first, second, third, fourth = filters
        coarse = [block(1, first, 5, stride=2, padding=2)]
        super().__init__(
            *([block(1, first, 3, padding=1), nn.MaxPool2d(2)] if fine else coarse),
            block(first, second, 3, padding=1), nn.MaxPool2d(2),
            block(second, third, 3, padding=1), block(third, fourth, 3),
            nn.Flatten(), *([nn.Dropout(dropout)] if dropout else []),
            nn.Linear(25 * fourth, hidden), nn.ReLU(), nn.Linear(hidden, 11),
        )  # fmt: skip
