"""Workers that write down when they begin, and wait while they are held: so that a test can come between."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from serving.folder.pool import Recipe
from serving.folder.work import Done, Task, Worker

HELD_SECONDS = 60
"""At most, so that a test that fails does not leave them waiting."""


@dataclass(frozen=True, slots=True)
class HeldWorker(Worker):
    """Adds a line to a log for each task: its first item, and the process that asked for it.

    Tasks from the item `held_from` on wait as long as there is a file `hold`.
    """

    log: Path = Path(os.devnull)
    hold: Path = Path(os.devnull)
    held_from: int = 0

    def __call__(self, task: Task) -> Done:
        with self.log.open("a") as file:
            file.write(f"{task.first} {os.getppid()}\n")
        until = time.monotonic() + HELD_SECONDS
        while task.first >= self.held_from and self.hold.is_file() and time.monotonic() < until:
            time.sleep(0.01)
        return Worker.__call__(self, task)


@dataclass(frozen=True, slots=True)
class HeldRecipe(Recipe):
    """How a process makes such a worker."""

    log: Path = Path(os.devnull)
    hold: Path = Path(os.devnull)
    held_from: int = 0

    def make(self) -> Worker:
        made = Recipe.make(self)
        return HeldWorker(made.model, made.limits, made.shape, made.seen, self.log, self.hold, self.held_from)


def begun(log: Path) -> list[tuple[int, int]]:
    """(first item, process that asked) of each task that was begun, as they were."""
    return [(int(first), int(asker)) for first, asker in map(str.split, log.read_text().splitlines())]
