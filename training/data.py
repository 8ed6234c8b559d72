"""A data set is one uint8 tensor. The files are torchvision's, checked byte by byte."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torchvision
from PIL import Image
from torch import Tensor

DatasetName = Literal["MNIST", "FashionMNIST"]
Split = Literal["train", "test"]

VALIDATION_START = 55_000
"""Images 55,000 to 59,999 of the training split are the validation split of every model and are never fitted."""

SPLIT_STEM: dict[Split, str] = {"train": "train", "test": "t10k"}

# sha256 of the uncompressed files, in the order of FILES. MNIST's are those of LeCun, Cortes and Burges; Fashion-MNIST's
# those of Zalando Research (https://github.com/zalandoresearch/fashion-mnist).
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SHA256: dict[DatasetName, tuple[str, str, str, str]] = {
    "MNIST": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "FashionMNIST": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


class DataFault(Exception):
    """The data set cannot be used; the message names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class Images:
    """Pictures and their labels, on one device.

    pictures: (N, 28, 28) uint8, 0 is paper and 255 is ink.
    labels: (N,) int64, 0 to 9.
    answers: (N, classes) floats, what other networks say of each picture, as probabilities; a network is trained on these
    instead of the labels where there are some.
    """

    pictures: Tensor
    labels: Tensor
    answers: Tensor | None = None

    @property
    def targets(self) -> Tensor:
        """What a loss compares scores with: the answers of other networks, float32, else the labels."""
        return self.labels if self.answers is None else self.answers.float()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: slice) -> "Images":
        return Images(self.pictures[rows], self.labels[rows], None if self.answers is None else self.answers[rows])

    def take(self, rows: Tensor) -> "Images":
        """The images at these rows, in their order."""
        answers = None if self.answers is None else self.answers.index_select(0, rows)
        return Images(self.pictures.index_select(0, rows), self.labels.index_select(0, rows), answers)

    def to(self, device: torch.device) -> "Images":
        """The same images on another device."""
        answers = None if self.answers is None else self.answers.to(device)
        return Images(self.pictures.to(device), self.labels.to(device), answers)


def root() -> Path:
    """Where the data sets lie: DIGITS_DATA, else ~/.cache/digits."""
    return Path(os.environ.get("DIGITS_DATA") or Path.home() / ".cache" / "digits")


def load(name: DatasetName, split: Split, folder: Path | None = None) -> Images:
    """One split, downloaded through torchvision where it is absent, its files verified.

    Raises DataFault where a file is not the published one or the folder cannot be written.
    """
    folder = folder or root()
    if all(path.exists() for path in _raw_files(name, folder)):
        verify(name, folder, split)  # before torchvision, which meets a wrong file with an assertion
    source = torchvision.datasets.MNIST if name == "MNIST" else torchvision.datasets.FashionMNIST
    try:
        images = source(str(folder), train=split == "train", download=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise DataFault(f"{name} could not be read from or downloaded into {folder}: {error}") from error
    verify(name, folder, split)
    return Images(images.data.contiguous(), images.targets.long())


def _raw_files(name: DatasetName, folder: Path) -> list[Path]:
    return [folder / name / "raw" / file for file in FILES]


def verify(name: DatasetName, folder: Path, split: Split | None = None) -> None:
    """Compare the raw files (of one split, or of both) with the published ones; DataFault names the first that differs."""
    for path, expected in zip(_raw_files(name, folder), SHA256[name], strict=True):
        if split is not None and not path.name.startswith(SPLIT_STEM[split]):
            continue
        try:
            actual = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataFault(f"{path} cannot be read: {error.strerror}") from error
        if actual != expected:
            raise DataFault(
                f"{path} is not the published file (sha256 {actual[:12]}…, expected {expected[:12]}…). "
                "Remove it and run again to download it anew."
            )


def fingerprint(name: DatasetName) -> str:
    """One sha256 for the data set: of the four files' hex digests, joined by newlines in the order of FILES."""
    return hashlib.sha256("\n".join(SHA256[name]).encode()).hexdigest()


def training_part(images: Images, count: int, seed: int | None) -> Images:
    """The `count` images that a seed draws from the first 55,000 of the training split; without a seed the first of all."""
    if not 0 < count <= VALIDATION_START:
        raise ValueError(f"a recipe trains on 1 to {VALIDATION_START} images, not {count}")
    if seed is None:
        return images[slice(count)]
    order = torch.randperm(VALIDATION_START, generator=torch.Generator().manual_seed(seed))
    return images.take(order[:count].sort().values)


def validation_part(images: Images) -> Images:
    """The last 5,000 images of the training split."""
    return images[slice(VALIDATION_START, None)]


def write_pngs(images: Images, folder: Path) -> Iterator[Path]:
    """Write each picture as `folder/<label>/<index>.png`, lossless grey; yields the paths as they are written."""
    for label in range(10):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    for index, (picture, label) in enumerate(zip(images.pictures.numpy(), images.labels.tolist(), strict=True)):
        path = folder / str(label) / f"{index:05d}.png"
        Image.fromarray(picture).save(path)
        yield path
