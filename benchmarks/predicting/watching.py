"""What a tree of processes holds at most while something runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from started import tree

from benchmarks.load.processes import EVERY_S, GONE, pss_bytes


@dataclass(slots=True)
class Seen:
    """The most that was seen."""

    all_bytes: int = 0
    """Of all processes together, PSS summed."""
    first_bytes: int = 0
    """Of the first of them: its resident memory at most, VmHWM, also between two looks."""
    largest_bytes: int = 0
    """Of any one of them, likewise. (ru_maxrss would count what a program's parent held when it was started.)"""


@contextmanager
def watched(pids: list[int]) -> Iterator[Seen]:
    """Look every EVERY_S seconds, within the block, at these processes and all below them."""
    seen, over = Seen(), threading.Event()

    def watch() -> None:
        while True:
            everybody = [one for pid in pids for one in tree(pid)]
            seen.all_bytes = max(seen.all_bytes, pss_bytes(everybody))
            seen.first_bytes = max(seen.first_bytes, _most_resident(pids[0]))
            seen.largest_bytes = max([seen.largest_bytes, *map(_most_resident, everybody)])
            if over.wait(EVERY_S):
                return

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _most_resident(pid: int) -> int:
    with suppress(*GONE):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
