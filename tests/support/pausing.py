"""Workers that take as long for a file as its name says, and write down who did it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from serving.folder.items import Item
from serving.folder.pool import Recipe
from serving.folder.work import Worker
from serving.outcome import Rejection
from serving.reading import Reason

NAP_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class PausingWorker(Worker):
    """Sleeps where a name begins with nap, and refuses whatever it is given."""

    log: Path = Path()

    def _data_of(self, item: Item, stamps: list[str]) -> bytes | Rejection:
        stamps.append("")
        if isinstance(item, str) and item.startswith("nap"):
            time.sleep(NAP_SECONDS)
            with self.log.open("a") as log:
                log.write(f"{os.getpid()}\n")
        return Rejection(Reason.UNREADABLE)


@dataclass(frozen=True, slots=True)
class PausingRecipe(Recipe):
    """How a process makes such a worker."""

    log: Path = Path()

    def make(self) -> Worker:
        made = Recipe.make(self)
        return PausingWorker(made.model, made.limits, made.shape, log=self.log)
