"""Multilayer perceptrons of any depth, for the labs' exercises. Input (N, 1, 28, 28) float."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn


class Perceptron(nn.Sequential):
    """784 -> hidden layers, each with the activation -> outputs. Gives (N, outputs).

    initialise fills each weight in place, and biases begin at zero; without it they begin as torch has them. batch_norm
    stands before the activation, dropout after it.
    """

    def __init__(
        self,
        hidden: Sequence[int],
        activation: type[nn.Module] = nn.ReLU,
        *,
        outputs: int = 10,
        initialise: Callable[[Tensor], Tensor] | None = None,
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        before = 784
        for width in hidden:
            layers += [nn.Linear(before, width), *([nn.BatchNorm1d(width)] if batch_norm else []), activation()]
            layers += [nn.Dropout(dropout)] if dropout else []
            before = width
        super().__init__(*layers, nn.Linear(before, outputs))
        if initialise:
            for layer in self:
                if isinstance(layer, nn.Linear):
                    initialise(layer.weight)
                    nn.init.zeros_(layer.bias)
