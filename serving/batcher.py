"""Many callers, one session: what arrived while the last batch ran is the next batch."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, Generic, NamedTuple, TypeVar, cast

import numpy as np

from serving.callers import Caller
from serving.runtime import Pictures
from serving.turns import Backlog, Share

Answers = TypeVar("Answers", bound=Sequence[Any] | np.ndarray[Any, Any])
"""What pictures are answered with: as many, in order, and sliced as they are."""
Told = Callable[[int, float, float], object]


def _untold(_pictures: int, _waited: float, _ran: float) -> None:
    """Nobody asked."""


class _Part(NamedTuple, Generic[Answers]):
    """Some pictures of one caller, who waits for their answers."""

    pictures: Pictures
    caller: Caller[Answers]
    since: float


class Batcher(Generic[Answers]):
    """Runs pictures of concurrent callers together, and hands each caller its own answers.

    Work-conserving: an idle session starts at once with whatever there is, no timer ever holds a picture back, so an
    idle service answers as fast after a burst as before it. Belongs to one event loop.
    """

    def __init__(
        self,
        run: Callable[[Pictures], Answers],
        join: Callable[[Sequence[Answers]], Answers],
        executor: Executor | None,
        *,
        max_batch: int,
        tell: Told = _untold,
    ) -> None:
        """run: (N, 28, 28) uint8 to N answers, called with 1 to max_batch pictures. join: answers one after the other.

        executor: where it is called; None for the event loop itself, which suits a model that takes about a millisecond:
        the batch is then what one turn of the loop brought, and no thread is woken. tell: is told the pictures of each
        batch, how long the oldest waited and how long they took, in seconds.
        """
        self._run, self._join, self._executor = run, join, executor
        self.max_batch, self._tell = max_batch, tell
        self._queue: deque[_Part[Answers]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self.backlog = Backlog(few=max_batch)
        """The pictures that wait, those of the batch that runs among them."""

    async def submit(self, pictures: Pictures) -> Answers:
        """The answers to a caller's pictures, at least one, in order. How many may wait is the callers' to limit."""
        loop = asyncio.get_running_loop()
        parts = range(0, len(pictures), self.max_batch)
        futures: list[asyncio.Future[Answers]] = [loop.create_future() for _ in parts]
        for start, future in zip(parts, futures, strict=True):
            self.offer(pictures[start : start + self.max_batch], future)
        return await futures[0] if len(futures) == 1 else self._join(await asyncio.gather(*futures))

    def offer(self, pictures: Pictures, caller: Caller[Answers]) -> None:
        """Have pictures answered to a caller: one at least, and no more than fit one batch."""
        since = time.perf_counter()
        self._queue.append(_Part(pictures, caller, since))
        self.backlog.come(len(pictures), since)
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        share = Share()
        try:
            while batch := self._next_batch():
                pictures = batch[0].pictures if len(batch) == 1 else np.concatenate([part.pictures for part in batch])
                began = time.perf_counter()
                try:
                    answers, ran = await self._answers(pictures)
                except Exception as error:  # noqa: BLE001  whatever it is, it belongs to those who wait for this batch
                    self.backlog.drop(len(pictures))
                    for part in batch:
                        if not part.caller.done():
                            part.caller.set_exception(error)
                    continue
                self.backlog.done(len(pictures), began + ran)
                self._tell(len(pictures), began - batch[0].since, ran)
                start = 0
                for part in batch:
                    if not part.caller.done():
                        part.caller.set_result(cast("Answers", answers[start : start + len(part.pictures)]))
                    start += len(part.pictures)
                if self._queue:
                    await share.give()
        finally:
            self._worker = None

    async def _answers(self, pictures: Pictures) -> tuple[Answers, float]:
        """The answers, and the seconds that they took."""
        began = time.perf_counter()
        if self._executor:
            answers = await asyncio.get_running_loop().run_in_executor(self._executor, self._run, pictures)
            return answers, time.perf_counter() - began
        answers = self._run(pictures)
        return answers, time.perf_counter() - began

    def _next_batch(self) -> list[_Part[Answers]]:
        """As much of the queue as fits one batch, without what nobody waits for any more."""
        batch, size = [], 0
        while self._queue and size + len(self._queue[0].pictures) <= self.max_batch:
            part = self._queue.popleft()
            if part.caller.done():
                self.backlog.drop(len(part.pictures))
                continue
            batch.append(part)
            size += len(part.pictures)
        return batch
