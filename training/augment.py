"""Digits as other hands write them and bad copies show them, clothes as they may lie: whole batches on any device."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from serving.reading import SIDE

TURN, SHEAR, SCALE = 0.13, 0.15, 0.09
"""Standard deviations: of the angle in radians, of the shear, and of the logarithm of either side's scale."""
SHIFT = 0.6
"""Standard deviation of where the digit lies, in pixels; the data set itself centres each by its mass."""
WAVE = 0.9
"""Standard deviation of how far a point of a 5x5 grid is pulled, in pixels."""
STRENGTH = (0.2, 1.3)
"""What map each picture has, least and most, in these deviations."""
PEN, MOST = 0.3, 0.7
"""Standard deviation of the pen's weight and the most there is: 1 moves every edge a pixel outwards, -1 inwards."""
SOFT = 0.25
"""The most of a picture that is replaced by itself blurred over three pixels."""

LEAN, FIT, LAID = 0.05, 0.06, 1.0
"""Standard deviations of how a garment lies: of angle and shear, of the logarithm of either side's scale, and in pixels."""

OFTEN = 0.3
"""How often a bad copy has each of its faults."""
FAR, TINT, SHADE, GRAIN = 3.0, 0.5, 0.25, 0.3
"""How bad they are: pixels that it is moved by, and parts of the way from paper to ink."""


@dataclass(frozen=True, slots=True)
class Chance:
    """Random numbers for a batch of pictures, drawn on the CPU, so that they are the same for every device."""

    generator: Generator
    count: int
    device: torch.device

    def normal(self, *shape: int) -> Tensor:
        """(N, *shape) standard normal numbers."""
        return torch.randn(self.count, *shape, generator=self.generator).to(self.device)

    def between(self, low: float, high: float, *shape: int) -> Tensor:
        """(N, *shape) numbers from low to high; without a shape (N, 1, 1, 1), one for each picture."""
        drawn = torch.rand(self.count, *(shape or (1, 1, 1)), generator=self.generator)
        return (low + drawn * (high - low)).to(self.device)

    def waves(self, points: int, channels: int = 1) -> Tensor:
        """(N, channels, 28, 28): what goes smoothly through points x points standard normal numbers."""
        return functional.interpolate(
            self.normal(channels, points, points), (SIDE, SIDE), mode="bicubic", align_corners=True
        )

    def fault(self, worst: float) -> Tensor:
        """(N, 1, 1, 1): 0 for most pictures, for OFTEN of them up to the worst."""
        return self.between(0, worst) * (self.between(0, 1) < OFTEN)

    def blocks(self) -> Tensor:
        """(N, 1, 28, 28) bool: of OFTEN of the pictures an upright block."""
        place = torch.arange(SIDE, device=self.device) + 0.5
        middle, reach = self.between(0, SIDE, 2, 1), self.between(1, SIDE / 3, 2, 1)
        across, along = ((place - middle).abs() < reach).unbind(1)
        return (along[:, None, :, None] & across[:, None, None, :]) & (self.between(0, 1) < OFTEN)


def deform(pictures: Tensor, generator: Generator) -> Tensor:
    """Each picture by an affine and elastic map (Simard et al. 2003), pen and focus of its own.

    pictures: (N, 28, 28) uint8, 0 is paper. Returns the same.
    """
    chance = Chance(generator, len(pictures), pictures.device)
    strength = chance.between(*STRENGTH)
    pull = chance.waves(5, channels=2).permute(0, 2, 3, 1) * (strength * (WAVE * 2 / SIDE))
    drawn = _sampled(_floats(pictures), _matrices(chance.normal(6) * strength.view(-1, 1), TURN, SHEAR, SCALE, SHIFT), pull)
    drawn = _with_pen(drawn, chance.normal(1, 1, 1) * PEN)
    blurred = functional.avg_pool2d(functional.avg_pool2d(drawn, 2, 1, 1), 2, 1)
    return _bytes(torch.lerp(drawn, blurred, chance.between(0, SOFT)))


