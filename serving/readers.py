"""Where one worker reads files: a few small ones at once between two turns of the event loop, larger ones in threads."""

import asyncio
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple

from serving.callers import Caller
from serving.classifier import Read, read_all
from serving.reading import Limits, ReadingKind
from serving.reading.extent import extent
from serving.turns import Backlog, Turns

QUICK_PIXELS, QUICK_BYTES = 256 * 256, 256 * 1024
"""Files of at most so much are read in the event loop: a few hundred microseconds, less than a thread's turn."""
DECODERS = 2
"""Threads that decode in one worker: Pillow and OpenCV let go of the interpreter while they work."""
LARGE_PIXELS = 8 * 10**6
"""Pictures of more are decoded one at a time in one worker: of 25 megapixels with transparency each takes 200 MB."""

FILE_PIXELS = 16384
"""Pixels whose reading takes about as long as what a file costs beside them. The unit of work is a pixel."""
TURN = 32 * FILE_PIXELS
"""Work of one request before others have their turn, if it is more than one file: some milliseconds at most."""
FEW = 64 * FILE_PIXELS
"""Work that may always wait."""


class _Place(NamedTuple):
    """Where files are read, and what waits there."""

    where: Executor | Turns
    backlog: Backlog


class Job(NamedTuple):
    """The files of one request, and what it takes to read them."""

    files: Sequence[bytes]
    kind: ReadingKind
    costs: Sequence[int]
    """The work that each file is."""
    work: int
    """That all of them are."""
    place: _Place

    @property
    def pixels(self) -> int:
        """That will be decoded at all."""
        return self.work - FILE_PIXELS * len(self.files)

    @property
    def is_short(self) -> bool:
        """Whether it can be done in one turn of the event loop."""
        return self.work <= TURN and isinstance(self.place.where, Turns)

    @property
    def wait_s(self) -> float:
        """How long it would wait for others, by estimate."""
        return self.place.backlog.wait_s


class Readers:
    """All that read in one worker. Belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._here = _Place(Turns(), Backlog(FEW))
        self._threads = _Place(ThreadPoolExecutor(DECODERS, thread_name_prefix="decode"), Backlog(FEW))
        self._large = _Place(ThreadPoolExecutor(1, thread_name_prefix="decode-large"), Backlog(FEW))

    def job(self, files: Sequence[bytes], kind: ReadingKind) -> Job:
        """What it takes to read files, at least one; nothing is decoded yet."""
        limit = self._limits.max_pixels  # beyond it, nothing will be decoded
        costs = [FILE_PIXELS + (pixels if (pixels := extent(data)) <= limit else 0) for data in files]
        place = self._place(max(costs) - FILE_PIXELS, max(map(len, files)))
        return Job(files, kind, costs, sum(costs), place)

    def offer(self, job: Job, caller: Caller[list[Read]]) -> None:
        """Read what is short; the caller is given a picture, or why there is none, for each file in order."""
        turns, backlog = job.place
        assert isinstance(turns, Turns)
        backlog.come(job.work, time.perf_counter())
        turns.offer(functools.partial(self._read_short, job), caller)

    def _read_short(self, job: Job) -> list[Read]:
        try:
            return read_all(job.files, job.kind, self._limits)
        finally:
            job.place.backlog.done(job.work, time.perf_counter())

    async def read(self, job: Job) -> list[Read]:
        """A picture, or why there is none, for each file in order."""
        where, backlog = job.place
        read_files = []
        backlog.come(job.work, time.perf_counter())
        try:
            for files in _parts(job):
                read_files += await _done(where, functools.partial(read_all, files, job.kind, self._limits))
        except BaseException:  # cancelled, as a rule
            backlog.drop(job.work)
            raise
        backlog.done(job.work, time.perf_counter())
        return read_files

    def _place(self, pixels: int, size: int) -> _Place:
        if pixels <= QUICK_PIXELS and size <= QUICK_BYTES:
            return self._here
        return self._threads if pixels <= LARGE_PIXELS else self._large


def _parts(job: Job) -> Iterator[Sequence[bytes]]:
    """As many files at a time as are a turn's work, and one at least."""
    first = work = 0
    for index, cost in enumerate(job.costs):
        if work + cost > TURN and index > first:
            yield job.files[first:index]
            first, work = index, 0
        work += cost
    yield job.files[first:]


async def _done(where: Executor | Turns, reading: Callable[[], list[Read]]) -> list[Read]:
    if isinstance(where, Turns):
        return await where.run(reading)
    return await asyncio.get_running_loop().run_in_executor(where, reading)
