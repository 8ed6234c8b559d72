"""The function that is exported: a uint8 picture in, probabilities and scores out."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Scale(nn.Module):
    """Pixels 0 to 255 as the network was trained on them: (value / 255 - mean) / std.

    The two numbers are buffers, so that `.double()` makes the whole function float64.
    """

    is_centred: bool
    shift: Tensor
    span: Tensor

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.is_centred = mean != 0
        self.register_buffer("shift", torch.tensor(255.0 * mean))
        self.register_buffer("span", torch.tensor(255.0 * std))

    def forward(self, images: Tensor) -> Tensor:
        """images: (N, 28, 28) uint8. Returns (N, 1, 28, 28) in the buffers' precision."""
        pixels = images.unsqueeze(1).to(self.span.dtype)
        if self.is_centred:
            pixels = pixels - self.shift
        return pixels.div_(self.span)


class Model(nn.Module):
    """Scale, network, and a softmax at the temperature fitted on the validation split (Guo et al. 2017).

    One class is trained, evaluated, exported and, in float64, used as the reference: what is served cannot drift from
    what was trained.
    """

    temperature: Tensor

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.scale = Scale(mean, std)
        self.network = network
        self.register_buffer("temperature", torch.tensor(1.0))

    def scores(self, images: Tensor) -> Tensor:
        """images: (N, 28, 28) uint8. Returns the network's raw output, (N, 10)."""
        return cast("Tensor", self.network(self.scale(images)))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images: (N, 28, 28) uint8. Returns (probabilities, scores), both (N, 10)."""
        scores = self.network(self.scale(images))
        return torch.softmax(scores / self.temperature, dim=1), scores


def parameters(model: nn.Module) -> int:
    """How many numbers training fits."""
    return sum(parameter.numel() for parameter in model.parameters())


def flops(model: Model) -> int:
    """Floating-point operations of one picture, 2 x multiply-adds of its convolutions and matrix products."""
    picture = torch.zeros(1, 28, 28, dtype=torch.uint8, device=model.temperature.device)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.scores(picture)
    return int(counter.get_total_flops())
