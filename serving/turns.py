"""Whose turn it is in an event loop that has more to do than time, and how long those who wait will wait.

A turn of the loop is as long as what it brought: thousands of requests, most of them to be refused, or one. Work that went
on for a fixed time in each turn would stand still beside the refusals, and work that went on to its end would stop them.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from serving.callers import Caller

Result = TypeVar("Result")

SHORTEST_S, LONGEST_S = 0.005, 0.1
"""Of work in the event loop, before everything else has its turn."""
MEMORY_S = 0.5
"""Of work, after which what was seen before counts half."""


class Share:
    """How long work may go on: as long as everything else had the loop before, within bounds."""

    def __init__(self, first_s: float = 0.0) -> None:
        """first_s: how long work may go on before anything else has had its turn."""
        self._ends = time.perf_counter() + first_s

    async def give(self) -> None:
        """Let everything else have its turn where this one is over."""
        left = time.perf_counter()
        if left < self._ends:
            return
        await asyncio.sleep(0)
        back = time.perf_counter()
        self._ends = back + min(max(back - left, SHORTEST_S), LONGEST_S)


class Backlog:
    """Work that waits in one place, in whatever unit, and the pace at which such work is done while some waits.

    The pace is of the clock, not of the processor: what else the loop has to do delays who waits, too.
    """

    def __init__(self, few: int) -> None:
        """few: units that are nothing to wait for, whatever was seen, as a pace seen once may be a hiccup's."""
        self._few = few
        self._waiting = 0
        self._since = self._seconds = self._units = 0.0

    @property
    def wait_s(self) -> float:
        """How long what waits will take, by estimate; 0 where nothing or little waits."""
        return self._waiting * self._seconds / self._units if self._waiting > self._few and self._units else 0.0

    def come(self, units: int, now: float) -> None:
        """Work waits from now on. now: of time.perf_counter."""
        if not self._waiting:
            self._since = now
        self._waiting += units

    def done(self, units: int, now: float) -> None:
        """Some of it is done."""
        took, self._since = now - self._since, now
        kept = MEMORY_S / (MEMORY_S + took)
        self._seconds, self._units = kept * self._seconds + took, kept * self._units + units
        self._waiting -= units

    def drop(self, units: int) -> None:
        """Nobody waits any more for some of it."""
        self._waiting -= units


class Turns:
    """Short pieces of work in one event loop, in the order in which they are asked for, together a share of its time.

    What one turn of the loop asks for is done in the next, all at once: work of one kind after the other takes half of the
    time that it takes between work of other kinds, as the processor has its code and its tables at hand.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[Callable[[], Any], Caller[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    def offer(self, work: Callable[[], Result], caller: Caller[Result]) -> None:
        """Have a piece of work done when it has its turn; the caller gets what it gives, or raises."""
        self._queue.append((work, caller))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def run(self, work: Callable[[], Result]) -> Result:
        """What a piece of work gives, or raises, when it has had its turn."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self.offer(work, future)
        return await future

    async def _work(self) -> None:
        share = Share(SHORTEST_S)
        try:
            while self._queue:
                await share.give()
                work, caller = self._queue.popleft()
                if caller.done():
                    continue
                try:
                    result = work()
                except Exception as error:  # noqa: BLE001  whatever it is, it belongs to who waits for this piece
                    caller.set_exception(error)
                else:
                    caller.set_result(result)
        finally:
            self._worker = None
