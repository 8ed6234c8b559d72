"""Workers that some files end, as a decoder's own crash would: by what the files hold, so in whichever process."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from serving.folder.items import Item, fetch
from serving.folder.pool import Recipe
from serving.folder.work import Worker
from serving.outcome import Rejection

ABORTS, KILLED, ONCE = b"abort", b"kill", b"once"


@dataclass(frozen=True, slots=True)
class CrashingWorker(Worker):
    """Ends its process at a file that says so."""

    def _data_of(self, item: Item, stamps: list[str]) -> bytes | Rejection:
        data, stamp = fetch(item, self.limits)
        stamps.append(stamp)
        if data == ABORTS:
            os.abort()
        if data == KILLED:  # as the system does where memory is short
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)
        if data == ONCE and isinstance(item, str):
            Path(item).write_bytes(b"not again")
            os.abort()
        return data


@dataclass(frozen=True, slots=True)
class CrashingRecipe(Recipe):
    """How a process makes such a worker."""

    def make(self) -> Worker:
        made = Recipe.make(self)
        return CrashingWorker(made.model, made.limits, made.shape, made.seen)


@dataclass(frozen=True, slots=True)
class StillbornRecipe(Recipe):
    """How a process makes none."""

    def make(self) -> Worker:
        os.abort()
