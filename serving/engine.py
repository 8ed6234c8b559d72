"""One worker's models at work: files in, outcomes out, many callers at once."""

import functools
import time
from collections.abc import Sequence

from serving.admission import Admission
from serving.callers import Callback, Caller
from serving.catalogue import Catalogue
from serving.classifier import Guess, Read, outcomes_of, pictures_of
from serving.lineup import Lineup, Served
from serving.meter import Meter
from serving.outcome import Outcome
from serving.readers import Readers
from serving.runtime import Pictures, Rows
from serving.settings import Settings


class Engine:
    """The models of one worker, a batcher each, and what reads pictures for them. Belongs to one event loop."""

    def __init__(self, catalogue: Catalogue, settings: Settings, meter: Meter) -> None:
        """Every model is run once, as its first call is slow. Raises ModelRefused where the default is not there."""
        self._meter, self._admission = meter, Admission(settings, meter)
        self._readers = Readers(settings.limits)
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
        job = self._readers.job(files, served.model.card.reading)
        with self._admission.held(len(files), job.pixels, job.wait_s + served.guesses.backlog.wait_s):
            began = time.perf_counter()
            read_files = await self._readers.read(job)
            self._meter.read(len(files), time.perf_counter() - began)
            pictures = pictures_of(read_files)
            guesses = await served.guesses.submit(pictures) if len(pictures) else []
        return self._answer(read_files, served, guesses)

    def offer(self, files: Sequence[bytes], served: Served, caller: Caller[list[Outcome]]) -> bool:
        """Take on a few small files, and give the caller what `outcomes` would. False: they are to be awaited.

        Raises Overloaded, TooManyPixels.
        """
        job = self._readers.job(files, served.model.card.reading)
        if not job.is_short or len(files) > served.guesses.max_batch:
            return False
        self._admission.take_on(len(files), job.pixels, job.wait_s + served.guesses.backlog.wait_s)
        began = time.perf_counter()

        def go_on(read_files: list[Read]) -> None:
            self._meter.read(len(files), time.perf_counter() - began)
            pictures = pictures_of(read_files)
            end = functools.partial(answer, read_files)
            if len(pictures):
                served.guesses.offer(pictures, Callback(end, fail))
            else:
                end([])

        def answer(read_files: list[Read], guesses: Sequence[Guess]) -> None:
            self._admission.let_go(len(files), job.pixels)
            try:
                outcomes = self._answer(read_files, served, guesses)
            except Exception as error:  # noqa: BLE001  whatever it is, it belongs to who asked
                caller.set_exception(error)
            else:
                caller.set_result(outcomes)

        def fail(error: Exception) -> None:
            self._admission.let_go(len(files), job.pixels)
            caller.set_exception(error)

        self._readers.offer(job, Callback(go_on, fail))
        return True

    async def rows(self, pictures: Pictures, served: Served, *, scores: bool = False) -> Rows:
        """The rows of pictures that need no reading, (N, 11) in order, or (N, 21), (N, 12) with the scores behind them.

        Raises Overloaded; then nothing has been run.
        """
        batcher = served.scores if scores else served.rows
        with self._admission.held(len(pictures), 0, batcher.backlog.wait_s):
            return await batcher.submit(pictures)

    def _answer(self, read_files: Sequence[Read], served: Served, guesses: Sequence[Guess]) -> list[Outcome]:
        outcomes = outcomes_of(read_files, guesses, served.model.card)
        self._meter.answered(served.model.card.name, outcomes)
        return outcomes
