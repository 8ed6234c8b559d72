"""Many callers, one session: what arrived while the last batch ran is the next batch."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from serving.runtime import WIDTH, Pictures, Rows

Told = Callable[[int, float, float], object]


def _untold(_pictures: int, _waited: float, _ran: float) -> None:
    """Nobody asked."""


class _Part(NamedTuple):
    """Some pictures of one caller, who waits for their rows."""

    pictures: Pictures
    future: asyncio.Future[Rows]
    since: float


class Batcher:
    """Runs pictures of concurrent callers together, and hands each caller its own rows.

    Work-conserving: an idle session starts at once with whatever there is, no timer ever holds a picture back, so an
    idle service answers as fast after a burst as before it. Belongs to one event loop.
    """

    def __init__(
        self, run: Callable[[Pictures], Rows], executor: Executor | None, *, max_batch: int, tell: Told = _untold
    ) -> None:
        """run: (N, 28, 28) uint8 to (N, 11) float32, called with at most max_batch pictures.

        executor: where it is called; None for the event loop itself, which suits a model that takes about a millisecond:
        the batch is then what one turn of the loop brought, and no thread is woken. tell: is told the pictures of each
        batch, how long the oldest waited and how long they took, in seconds.
        """
        self._run, self._executor = run, executor
        self._max_batch, self._tell = max_batch, tell
        self._queue: deque[_Part] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, pictures: Pictures) -> Rows:
        """The rows of a caller's pictures, in order. How many may wait is the callers' to limit."""
        if not len(pictures):
            return np.empty((0, WIDTH), np.float32)
        loop, since = asyncio.get_running_loop(), time.perf_counter()
        parts = [
            _Part(pictures[start : start + self._max_batch], loop.create_future(), since)
            for start in range(0, len(pictures), self._max_batch)
        ]
        self._queue.extend(parts)
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        if len(parts) == 1:
            return await parts[0].future
        return np.concatenate(await asyncio.gather(*(part.future for part in parts)))

    async def _work(self) -> None:
        try:
            while batch := self._next_batch():
                pictures = batch[0].pictures if len(batch) == 1 else np.concatenate([part.pictures for part in batch])
                began = time.perf_counter()
                try:
                    rows, ran = await self._rows(pictures)
                except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait for this batch
                    for part in batch:
                        if not part.future.done():
                            part.future.set_exception(error)
                    continue
                self._tell(len(pictures), began - batch[0].since, ran)
                start = 0
                for part in batch:
                    if not part.future.done():
                        part.future.set_result(rows[start : start + len(part.pictures)])
                    start += len(part.pictures)
                await asyncio.sleep(0)  # whoever waits for the loop comes before the next batch
        finally:
            self._worker = None

    async def _rows(self, pictures: Pictures) -> tuple[Rows, float]:
        """The rows, and the seconds that they took."""
        began = time.perf_counter()
        if self._executor:
            rows = await asyncio.get_running_loop().run_in_executor(self._executor, self._run, pictures)
            return rows, time.perf_counter() - began
        rows = self._run(pictures)
        return rows, time.perf_counter() - began

    def _next_batch(self) -> list[_Part]:
        """As much of the queue as fits one batch, without what nobody waits for any more."""
        batch, size = [], 0
        while self._queue and size + len(self._queue[0].pictures) <= self._max_batch:
            part = self._queue.popleft()
            if not part.future.done():
                batch.append(part)
                size += len(part.pictures)
        return batch
