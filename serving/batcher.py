"""Many callers, one session: what arrived while the last batch ran is the next batch."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from serving.runtime import WIDTH, Pictures, Rows


class Batcher:
    """Runs pictures of concurrent callers together, and hands each caller its own rows.

    Work-conserving: an idle session starts at once with whatever there is, no timer ever holds a picture back, so an
    idle service answers as fast after a burst as before it. Belongs to one event loop.
    """

    def __init__(self, run: Callable[[Pictures], Rows], executor: Executor, *, max_batch: int) -> None:
        """run: (N, 28, 28) uint8 to (N, 11) float32, called in the executor with at most max_batch pictures."""
        self._run, self._executor = run, executor
        self._max_batch = max_batch
        self._queue: deque[tuple[Pictures, asyncio.Future[Rows]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, pictures: Pictures) -> Rows:
        """The rows of a caller's pictures, in order. How many may wait is the callers' to limit."""
        if not len(pictures):
            return np.empty((0, WIDTH), np.float32)
        loop = asyncio.get_running_loop()
        parts = [pictures[start : start + self._max_batch] for start in range(0, len(pictures), self._max_batch)]
        futures: list[asyncio.Future[Rows]] = [loop.create_future() for _ in parts]
        self._queue.extend(zip(parts, futures, strict=True))
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        return np.concatenate(await asyncio.gather(*futures))

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while batch := self._next_batch():
                pictures = np.concatenate([part for part, _ in batch])
                try:
                    rows = await loop.run_in_executor(self._executor, self._run, pictures)
                except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait for this batch
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                    continue
                start = 0
                for part, future in batch:
                    if not future.done():
                        future.set_result(rows[start : start + len(part)])
                    start += len(part)
        finally:
            self._worker = None

    def _next_batch(self) -> list[tuple[Pictures, asyncio.Future[Rows]]]:
        """As much of the queue as fits one batch, without what nobody waits for any more."""
        batch, size = [], 0
        while self._queue and size + len(self._queue[0][0]) <= self._max_batch:
            part, future = self._queue.popleft()
            if not future.done():
                batch.append((part, future))
                size += len(part)
        return batch
