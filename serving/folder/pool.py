"""Many processes, one order: tasks are done by whoever is free and come back in their turn."""

import errno
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from math import inf
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Literal

from serving.catalogue import load_model
from serving.folder.items import Item, Refused, source_of, stamp_of
from serving.folder.rows import Shape
from serving.folder.work import BATCH, GRAIN, Done, Task, Worker
from serving.outcome import Rejection
from serving.reading import Limits, Reason, prepare_process
from serving.runtime.onnx import may_have_cuda
from serving.settings import CPU, Backend

WAITING = 2
"""Tasks for each process that are under way or waiting: enough that none idles, few enough that nothing piles up."""
SECONDS, MOST = 0.05, 16
"""A task is cut to take about so long, and has so many batches at most."""
PATIENCE_SECONDS = 0.2
"""What is left of a task after so long is cut anew, as thumbnails may be followed by photos."""
ATTEMPTS = 3
CRASHED = Rejection(Reason.CRASHED)


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
    """Cuts items into tasks that take about SECONDS, going by how long the last ones took."""

    def __init__(self, items: Iterator[Item], first: int, grain: int) -> None:
        """grain: of how many items a task has a multiple. Where they are no batch, it may be given back unfinished."""
        self._items, self._next, self._grain = items, first, grain
        self._patience = PATIENCE_SECONDS if grain < BATCH else inf
        self._length = grain

    def __call__(self) -> Task | None:
        """The next task; None where nothing remains."""
        task = Task(self._next, list(islice(self._items, self._length)), self._patience)
        self._next += len(task.items)
        return task if task.items else None

    def rest(self, task: Task, done: Done) -> Iterator[Task]:
        """What there was no time for, as tasks of the length that is right by now."""
        for start in range(done.items, len(task.items), self._length):
            yield Task(task.first + start, task.items[start : start + self._length], self._patience)

    def learn(self, done: Done) -> None:
        """Cut the next ones by how long this one took."""
        if done.seconds > 0:
            wanted = int(SECONDS / done.seconds * done.items / self._grain) * self._grain
            self._length = max(self._grain, min(MOST * BATCH, 2 * self._length, wanted))


class Pool:
    """Processes that each hold a worker. A task that ends its process costs the file that did it, and nothing else."""

    def __init__(self, recipe: Recipe, processes: int, *, fork: bool = False) -> None:
        """fork: begin with copies of this process, which has imported all there is, if no other thread is in it."""
        self._recipe, self._processes = recipe, processes
        is_plain = _is_plain(recipe.backend)
        self.grain = GRAIN if is_plain else BATCH
        may_fork = is_plain and sys.platform == "linux" and threading.active_count() == 1
        self._executor = self._start(processes, "fork" if fork and may_fork else "spawn")

    def done(self, items: Iterator[Item], first: int, should_stop: Callable[[], bool]) -> Iterator[Done]:
        """What becomes of the items, in their order. first: the index of the first. Ends early where it should stop.

        Raises OSError where no process can be kept.
        """
        cut, under_way = Cut(items, first, self.grain), deque[tuple[Task, Future[Done]]]()
        while True:
            while len(under_way) < WAITING * self._processes and not should_stop() and (task := cut()):
                under_way.append((task, self._submit(task)))
            if not under_way:
                return
            task, future = under_way.popleft()
            try:
                done = future.result()
            except BrokenProcessPool:
                done = self._without_what_breaks(task)
                # The others were lost with it, whoever's fault it was.
                under_way = deque((task, self._submit(task)) for task, _ in under_way)
            cut.learn(done)
            if done.items < len(task.items):
                if should_stop():
                    yield done
                    return
                under_way.extendleft(reversed([(rest, self._submit(rest)) for rest in cut.rest(task, done)]))
            yield done

    def close(self) -> None:
        """End the processes; what they have not begun is dropped."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self, processes: int, method: Literal["fork", "spawn"] = "spawn") -> ProcessPoolExecutor:
        executor = ProcessPoolExecutor(
            processes, mp_context=get_context(method), initializer=_prepare, initargs=(self._recipe,)
        )
        with _deaf_to_ctrl_c(), warnings.catch_warnings():  # its processes are deaf too: who started them decides
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads: the libraries' idle ones
            for _ in range(processes):
                executor.submit(_idle)
        return executor

    def _restart(self, processes: int) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = self._start(processes)

    def _submit(self, task: Task) -> Future[Done]:
        """Have a task done; where a process has just ended, the future says so in its turn."""
        try:
            return self._executor.submit(_do, task)
        except BrokenProcessPool as error:
            broken = Future[Done]()
            broken.set_exception(error)
            return broken

    def _without_what_breaks(self, task: Task) -> Done:
        """Do a task that may have ended its process: alone, and then without the files that do so."""
        self._restart(1)
        try:
            items, in_vain = list(task.items), 0
            while (done := self._tried(Task(task.first, items))) is None:
                before, items = items, self._mended(Task(task.first, items))
                in_vain += items == before  # a lack of memory, perhaps: that may pass
                if in_vain == ATTEMPTS:
                    raise ChildProcessError(errno.ECHILD, f"the processes end at {source_of(items[0])} or soon after")
            return done
        finally:
            self._restart(self._processes)

    def _mended(self, task: Task) -> list[Item]:
        """The items of a task that ends its process, those that do it alone replaced by their refusal."""
        return [
            item if self._tried(Task(index, [item])) else Refused(source_of(item), stamp_of(item), CRASHED)
            for index, item in enumerate(task.items, start=task.first)
        ]

    def _tried(self, task: Task) -> Done | None:
        """What a task gives; None where it ends its process. Raises OSError where a process ends before any task."""
        try:
            return self._executor.submit(_do, task).result()
        except BrokenProcessPool:
            self._restart(1)
        try:
            self._executor.submit(_idle).result()
        except BrokenProcessPool:
            raise ChildProcessError(errno.ECHILD, "a process ends before it can do anything") from None
        return None


def _is_plain(backend: Backend) -> bool:
    """Whether ONNX Runtime on the CPU runs the models.

    Their answers are then the same to the bit in a batch of any size, and a copy of a process can run them; of one that has
    used CUDA, or torch's threads, it cannot.
    """
    return backend.runtime == "onnx" and (backend.device == "cpu" or not may_have_cuda())


_worker: Worker | None = None


def _prepare(recipe: Recipe) -> None:
    """Make this process's worker, and end the process with the one that started it, however that ends."""
    global _worker  # noqa: PLW0603  the one thing a process of a pool has
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
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
