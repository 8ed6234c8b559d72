"""Lab B: a multilayer perceptron that overfits a thousand pictures of MNIST. Input (N, 1, 28, 28) float."""

from torch import nn


class EluPerceptron(nn.Sequential):
    """784 -> 512 ELU -> 10, weights from Xavier's normal distribution (Glorot and Bengio 2010). Gives scores, (N, 10)."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 512), nn.ELU(), nn.Linear(512, 10))
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