def wear(pictures: Tensor, generator: Generator) -> Tensor:
    """Each picture with faults of a bad copy: moved, filtered (Xu et al. 2021), tinted, shaded, grainy, covered, reversed.

    pictures: (N, 28, 28) uint8, 0 is paper. Returns the same.
    """
    chance = Chance(generator, len(pictures), pictures.device)
    still = torch.eye(2, 3, device=pictures.device).expand(chance.count, 2, 3)
    shift = chance.fault(FAR) * chance.normal(1, 1, 2).clamp(-1, 1) * (2 / SIDE)
    ink = _sampled(_floats(pictures), still, shift)
    ink = torch.lerp(ink, _filtered(ink, chance.normal(3, 3)), chance.fault(1))
    low, high = chance.fault(TINT), 1 - chance.fault(TINT)
    ink = low + ink * (high - low)
    ink = ink + chance.waves(4) * chance.fault(SHADE) + chance.normal(1, SIDE, SIDE) * chance.fault(GRAIN)
    ink = torch.where(chance.blocks(), chance.between(0, 1), ink)
    return _bytes(torch.where(chance.blocks(), 1 - ink, ink))


def lay(clothes: Tensor, generator: Generator) -> Tensor:
    """Each garment as it may lie as well: turned to the other side, a little askew, larger or smaller, partly covered.

    clothes: (N, 28, 28) uint8, 0 is the ground. Returns the same.
    """
    chance = Chance(generator, len(clothes), clothes.device)
    seen = _floats(clothes)
    seen = torch.where(chance.between(0, 1) < 0.5, seen.flip(-1), seen)
    still = torch.zeros(1, 1, 1, 2, device=clothes.device)
    seen = _sampled(seen, _matrices(chance.normal(6), LEAN, LEAN, FIT, LAID), still)
    return _bytes(torch.where(chance.blocks(), chance.between(0, 1), seen))  # random erasing (Zhong et al. 2020)


def _floats(pictures: Tensor) -> Tensor:
    return pictures.unsqueeze(1).float().div_(255)


def _bytes(ink: Tensor) -> Tensor:
    return ink.squeeze(1).clamp(0, 1).mul_(255).round_().to(torch.uint8)


def _matrices(normal: Tensor, turn: float, slant: float, scale: float, shift: float) -> Tensor:
    """(N, 2, 3): the inverses of small turns, shears, changes of scale and shifts, from (N, 6) normal numbers.

    turn, slant, scale, shift: their standard deviations.
    """
    angle, shear, wide, high, right, down = normal.unbind(1)
    cosine, sine = torch.cos(angle * turn), torch.sin(angle * turn)
    wide, high, shear = torch.exp(wide * scale), torch.exp(high * scale), shear * slant
    across = torch.stack([cosine * wide, cosine * shear - sine * high, right * (shift * 2 / SIDE)], 1)
    along = torch.stack([sine * wide, sine * shear + cosine * high, down * (shift * 2 / SIDE)], 1)
    return torch.stack([across, along], 1)


def _sampled(ink: Tensor, matrices: Tensor, pull: Tensor) -> Tensor:
    """Ink (N, 1, 28, 28) looked up where inverse maps (N, 2, 3) and a pull, (N, 28, 28, 2) or (N, 1, 1, 2), lead."""
    places = functional.affine_grid(matrices, list(ink.shape), align_corners=False) + pull
    return functional.grid_sample(ink, places, mode="bicubic", align_corners=False).clamp(0, 1)


def _with_pen(ink: Tensor, weight: Tensor) -> Tensor:
    """Ink (N, 1, 28, 28) with a heavier or a lighter pen: a step towards what a dilation or an erosion makes of it."""
    sign = torch.where(weight < 0, -1.0, 1.0)
    return ink + (sign * _dilated(sign * ink) - ink) * weight.abs().clamp(max=MOST)


def _dilated(ink: Tensor) -> Tensor:
    """The largest of each pixel and its eight neighbours; on a CPU several times faster than max_pool2d."""
    rows = functional.pad(ink, (0, 0, 1, 1), mode="replicate")
    tall = torch.maximum(torch.maximum(rows[:, :, :-2], rows[:, :, 2:]), ink)
    columns = functional.pad(tall, (1, 1, 0, 0), mode="replicate")
    return torch.maximum(torch.maximum(columns[..., :-2], columns[..., 2:]), tall)


def _filtered(ink: Tensor, kernels: Tensor) -> Tensor:
    """Ink (N, 1, 28, 28) by kernels (N, 3, 3), one for each picture, its paper again at 0 and its ink at 1."""
    count = len(ink)
    bent = functional.conv2d(ink.view(1, count, SIDE, SIDE), kernels.unsqueeze(1), padding=1, groups=count)
    bent = bent.view(count, 1, SIDE, SIDE).abs()
    return bent / bent.amax((1, 2, 3), keepdim=True).clamp(min=1e-3)
