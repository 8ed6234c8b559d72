"""Many processes, one order: tasks are done by whoever is free and come back in their turn."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

from serving.catalogue import load_model
from serving.folder.items import Held, Item, source_of
from serving.folder.rows import Shape
from serving.folder.work import BATCH, Done, Task, Worker
from serving.outcome import Rejection
from serving.reading import Limits, Reason, prepare_process
from serving.settings import CPU, Backend

WAITING = 2
"""Tasks for each process that are under way or waiting: enough that none idles, few enough that nothing piles up."""
SECONDS, MOST = 0.1, 16
"""A task is cut to take about so long, and has so many batches at most."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a process makes its worker: what can be sent to it."""

    model: Path
    """The model's folder."""
    limits: Limits
    shape: Shape
    seen: Path | None = None
    backend: Backend = CPU

    def make(self) -> Worker:
        """Load the model. Raises ModelRefused."""
        return Worker(load_model(self.model, self.backend), self.limits, self.shape, self.seen)


class Cut:
    """Cuts items into tasks of whole batches, as many as take about SECONDS."""

    def __init__(self, items: Iterator[Item], first: int) -> None:
        self._items, self._next, self._batches = items, first, 1

    def __call__(self) -> Task | None:
        """The next task; None where nothing remains."""
        items = list(islice(self._items, self._batches * BATCH))
        task = Task(self._next, items)
        self._next += len(items)
        return task if items else None

    def learn(self, done: Done) -> None:
        """Cut the next ones by how long this one took."""
        if done.seconds > 0:
            wanted = SECONDS / done.seconds * done.items / BATCH
            self._batches = max(1, min(MOST, 2 * self._batches, int(wanted)))


class Pool:
    """Processes that each hold a worker. A task that ends its process costs the file that did it, and nothing else."""

    def __init__(self, recipe: Recipe, processes: int) -> None:
        self._recipe, self._processes = recipe, processes
        self._executor = self._start(processes)

    def done(self, items: Iterator[Item], first: int, should_stop: Callable[[], bool]) -> Iterator[Done]:
        """What becomes of the items, in their order. first: the index of the first. Ends early where it should stop."""
        cut, under_way = Cut(items, first), deque[tuple[Task, Future[Done]]]()
        while True:
            while len(under_way) < WAITING * self._processes and not should_stop() and (task := cut()):
                under_way.append((task, self._executor.submit(_do, task)))
            if not under_way:
                return
            task, future = under_way.popleft()
            try:
                done = future.result()
            except BrokenProcessPool:
                done = self._without_what_breaks(task)
                # The others were lost with it, whoever's fault it was.
                under_way = deque((task, self._executor.submit(_do, task)) for task, _ in under_way)
            cut.learn(done)
            yield done

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self, processes: int) -> ProcessPoolExecutor:
        executor = ProcessPoolExecutor(
            processes, mp_context=get_context("spawn"), initializer=_prepare, initargs=(self._recipe,)
        )
        with _deaf_to_ctrl_c():  # and so are its processes: whoever started them decides what it means
            for _ in range(processes):
                executor.submit(_idle)
        return executor

    def _without_what_breaks(self, task: Task) -> Done:
        """Do a task that may have ended its process: alone, and then without the files that do so."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._start(1)
        try:
            items: Sequence[Item] = task.items
            while True:
                try:
                    return self._executor.submit(_do, Task(task.first, items)).result()
                except BrokenProcessPool:
                    items = self._mended(items)
        finally:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = self._start(self._processes)

    def _mended(self, items: Sequence[Item]) -> list[Item]:
        """The items, with those that end a process replaced by their refusal: halves of halves, each tried alone."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._start(1)
        if len(items) == 1:
            return [Held(source_of(items[0]), Rejection(Reason.CRASHED))]
        half = len(items) // 2
        mended: list[Item] = []
        for part in (items[:half], items[half:]):
            try:
                self._executor.submit(_do, Task(0, part)).result()
                mended += part
            except BrokenProcessPool:
                mended += self._mended(part)
        return mended


_worker: Worker | None = None


def _prepare(recipe: Recipe) -> None:
    """Make this process's worker, and end the process with the one that started it, however that ends."""
    global _worker  # noqa: PLW0603  the one thing a process of a pool has
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare_process()
    _worker = recipe.make()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _idle() -> None:
    """Makes a process start."""


def _do(task: Task) -> Done:
    assert _worker is not None
    return _worker(task)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
