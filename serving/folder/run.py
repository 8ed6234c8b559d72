"""Files to rows: the run over a folder, in batches that are never held longer than it takes to write them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from serving.catalogue import Model
from serving.classifier import classify
from serving.folder.sources import contents
from serving.outcome import answer
from serving.reading import Limits

BATCH = 64

STATUSES = ("digit", "unsure", "not_a_digit", "blank", "rejected")


class Account:
    """How many files were found, and what became of each."""

    def __init__(self) -> None:
        self.found = 0
        self._counts: Counter[str] = Counter()

    def add(self, status: str) -> None:
        """Count one file's row."""
        self._counts[status] += 1

    def __getitem__(self, status: str) -> int:
        return self._counts[status]

    def __str__(self) -> str:
        """The accounting line. Every file that was found has exactly one row."""
        assert self.found == sum(self._counts[status] for status in STATUSES) == self._counts.total()
        return f"{self.found:,} found = " + " + ".join(f"{self._counts[status]:,} {status}" for status in STATUSES)


def predict(
    files: Iterable[Path], model: Model, limits: Limits, write: Callable[[dict[str, Any]], object], account: Account
) -> Iterator[int]:
    """Write one row per file, in their order, and yield the size of each batch as it is written."""
    index = 0
    for batch in _batches(files):
        account.found += len(batch)
        # The files come one by one, so that no more than one is held.
        outcomes = classify((contents(path, limits) for path in batch), model, limits)
        for path, outcome in zip(batch, outcomes, strict=True):
            row = answer(outcome, str(path), index, model.identity, model.card)
            write(row)
            account.add(row["status"])
            index += 1
        yield len(batch)


def _batches(files: Iterable[Path]) -> Iterator[list[Path]]:
    remaining = iter(files)
    while batch := list(islice(remaining, BATCH)):
        yield batch
