"""What the champion and its teachers see: the own pictures, others made of them, and what is read of uploads."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Generator, Tensor

from training import augment, data, kept, uploads
from training.data import Images
from training.uploads import Progress

DEFORMED, WORN = 10, 2
"""How often each of the data set's own 55,000 is there deformed, and deformed and worn."""
READ = 2
"""How often an epoch goes through those and what is read of uploads, which the own pictures are among."""
AT_ONCE = 5_000
"""Pictures made at a time; the random numbers depend on it."""


def load(progress: Progress = lambda _done: None) -> Images:
    """All pictures once, the same whatever the training's seed; those that are made are kept.

    progress: is told where some have to be made. Raises data.DataFault.
    """
    read = uploads.load(progress=progress)
    own = data.load("MNIST", "train")[slice(data.VALIDATION_START)]
    return _joined([read, kept.images(_kept_at(), lambda: make(own, progress))])


def epoch(images: Images) -> Images:
    """What an epoch goes through, of `load`'s pictures, with answers or without."""
    read = images[slice(-(DEFORMED + WORN) * data.VALIDATION_START)]
    return _joined([*[read] * (READ - 1), images])


def _joined(parts: list[Images]) -> Images:
    answers = [part.answers for part in parts if part.answers is not None]
    return Images(
        torch.cat([part.pictures for part in parts]),
        torch.cat([part.labels for part in parts]),
        torch.cat(answers) if answers else None,
    )


def key() -> str:
    """What names these pictures: the code that makes them, and what it makes them with."""
    return kept.fingerprint([], _kept_at().name, uploads.kept_at().name)


def _kept_at() -> Path:
    return kept.place(f"copies-{kept.fingerprint([Path(__file__), Path(augment.__file__)])}")


def make(own: Images, progress: Progress) -> Images:
    """DEFORMED and WORN pictures of each own one, in that order."""
    total, made = DEFORMED + WORN, []
    progress(0.0)
    for round_ in range(total):
        made.append(torch.cat(list(_round(own.pictures, round_))))
        progress((round_ + 1) / total)
    return Images(torch.cat(made), own.labels.repeat(total))


def _round(pictures: Tensor, round_: int) -> Iterator[Tensor]:
    generator = Generator().manual_seed(round_)
    for some in pictures.split(AT_ONCE):  # type: ignore[no-untyped-call]
        deformed = augment.deform(some, generator)
        yield augment.wear(deformed, generator) if round_ >= DEFORMED else deformed
