"""Workers that take their time and write down when they begin: so that a test can come between."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from serving.folder.pool import Recipe
from serving.folder.work import Done, Task, Worker

TASK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SlowWorker(Worker):
    """Adds a line to a file for each task: its first item, and the process that asked for it."""

    log: Path = Path(os.devnull)

    def __call__(self, task: Task) -> Done:
        with self.log.open("a") as file:
            file.write(f"{task.first} {os.getppid()}\n")
        time.sleep(TASK_SECONDS)
        return Worker.__call__(self, task)


@dataclass(frozen=True, slots=True)
class SlowRecipe(Recipe):
    """How a process makes such a worker."""

    log: Path = Path(os.devnull)

    def make(self) -> Worker:
        made = Recipe.make(self)
        return SlowWorker(made.model, made.limits, made.shape, made.seen, self.log)


def begun(log: Path) -> list[tuple[int, int]]:
    """(first item, process that asked) of each task that was begun, as they were."""
    return [(int(first), int(asker)) for first, asker in map(str.split, log.read_text().splitlines())]
