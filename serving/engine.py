"""One worker's models at work: files in, outcomes out, many callers at once."""

import asyncio
import functools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from serving.catalogue import Catalogue
from serving.classifier import Read, outcomes_of, pictures_of, read_all
from serving.lineup import Lineup, Served
from serving.meter import Meter
from serving.outcome import Outcome
from serving.reading import ReadingKind
from serving.reading.extent import extent
from serving.runtime import Pictures, Rows
from serving.settings import Settings
from serving.turns import Backlog, Turns

QUICK_PIXELS, QUICK_BYTES = 256 * 256, 256 * 1024
"""Files of at most so much are read in the event loop: a few hundred microseconds, less than a thread's turn."""
TURN = 8
"""Files of one request that a thread reads before other requests have their turn."""
DECODERS = 2
"""Threads that decode in one worker: Pillow and OpenCV let go of the interpreter while they work."""
LARGE_PIXELS = 8 * 10**6
"""Pictures of more are decoded one at a time in one worker: of 25 megapixels with transparency each takes 200 MB."""


FILE_PIXELS = 16384
"""Pixels whose reading takes about as long as what a file costs beside them."""
FEW = 64 * FILE_PIXELS
"""What may always wait to be read: some milliseconds."""


class Overloaded(Exception):
    """More waits than may wait, or for longer."""


class TooManyPixels(Exception):
    """A request has more pixels in its pictures than one request may have."""


class _Place(NamedTuple):
    """Where files are read."""

    executor: Executor | None
    """None for the event loop."""
    backlog: Backlog
    """In pixels, a file with FILE_PIXELS beside its own."""


class Engine:
    """The models of one worker, a batcher each, and the threads that read large pictures. Belongs to one event loop."""

    def __init__(self, catalogue: Catalogue, settings: Settings, meter: Meter) -> None:
        """Every model is run once, as its first call is slow. Raises ModelRefused where the default is not there."""
        self._settings, self._meter = settings, meter
        self._here = _Place(None, Backlog(FEW))
        self._threads = _Place(ThreadPoolExecutor(DECODERS, thread_name_prefix="decode"), Backlog(FEW))
        self._large = _Place(ThreadPoolExecutor(1, thread_name_prefix="decode-large"), Backlog(FEW))
        self._turns = Turns()
        self._files = self._pixels = 0
        self.lineup = Lineup(catalogue, settings, meter)

    def get(self, name: str) -> Served:
        """A model by name. Raises ModelRefused."""
        return self.lineup.get(name)

    @property
    def default(self) -> Served:
        """What answers where nobody names a model."""
        return self.lineup.default

    @property
    def catalogue(self) -> Catalogue:
        """What there is now."""
        return self.lineup.catalogue

    async def outcomes(self, files: Sequence[bytes], served: Served) -> list[Outcome]:
        """One outcome per file, in order. Raises Overloaded, TooManyPixels; then no picture has been decoded."""
        limit = self._settings.limits.max_pixels
        extents = [pixels if (pixels := extent(data)) <= limit else 0 for data in files]  # beyond it, nothing is decoded
        place = self._place(files, extents)
        with self._admitted(extents, place.backlog.wait_s + served.guesses.backlog.wait_s):
            began = time.perf_counter()
            read_files = await self._read(files, extents, served.model.card.reading, place)
            self._meter.read(len(files), time.perf_counter() - began)
            pictures = pictures_of(read_files)
            guesses = await served.guesses.submit(pictures) if len(pictures) else []
        outcomes = outcomes_of(read_files, guesses, served.model.card)
        self._meter.answered(served.model.card.name, outcomes)
        return outcomes

    async def rows(self, pictures: Pictures, served: Served, *, scores: bool = False) -> Rows:
        """The rows of pictures that need no reading, (N, 11) in order, or (N, 21), (N, 12) with the scores behind them.

        Raises Overloaded; then nothing has been run.
        """
        batcher = served.scores if scores else served.rows
        with self._admitted([0] * len(pictures), batcher.backlog.wait_s):
            return await batcher.submit(pictures)

    @contextmanager
    def _admitted(self, extents: Sequence[int], wait_s: float) -> Iterator[None]:
        """Take files on, from before they are read until they are answered. wait_s: what they would wait for others."""
        files, pixels = len(extents), sum(extents)
        if pixels > self._settings.max_request_pixels and files > 1:
            raise TooManyPixels
        too_many = self._files + files > self._settings.max_waiting
        # One picture is taken on however large, as its own limit allows it, or it could never be.
        if too_many or (self._pixels and self._pixels + pixels > self._settings.max_waiting_pixels):
            raise Overloaded
        if wait_s > self._settings.max_wait_seconds:
            raise Overloaded
        self._files, self._pixels = self._files + files, self._pixels + pixels
        self._meter.waiting(self._files, self._pixels)
        try:
            yield
        finally:
            self._files, self._pixels = self._files - files, self._pixels - pixels
            self._meter.waiting(self._files, self._pixels)

    def _place(self, files: Sequence[bytes], extents: Sequence[int]) -> _Place:
        largest = max(extents)
        if largest <= QUICK_PIXELS and max(map(len, files)) <= QUICK_BYTES:
            return self._here
        return self._threads if largest <= LARGE_PIXELS else self._large

    async def _read(self, files: Sequence[bytes], extents: Sequence[int], kind: ReadingKind, place: _Place) -> list[Read]:
        read_files: list[Read] = []
        if place is self._here:
            for data in files:
                if not self._turns.has_room():
                    break
                read_files += read_all((data,), kind, self._settings.limits)
            else:
                return read_files
        return read_files + await self._wait_and_read(files[len(read_files) :], extents[len(read_files) :], kind, place)

    async def _wait_and_read(
        self, files: Sequence[bytes], extents: Sequence[int], kind: ReadingKind, place: _Place
    ) -> list[Read]:
        executor, backlog = place
        left = sum(extents) + len(files) * FILE_PIXELS
        backlog.come(left, time.perf_counter())
        try:
            read_files = await (self._read_in(executor, files, kind) if executor else self._read_here(files, kind))
        except BaseException:  # cancelled, as a rule
            backlog.drop(left)
            raise
        backlog.done(left, time.perf_counter())
        return read_files

    async def _read_here(self, files: Sequence[bytes], kind: ReadingKind) -> list[Read]:
        turns, limits, read_files = self._turns, self._settings.limits, []
        for data in files:
            if turns.has_room():
                read_files += read_all((data,), kind, limits)
            else:
                read_files += await turns.run(functools.partial(read_all, (data,), kind, limits))
        return read_files

    async def _read_in(self, executor: Executor, files: Sequence[bytes], kind: ReadingKind) -> list[Read]:
        loop, read_files = asyncio.get_running_loop(), []
        for start in range(0, len(files), TURN):
            reading = functools.partial(read_all, files[start : start + TURN], kind, self._settings.limits)
            read_files += await loop.run_in_executor(executor, reading)
        return read_files
