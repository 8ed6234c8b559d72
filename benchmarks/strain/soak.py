"""A long time at most of what a service can do: whether it grows, leaves files, or fails."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from started import Started

from benchmarks.load.bars import Bar
from benchmarks.load.bodies import Requests
from benchmarks.load.processes import pss_bytes, settle
from benchmarks.strain.load import READ, loading
from benchmarks.strain.overload import MEGABYTE, capacity

SHARE = 0.8
"""Of the capacity."""
CONNECTIONS = 256
SAMPLES = 120
"""Of memory at most; one every EVERY_S seconds where there would be more."""
EVERY_S = 5.0
WARM = 0.1
"""The share of the time that is taken for warming up, and that the end is averaged over."""
MOST_GROWTH = 0.05


class StartIn(Protocol):
    """Starts a service whose temporary files go to a folder."""

    def __call__(self, temporary: Path) -> AbstractContextManager[Started]:
        """Until the end of the block."""


@dataclass(frozen=True, slots=True)
class Soak:
    """One soak."""

    seconds: float
    due: float
    """Requests a second."""
    counts: dict[str, int]
    unsent: int
    latency_ms: dict[str, float]
    start_mb: float
    """PSS of all processes, averaged over the share WARM of the time after as much for warming up."""
    end_mb: float
    """Averaged over the last share WARM."""
    slope_mb_per_hour: float
    """Of the line through all samples after warming up."""
    samples: list[tuple[float, float]]
    """Seconds since the load began, and MB."""
    new_files: list[str]
    """In the temporary folder, at the end of the load and not at its beginning."""
    left_files: list[str]
    """In it after the service has ended."""


def soak(start: StartIn, requests: Requests, temporary: Path, *, seconds: float, measure_s: float) -> Soak:
    """Load a service for so long. temporary: an empty folder for its files. measure_s: how long capacity is measured."""
    with start(temporary) as server:
        settle(server.pids)
        due = SHARE * capacity(server, requests, measure_s)
        before = _files(temporary)
        samples: list[tuple[float, float]] = []
        over = threading.Event()
        with loading(server, requests, connections=CONNECTIONS, seconds=seconds, rate=due) as running:
            watcher = threading.Thread(target=_watch, args=(server, samples, min(EVERY_S, seconds / SAMPLES), over))
            watcher.start()
            over.wait(seconds)
            over.set()
            watcher.join()
        new = _files(temporary) - before
    load, times, sizes = running.load, *np.array(samples).T
    after_warming, first = times >= WARM * seconds, times < 2 * WARM * seconds
    (slope, _) = np.polyfit(times[after_warming], sizes[after_warming], 1)
    return Soak(
        seconds=seconds,
        due=due,
        counts=load.counts(),
        unsent=load.unsent,
        latency_ms=load.latency_ms(READ),
        start_mb=float(sizes[after_warming & first].mean()),
        end_mb=float(sizes[times >= (1 - WARM) * seconds].mean()),
        slope_mb_per_hour=float(slope) * 3600,
        samples=samples,
        new_files=sorted(new),
        left_files=sorted(_files(temporary)),
    )


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _watch(server: Started, samples: list[tuple[float, float]], every_s: float, over: threading.Event) -> None:
    began = time.monotonic()
    while True:
        samples.append((time.monotonic() - began, pss_bytes(server.pids()) / MEGABYTE))
        if over.wait(every_s):
            return


def bars(one: Soak) -> Iterator[Bar]:
    """What is asked of it."""
    failed = sum(count for status, count in one.counts.items() if status != "200")
    yield Bar("soak: requests without an answer of 200", float(failed), most=0)
    yield Bar("soak: growth of memory, share", one.end_mb / one.start_mb - 1, most=MOST_GROWTH)
    yield Bar("soak: files left in the temporary folder", float(len(one.left_files)), most=0)
