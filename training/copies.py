"""What champions and their teachers see: own pictures, others made of them, and of digits what is read of uploads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor

from training import augment, data, kept, uploads
from training.data import DatasetName, Images
from training.uploads import Progress

AT_ONCE = 5_000
"""Pictures made at a time; the random numbers depend on it."""

Change = Callable[[Tensor, Generator], Tensor]
"""Pictures (N, 28, 28) uint8 and random numbers to the same pictures changed."""


def worn(pictures: Tensor, generator: Generator) -> Tensor:
    """A bad copy of a digit of another hand."""
    return augment.wear(augment.deform(pictures, generator), generator)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is made of a data set."""

    changes: tuple[Change, ...]
    """Each gives a copy of each of the data set's own 55,000."""
    has_uploads: bool
    """Whether what is read of uploads made of them is there, too."""
    read: int
    """How often an epoch goes through the own pictures, and what is read of uploads of them; through copies it goes once."""


PLANS: dict[DatasetName, Plan] = {
    "MNIST": Plan((augment.deform,) * 10 + (worn,) * 2, has_uploads=True, read=2),
    "FashionMNIST": Plan((augment.lay,) * 20, has_uploads=False, read=1),
}


def load(dataset: DatasetName, progress: Progress = lambda _done: None) -> Images:
    """All pictures once, the same whatever the training's seed; those that are made are kept.

    progress: is told where some have to be made. Raises data.DataFault.
    """
    plan, own = PLANS[dataset], data.load(dataset, "train")[slice(data.VALIDATION_START)]
    read = uploads.load(progress=progress) if plan.has_uploads else own
    made = kept.images(_kept_at(dataset), lambda: make(own, plan.changes, progress))
    return _joined([read, made])


def epoch(dataset: DatasetName, images: Images) -> Images:
    """What an epoch goes through, of `load`'s pictures, with answers or without."""
    plan = PLANS[dataset]
    read = images[slice(-len(plan.changes) * data.VALIDATION_START)]
    return _joined([*[read] * (plan.read - 1), images])


def _joined(parts: list[Images]) -> Images:
    answers = [part.answers for part in parts if part.answers is not None]
    return Images(
        torch.cat([part.pictures for part in parts]),
        torch.cat([part.labels for part in parts]),
        torch.cat(answers) if answers else None,
    )


def key(dataset: DatasetName) -> str:
    """What names these pictures: the code that makes them, and what it makes them with."""
    return kept.fingerprint([], _kept_at(dataset).name, uploads.kept_at().name if PLANS[dataset].has_uploads else "")


def _kept_at(dataset: DatasetName) -> Path:
    return kept.place(f"copies-{dataset}-{kept.fingerprint([Path(__file__), Path(augment.__file__)])}")


def make(own: Images, changes: tuple[Change, ...], progress: Progress) -> Images:
    """A picture of each own one by each change, in that order."""
    made: list[Tensor] = []
    progress(0.0)
    for round_, change in enumerate(changes):
        made.append(torch.cat(list(_round(own.pictures, round_, change))))
        progress((round_ + 1) / len(changes))
    return Images(torch.cat(made), own.labels.repeat(len(changes)))


def _round(pictures: Tensor, round_: int, change: Change) -> Iterator[Tensor]:
    generator = Generator().manual_seed(round_)
    for some in pictures.split(AT_ONCE):  # type: ignore[no-untyped-call]
        yield change(some, generator)
