"""The official test split of a model's data set, where it lies on this machine."""

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from serving.card import Card
from serving.runtime import Pictures

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""As torchvision lays them down, below NAME/raw; a card's sha256 is of all four."""
Labels = npt.NDArray[np.uint8]
"""(N,), 0 to 9."""
IMAGES_HEAD, LABELS_HEAD = 16, 8
"""Bytes before the first picture and the first label, in MNIST's format."""


class DataMissing(Exception):
    """There is no test set of a model here; the message says why."""


class Labelled(NamedTuple):
    """Pictures and what they are."""

    pictures: Pictures
    labels: Labels


def folder_of(option: Path | None) -> Path:
    """Where data sets are: the option, else DIGITS_DATA, else ~/.cache/digits."""
    return option or Path(os.environ.get("DIGITS_DATA") or Path.home() / ".cache" / "digits")


def load(folder: Path, card: Card) -> Labelled:
    """The test set that a card's figures are of. Raises DataMissing unless its files are those that the card names."""
    return _load(folder / card.dataset["name"] / "raw", card.dataset["sha256"])


@cache
def _load(folder: Path, sha256: str) -> Labelled:
    try:
        contents = [(folder / name).read_bytes() for name in FILES]
    except OSError as error:
        raise DataMissing(f"{error.filename}: {error.strerror}") from error
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    if hashlib.sha256("\n".join(digests).encode()).hexdigest() != sha256:
        raise DataMissing(f"{folder} does not hold the files that the cards name")
    images, labels = contents[2:]
    pictures = np.frombuffer(images, np.uint8, offset=IMAGES_HEAD).reshape(-1, 28, 28)
    return Labelled(pictures, np.frombuffer(labels, np.uint8, offset=LABELS_HEAD))
