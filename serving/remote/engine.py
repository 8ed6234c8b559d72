"""A folder's pictures through a service elsewhere: the same rows as here, with a bound on what is under way."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

from serving.folder import journal
from serving.folder.items import Item, TarMember, fetch, source_of
from serving.folder.rows import Rows, Shape
from serving.folder.work import BATCH, Done, Task, write_seen
from serving.outcome import Outcome, Rejection, status
from serving.reading import Limits
from serving.remote.answers import outcomes_of
from serving.remote.faults import ServiceFault, TooMuch
from serving.remote.patience import PATIENCE_S, Abandoned, patiently
from serving.remote.service import Offer, Service

REQUESTS = 4
"""Under way at once. A worker of a service answers one after the other; two a worker are enough that it never waits."""
ENOUGH_BYTES = 8 * 2**20
"""No file is added to a request that has so many; with the last one it is far below what services take."""


class ModelChanged(ServiceFault):
    """Another model answers by the same name now."""


class RemoteEngine:
    """The engine of serving.folder.run that asks a service, some requests at once."""

    grain = 1  # a service answers alike in any company

    def __init__(
        self,
        service: Service,
        offer: Offer,
        limits: Limits,
        shape: Shape,
        *,
        seen: Path | None = None,
        requests: int = REQUESTS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """offer: the model that has to answer, from the first request to the last. limits: of files that are read here."""
        self._service, self._offer, self._limits, self._seen = service, offer, limits, seen
        self._rows = Rows(shape, offer.identity, offer.card)
        self._requests, self._patience_s = requests, patience_s
        self._executor = ThreadPoolExecutor(requests)
        self._should_stop: Callable[[], bool] = lambda: False
        self._is_closed, self._archive = threading.Event(), threading.Lock()

    def done(self, items: Iterator[Item], first: int, should_stop: Callable[[], bool]) -> Iterator[Done]:
        """What becomes of the items, in their order. Ends early where it should stop.

        Raises ServiceFault where the service cannot be asked for too long, or another model answers.
        """
        self._should_stop = should_stop
        under_way = deque[Future[Done]]()
        while True:
            while len(under_way) < 2 * self._requests and not should_stop() and (held := list(islice(items, BATCH))):
                under_way.append(self._executor.submit(self._do, Task(first, held)))
                first += len(held)
            if not under_way:
                return
            try:
                done = under_way.popleft().result()
            except Abandoned:
                return
            yield done

    def close(self) -> None:
        """Let what is under way be answered, and drop the rest."""
        self._is_closed.set()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._service.close()

    def _do(self, task: Task) -> Done:
        began = time.perf_counter()
        items, stamps = deque(task.items), list[str]()
        outcomes: list[Outcome] = []
        while items:
            outcomes += self._outcomes(self._next(items, stamps))
        sources = [source_of(item) for item in task.items]
        if self._seen is not None:
            write_seen(self._seen, task.first, sources, outcomes)
        rows, entries = self._rows.make(sources, outcomes, task.first), journal.entries(sources, stamps)
        return Done(len(task.items), Counter(map(status, outcomes)), rows, entries, time.perf_counter() - began)

    def _next(self, items: deque[Item], stamps: list[str]) -> list[bytes | Rejection]:
        """What the first of the items hold, as much as makes a request. Their stamps are added."""
        group: list[bytes | Rejection] = []
        size = 0
        # Threads that read a compressed archive by turns of one file would have it unpacked from its beginning each time.
        with self._archive if isinstance(items[0], TarMember) else nullcontext():
            while items and size < ENOUGH_BYTES:
                data, stamp = fetch(items.popleft(), self._limits)
                group.append(data)
                stamps.append(stamp)
                size += len(data) if isinstance(data, bytes) else 0
        return group

    def _outcomes(self, group: Sequence[bytes | Rejection]) -> list[Outcome]:
        answered = iter(self._ask([data for data in group if isinstance(data, bytes)]))
        return [next(answered) if isinstance(data, bytes) else data for data in group]

    def _ask(self, files: Sequence[bytes]) -> list[Outcome]:
        """What the service says of some files: in halves, where it does not take so many at once."""
        if not files:
            return []
        try:
            return self._answered(files)
        except TooMuch as refused:
            if len(files) == 1:
                return [Rejection(refused.reason)]
            half = len(files) // 2
            return self._ask(files[:half]) + self._ask(files[half:])

    def _answered(self, files: Sequence[bytes]) -> list[Outcome]:
        name, seen = self._offer.card.name, self._seen is not None
        told = patiently(lambda: self._service.predict(files, name, seen=seen), self._patience_s, self._is_to_stop)
        if told.model != self._offer.identity:
            raise ModelChanged(
                f"{told.model} answers at {self._service.url} now, no longer {self._offer.identity}; "
                "the rows of two models are not mixed"
            )
        return outcomes_of(told.predictions)

    def _is_to_stop(self) -> bool:
        return self._is_closed.is_set() or self._should_stop()
