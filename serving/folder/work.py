"""What one process does: items in, rows out. Nothing of it depends on what other processes do."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
"""Items that the model answers together. They are the same ones in every run, so that a run's last bit is too."""


class Task(NamedTuple):
    """Some whole batches, in their order; only a run's last batch may be shorter."""

    first: int
    """The index of its first item."""
    items: Sequence[Item]


class Done(NamedTuple):
    """What a task gave."""

    items: int
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
        """Do a task."""
        began = time.perf_counter()
        rows, counts, written, entries = Rows(self.shape, self.model.identity, self.model.card), Counter[str](), [], []
        for start in range(0, len(task.items), BATCH):
            items, first = task.items[start : start + BATCH], task.first + start
            stamps: list[str] = []
            outcomes = classify((self._data_of(item, stamps) for item in items), self.model, self.limits)
            sources = [source_of(item) for item in items]
            counts.update(map(status, outcomes))
            written.append(rows.make(sources, outcomes, first))
            entries.append(journal.entries(sources, stamps))
            if self.seen is not None:
                _write_seen(self.seen, first, sources, outcomes)
        return Done(len(task.items), counts, b"".join(written), b"".join(entries), time.perf_counter() - began)

    def _data_of(self, item: Item, stamps: list[str]) -> bytes | Rejection:
        data, stamp = fetch(item, self.limits)
        stamps.append(stamp)
        return data


def seen_name(index: int, source: str) -> str:
    """What the 28x28 picture of a row is called: its place, which sorts, and its name, made harmless."""
    stem = source.rpartition("/")[2].partition(".")[0]
    return f"{index:08d}-{''.join(one if one.isalnum() or one in '-_' else '_' for one in stem)[:80]}.png"


def _write_seen(folder: Path, first: int, sources: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    for index, (source, outcome) in enumerate(zip(sources, outcomes, strict=True), start=first):
        if not isinstance(outcome, Rejection):
            (folder / seen_name(index, source)).write_bytes(png(outcome.picture))
