"""One worker's models at work: files in, outcomes out, many callers at once."""

import asyncio
import functools
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from serving.batcher import Batcher
from serving.catalogue import Catalogue, Model
from serving.classifier import Read, outcomes_of, pictures_of, read_all
from serving.meter import Meter
from serving.outcome import Outcome
from serving.reading import ReadingKind
from serving.reading.extent import extent
from serving.runtime import Pictures, Rows, Session
from serving.settings import Settings

QUICK_PIXELS, QUICK_BYTES = 256 * 256, 256 * 1024
"""Files of at most so much are read in the event loop: a few hundred microseconds, less than a thread's turn."""
SLICE = 0.002
"""Seconds that one request reads in the event loop before others have their turn."""
QUICK_BATCH = 0.005
"""Seconds: a model whose full batch takes no longer runs in the event loop too."""
TURN = 8
"""Files of one request that a thread reads before other requests have their turn."""
DECODERS = 2
"""Threads that decode in one worker: Pillow and OpenCV let go of the interpreter while they work."""
LARGE_PIXELS = 8 * 10**6
"""Pictures of more are decoded one at a time in one worker: of 25 megapixels with transparency each takes 200 MB."""


class Overloaded(Exception):
    """More waits than may wait."""


class TooManyPixels(Exception):
    """A request has more pixels in its pictures than one request may have."""


class Served(NamedTuple):
    """A model at work."""

    model: Model
    identity: str
    batcher: Batcher
    scoring: Batcher
    """Its rows go on with the scores, which nobody pays for who does not ask for them."""


class Engine:
    """The models of one worker, a batcher each, and the threads that read large pictures. Belongs to one event loop."""

    def __init__(self, catalogue: Catalogue, settings: Settings, meter: Meter) -> None:
        """Every model is run once, as its first call is slow. Raises ModelRefused where the default is not there."""
        self._settings, self._meter = settings, meter
        self._decoders = ThreadPoolExecutor(DECODERS, thread_name_prefix="decode")
        self._large_decoder = ThreadPoolExecutor(1, thread_name_prefix="decode-large")
        self._files = self._pixels = 0
        self.catalogue = catalogue
        self._served = {name: self._put_to_work(model) for name, model in catalogue.models.items()}
        self.default = self.get(settings.model)

    def get(self, name: str) -> Served:
        """A model by name. Raises ModelRefused."""
        return self._served.get(name) or self._served[self.catalogue.get(name).card.name]

    async def outcomes(self, files: Sequence[bytes], served: Served) -> list[Outcome]:
        """One outcome per file, in order. Raises Overloaded, TooManyPixels; then no picture has been decoded."""
        limit = self._settings.limits.max_pixels
        extents = [pixels if (pixels := extent(data)) <= limit else 0 for data in files]  # beyond it, nothing is decoded
        with self._admitted(extents):
            began = time.perf_counter()
            read_files = await self._read(files, extents, served.model.card.reading)
            self._meter.read(len(files), time.perf_counter() - began)
            rows = await served.batcher.submit(pictures_of(read_files))
        outcomes = outcomes_of(read_files, rows, served.model.card)
        self._meter.answered(served.model.card.name, outcomes)
        return outcomes

    async def rows(self, pictures: Pictures, served: Served, *, scores: bool = False) -> Rows:
        """The rows of pictures that need no reading, (N, 11) in order, or (N, 21), (N, 12) with the scores behind them.

        Raises Overloaded; then nothing has been run.
        """
        with self._admitted([0] * len(pictures)):
            return await (served.scoring if scores else served.batcher).submit(pictures)

    @contextmanager
    def _admitted(self, extents: Sequence[int]) -> Iterator[None]:
        """Take files on, from before they are read until they are answered."""
        files, pixels = len(extents), sum(extents)
        if pixels > self._settings.max_request_pixels and files > 1:
            raise TooManyPixels
        too_many = self._files + files > self._settings.max_waiting
        # One picture is taken on however large, as its own limit allows it, or it could never be.
        if too_many or (self._pixels and self._pixels + pixels > self._settings.max_waiting_pixels):
            raise Overloaded
        self._files, self._pixels = self._files + files, self._pixels + pixels
        try:
            yield
        finally:
            self._files, self._pixels = self._files - files, self._pixels - pixels

    async def _read(self, files: Sequence[bytes], extents: Sequence[int], kind: ReadingKind) -> list[Read]:
        if max(extents) > QUICK_PIXELS or max(map(len, files)) > QUICK_BYTES:
            executor = self._decoders if max(extents) <= LARGE_PIXELS else self._large_decoder
            return await self._read_in(executor, files, kind)
        read_files: list[Read] = []
        until = time.perf_counter() + SLICE
        for data in files:
            read_files += read_all((data,), kind, self._settings.limits)
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + SLICE
        return read_files

    async def _read_in(self, executor: Executor, files: Sequence[bytes], kind: ReadingKind) -> list[Read]:
        loop, read_files = asyncio.get_running_loop(), []
        for start in range(0, len(files), TURN):
            reading = functools.partial(read_all, files[start : start + TURN], kind, self._settings.limits)
            read_files += await loop.run_in_executor(executor, reading)
        return read_files

    def _put_to_work(self, model: Model) -> Served:
        full = np.zeros((self._settings.max_batch, 28, 28), np.uint8)
        seconds = min(_seconds(model, full) for _ in range(3))
        name = model.card.name
        executor = None if seconds <= QUICK_BATCH else ThreadPoolExecutor(1, thread_name_prefix=f"run-{name}")
        tell = functools.partial(self._meter.batch, name)
        batcher = functools.partial(Batcher, executor=executor, max_batch=self._settings.max_batch, tell=tell)
        scoring = functools.partial(_scored_rows, model.session)
        return Served(model, model.identity, batcher(model.session.rows), batcher(scoring))


def _scored_rows(session: Session, pictures: Pictures) -> Rows:
    probabilities, scores, *evidence = session.outputs(pictures)
    certain = np.full(len(pictures), np.inf, np.float32)
    return np.column_stack([probabilities, *(evidence or [certain]), scores])


def _seconds(model: Model, pictures: Pictures) -> float:
    began = time.perf_counter()
    model.session.rows(pictures)
    return time.perf_counter() - began
