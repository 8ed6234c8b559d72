"""The network of the speed record. Input (N, 1, 28, 28) float, scores (N, 10)."""

import math

import torch
from torch import Tensor, nn

SIDE = 5
COSINES = 8


class Sprinter(nn.Sequential):
    """Three convolutions, on 14, 7 and 5 pixels a side, and one linear layer.

    What costs time is what is written to memory and read again, not what is multiplied: so strides instead of pooling, the
    first of them on the picture itself, and no batch norm. The first layer is not trained, so no gradient goes through it
    and the large picture it makes: its filters are cosines and their negatives.
    """

    def __init__(self) -> None:
        first = nn.Conv2d(1, 2 * COSINES, SIDE, stride=2, padding=SIDE // 2, bias=False)
        waves = cosines(SIDE, COSINES).unsqueeze(1)
        first.weight = nn.Parameter(torch.cat([waves, -waves]), requires_grad=False)
        super().__init__(
            first, nn.ReLU(),
            nn.Conv2d(2 * COSINES, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, 64, 3), nn.ReLU(),
            nn.Flatten(), nn.Linear(1600, 10),
        )  # fmt: skip


def cosines(side: int, count: int) -> Tensor:
    """The slowest waves of the two-dimensional cosine transform (Ahmed et al. 1974), (count, side, side), slowest first.

    They are nearly the principal components of small patches of pictures, whose strength falls with the frequency; so the
    length of each, 0.5 of the constant one, grows with the root of one plus its frequency in half waves a side.
    """
    middles = (torch.arange(side) + 0.5) / side
    waves = torch.stack([torch.cos(math.pi * middles * halves) for halves in range(side)])
    waves = waves / waves.norm(dim=1, keepdim=True)
    pairs = sorted(((u, v) for u in range(side) for v in range(side)), key=lambda pair: (math.hypot(*pair), pair))[:count]
    return torch.stack([torch.outer(waves[u], waves[v]) * 0.5 * math.sqrt(1 + math.hypot(u, v)) for u, v in pairs])
