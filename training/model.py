"""The function that is exported: a uint8 picture in; probabilities, scores and perhaps evidence out."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from training import evaluate
from training.evaluate import Labels, Scores

Outputs = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]
"""probabilities (N, 10); scores (N, 10) or (N, 1); of a network that can tell digits from other things, evidence (N,)."""


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


class Softmax(nn.Module):
    """A classifier's head: softmax(scores / T), T fitted on the validation split (Guo et al. 2017)."""

    temperature: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, scores: Tensor) -> Tensor:
        """scores: (N, 10). Returns probabilities, (N, 10)."""
        return torch.softmax(scores / self.temperature, dim=1)

    def outputs(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """scores: (N, 10). Returns (probabilities, scores), (N, 10) each."""
        return self(scores), scores

    @torch.jit.unused
    def labels(self, scores: Tensor) -> Tensor:
        """What training compares with the labels, (N,) int64."""
        return scores.argmax(1)

    @staticmethod
    def fit(scores: Scores, labels: Labels) -> float:
        """The temperature, from the validation split."""
        return evaluate.fit_temperature(scores, labels)


class NearestDigit(nn.Module):
    """The head of a network that regresses the digit as one number v: p(d) ~ exp(-(v - d)^2 / (2 s^2)).

    The answer is v rounded and clipped, and its probabilities are honest: s, kept as `temperature`, is the residual of the
    validation split.
    """

    temperature: Tensor
    digits: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("digits", torch.arange(10.0))

    def forward(self, values: Tensor) -> Tensor:
        """values: (N, 1). Returns probabilities, (N, 10)."""
        return torch.softmax(-0.5 * ((values - self.digits) / self.temperature) ** 2, dim=1)

    def outputs(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """values: (N, 1). Returns (probabilities, values), (N, 10) and (N, 1)."""
        return self(values), values

    @torch.jit.unused
    def labels(self, values: Tensor) -> Tensor:
        """What training compares with the labels, (N,) int64."""
        return self(values).argmax(1)  # type: ignore[no-any-return]

    @staticmethod
    def fit(values: Scores, labels: Labels) -> float:
        """The residual s, in digits, from the validation split."""
        return evaluate.residual(values, labels)


class Rejecting(nn.Module):
    """The head of a network with an eleventh number, for "none of them", which it learned on things that are no digits.

    Training on other things is outlier exposure (Hendrycks et al. 2019), here with a class of its own for them. The first
    ten numbers are a classifier's scores, with a temperature as in Softmax. The evidence is how much all ten together
    outweigh the eleventh: the log-odds that the network gives for a digit, which the temperature leaves as they are.
    """

    temperature: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, raw: Tensor) -> Tensor:
        """raw: (N, 11). Returns probabilities, (N, 10), given that it is a digit."""
        return torch.softmax(raw[:, :10] / self.temperature, dim=1)

    def evidence(self, raw: Tensor) -> Tensor:
        """raw: (N, 11). Returns the log-odds of being a digit, (N,)."""
        return torch.logsumexp(raw[:, :10], dim=1) - raw[:, 10]

    def outputs(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """raw: (N, 11). Returns (probabilities, scores, evidence): (N, 10), (N, 10) and (N,)."""
        return self(raw), raw[:, :10], self.evidence(raw)

    @torch.jit.unused
    def labels(self, raw: Tensor) -> Tensor:
        """What training compares with the labels, (N,) int64; 10 is none of the digits."""
        return raw.argmax(1)

    @staticmethod
    def fit(raw: Scores, labels: Labels) -> float:
        """The temperature of the ten, from the digits of the validation split; raw: (N, 11), labels 0 to 9."""
        return evaluate.fit_temperature(raw[:, :10], labels)


Head = Softmax | NearestDigit | Rejecting


class Model(nn.Module):
    """Scale, network, head.

    One class is trained, evaluated, exported and, in float64, used as the reference: what is served cannot drift from
    what was trained.
    """

    def __init__(self, network: nn.Module, mean: float, std: float, head: type[Head] = Softmax) -> None:
        super().__init__()
        self.scale = Scale(mean, std)
        self.network = network
        self.head = head()

    def scores(self, images: Tensor) -> Tensor:
        """images: (N, 28, 28) uint8. Returns the network's raw output, which the loss is of: (N, 10), (N, 1) or (N, 11)."""
        return cast("Tensor", self.network(self.scale(images)))

    def forward(self, images: Tensor) -> Outputs:
        """images: (N, 28, 28) uint8. Returns what is exported, (probabilities, scores) or (probabilities, scores, evidence).

        A scripted or exported model returns the one of the two that its head has.
        """
        return self.head.outputs(self.network(self.scale(images)))


def parameters(model: nn.Module) -> int:
    """How many numbers training fits."""
    return sum(parameter.numel() for parameter in model.parameters())


def flops(model: Model) -> int:
    """Floating-point operations of one picture, 2 x multiply-adds of its convolutions and matrix products."""
    picture = torch.zeros(1, 28, 28, dtype=torch.uint8, device=model.scale.span.device)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.scores(picture)
    return int(counter.get_total_flops())
