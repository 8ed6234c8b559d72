"""What others have published on the two data sets, each with its source."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One published figure. What its source does not say is None."""

    name: str
    dataset: str
    accuracy: float
    """On the test split, 0 to 1."""
    how: str
    """What the figure is: a mean over runs, or one figure."""
    source: str
    sd: float | None = None
    parameters: int | None = None
    flops: int | None = None
    """2 x multiply-adds of a picture."""
    is_chosen: bool = False
    """Whether it is the best of several, chosen by the test split itself."""


def _convolution(side: int, before: int, after: int, kernel: int) -> tuple[int, int]:
    """Parameters, a bias among them, and multiply-adds of one whose output is side x side."""
    weights = before * after * kernel * kernel
    return weights + after, weights * side * side


# 784 - 32C3 - 32C3 - 32C5S2 - 64C3 - 64C3 - 64C5S2 - 128C4 - 10, batch norm after each but the last.
_DEOTTE = [
    _convolution(26, 1, 32, 3), _convolution(24, 32, 32, 3), _convolution(12, 32, 32, 5),
    _convolution(10, 32, 64, 3), _convolution(8, 64, 64, 3), _convolution(4, 64, 64, 5), _convolution(1, 64, 128, 4),
    _convolution(1, 128, 10, 1),
]  # fmt: skip
_NORMED = 3 * 32 + 3 * 64 + 128
DEOTTE_PARAMETERS = sum(parameters for parameters, _ in _DEOTTE) + 4 * _NORMED
DEOTTE_FLOPS = 2 * sum(multiplied for _, multiplied in _DEOTTE)
"""Counted here, from the network that the source describes, batch norms as parts of the convolutions before them."""
DEOTTE = "C. Deotte 2018, github.com/cdeotte/MNIST-CNN-99.75"
BYERLY = "Byerly, Kalganova and Dear 2020, No Routing Needed Between Capsules, arXiv 2001.09136"
"""Its parameters: 5.5 times fewer, says its abstract, than the 8.2 million of the capsules of Sabour et al. 2017."""
ZALANDO = "table of submissions, not tested by its keepers, github.com/zalandoresearch/fashion-mnist"

REFERENCES = (
    Reference(
        "Deotte, one network", "MNIST", 0.99641, "mean of 1,500 networks", DEOTTE, 0.00047, DEOTTE_PARAMETERS, DEOTTE_FLOPS
    ),
    Reference(
        "Deotte, 15 networks", "MNIST", 0.99745, "mean of 100 ensembles", DEOTTE, 0.00020,
        15 * DEOTTE_PARAMETERS, 15 * DEOTTE_FLOPS,
    ),
    Reference("Byerly, one network", "MNIST", 0.9983, "the best of several", BYERLY, None, 1_500_000, is_chosen=True),
    Reference("Byerly, several networks", "MNIST", 0.9987, "the best of several", BYERLY, is_chosen=True),
    Reference("2 convolutions, 113K", "FashionMNIST", 0.922, "one figure", ZALANDO, parameters=113_000),
    Reference("2 convolutions, 1.8M", "FashionMNIST", 0.932, "one figure", ZALANDO, parameters=1_800_000),
    Reference("DenseNet-BC", "FashionMNIST", 0.954, "one figure", ZALANDO, parameters=768_000),
    Reference("WRN-40-4", "FashionMNIST", 0.967, "one figure", ZALANDO, parameters=8_900_000),
    Reference(
        "fine-tuned DARTS", "FashionMNIST", 0.9691, "one figure",
        "Tanveer, Khan and Kyung 2020, Fine-Tuning DARTS for Image Classification, arXiv 2006.09042",
    ),
)  # fmt: skip
