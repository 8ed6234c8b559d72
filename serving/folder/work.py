"""What one process does: items in, rows out. Nothing of it depends on what other processes do."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import NamedTuple

from serving.catalogue import Model
from serving.classifier import classify
from serving.folder import journal
from serving.folder.items import Item, fetch, source_of
from serving.folder.rows import Rows, Shape
from serving.outcome import Outcome, Rejection, status
from serving.reading import Limits, png

BATCH = 64
"""Items that the model answers together, at most."""
GRAIN = 8
"""Tasks begin and end at multiples of so many items: as evenly can processes share a folder of large photos."""


class Task(NamedTuple):
    """Some items in their order."""

    first: int
    """The index of its first item."""
    items: Sequence[Item]
    seconds: float = inf
    """After so long no more of them are begun. Then the model may be given a batch that another run has otherwise."""


class Done(NamedTuple):
    """What a task gave."""

    items: int
    """How many are done: all, or the first of them where there was no time for more."""
    counts: Counter[str]
    """By status."""
    rows: bytes
    entries: bytes
    """The journal's."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Worker:
    """Answers tasks with one model."""

    model: Model
    limits: Limits
    shape: Shape
    seen: Path | None = None
    """A folder for the 28x28 pictures."""

    def __call__(self, task: Task) -> Done:
        """Do a task, or as much of it as there is time for."""
        began = time.perf_counter()
        rows, counts, written, entries = Rows(self.shape, self.model.identity, self.model.card), Counter[str](), [], []
        answered = 0
        for start in range(0, len(task.items), BATCH):
            items, stamps = task.items[start : start + BATCH], list[str]()
            outcomes = classify(self._contents(items, stamps, began + task.seconds), self.model, self.limits)
            sources = [source_of(item) for item in items[: len(outcomes)]]
            counts.update(map(status, outcomes))
            written.append(rows.make(sources, outcomes, task.first + start))
            entries.append(journal.entries(sources, stamps))
            if self.seen is not None:
                write_seen(self.seen, task.first + start, sources, outcomes)
            answered += len(outcomes)
            if time.perf_counter() > began + task.seconds:
                break
        return Done(answered, counts, b"".join(written), b"".join(entries), time.perf_counter() - began)

    def _contents(self, items: Sequence[Item], stamps: list[str], until: float) -> Iterator[bytes | Rejection]:
        for place, item in enumerate(items):
            if place and place % GRAIN == 0 and time.perf_counter() > until:
                return
            yield self._data_of(item, stamps)

    def _data_of(self, item: Item, stamps: list[str]) -> bytes | Rejection:
        data, stamp = fetch(item, self.limits)
        stamps.append(stamp)
        return data


def seen_name(index: int, source: str) -> str:
    """What the 28x28 picture of a row is called: its place, which sorts, and its name, made harmless."""
    stem = source.rpartition("/")[2].partition(".")[0]
    return f"{index:08d}-{''.join(one if one.isalnum() or one in '-_' else '_' for one in stem)[:80]}.png"


def write_seen(folder: Path, first: int, sources: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    """Write the 28x28 pictures of some rows. first: the index of the first of them. Raises OSError."""
    for index, (source, outcome) in enumerate(zip(sources, outcomes, strict=True), start=first):
        if not isinstance(outcome, Rejection):
            (folder / seen_name(index, source)).write_bytes(png(outcome.picture))
