"""What a worker counts of its work, and what all workers of a service have counted."""

import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from serving.ledger import Ledger, Reading, Table, read
from serving.outcome import STATUSES, Blank, Outcome, Prediction

MAX_MODELS = 64
MAX_REQUESTS = 160
"""Names of models, and pairs of a route and a status, that are told apart; further ones are counted as "other"."""
MAX_CODES = 64
"""Error codes, and reasons; both are closed lists."""


class Histogram(NamedTuple):
    """Where a row has its numbers: from `start` one for each bucket, then, at `total`, the sum."""

    start: int
    total: int
    bounds: tuple[float, ...]
    """Up to and with which value a bucket goes; one more bucket takes what is beyond."""


def _histogram(start: int, *bounds: float) -> Histogram:
    return Histogram(start, start + len(bounds) + 1, bounds)


_DECADES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)  # enough to see which part of a request is slow
_POWERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

DURATION = _histogram(0, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""In "requests", whose rows are a route and a status."""

READING = _histogram(0, *_DECADES)
FILES = _histogram(READING.total + 1, *_POWERS)
LOST_LINES = FILES.total + 1
"""In "service", which has one row."""

BATCH = _histogram(0, *_POWERS)
WAITED = _histogram(BATCH.total + 1, *_DECADES)
RAN = _histogram(WAITED.total + 1, *_DECADES)
CONFIDENCE = _histogram(RAN.total + 1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
ANSWERS = {status: CONFIDENCE.total + 1 + place for place, status in enumerate(STATUSES)}
"""In "models", whose rows are their names."""

PROCESS, IN_FLIGHT, HELD, WAITING_FILES, WAITING_PIXELS = range(5)
"""In "now", which has one row, zeros where a worker begins."""
SERVED, REFUSED = range(2)
"""In "loaded", zeros where a worker begins: whether it has the model of an identity; whether it refused that of a name."""

TABLES = {
    "requests": Table(MAX_REQUESTS + 1, DURATION.total + 1),
    "models": Table(MAX_MODELS + 1, CONFIDENCE.total + 1 + len(STATUSES)),
    "loaded": Table(2 * MAX_MODELS + 1, 2),
    "codes": Table(MAX_CODES + 1, 1),
    "reasons": Table(MAX_CODES + 1, 1),
    "service": Table(1, LOST_LINES + 1),
    "now": Table(1, 5),
}

_SUFFIX = ".meter"


class Counted(NamedTuple):
    """What one worker counted."""

    number: int
    process: int
    """Its number, 0 where it is not running."""
    tables: Reading


class Meter:
    """Counts in one worker. Every method is called in the event loop, and none of them waits."""

    def __init__(self, folder: Path | None = None, worker: int = 0) -> None:
        """folder: of all workers of the service; None for a process that is alone. worker: which of them this one is.

        A worker that follows one of the same number, however that one ended, goes on from its counts. Raises OSError.
        """
        self._folder, self._worker = folder, worker
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._ledger = Ledger(TABLES, folder and folder / f"{worker}{_SUFFIX}")
        self._numbers, rows = self._ledger.numbers, self._ledger.rows
        self._requests, self._models, self._loaded = rows["requests"], rows["models"], rows["loaded"]
        self._codes, self._reasons = rows["codes"], rows["reasons"]
        self._service, self._now = rows["service"].first, rows["now"].first
        rows["now"].forget()
        self._loaded.forget()
        self._numbers[self._now + PROCESS] = os.getpid()

    def serves(self, identities: Iterable[str], refused: Iterable[str]) -> None:
        """These models answer from now on, told by their identities, and those of these names could not be loaded."""
        self._loaded.forget()
        for identity in identities:
            self._numbers[self._loaded[identity,] + SERVED] = 1
        for name in refused:
            self._numbers[self._loaded[name,] + REFUSED] = 1

    def came(self) -> None:
        """A request came."""
        self._numbers[self._now + IN_FLIGHT] += 1.0

    def left(self) -> None:
        """A request that came is over, however it ended."""
        self._numbers[self._now + IN_FLIGHT] -= 1.0

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered, so many seconds after it came. route: its pattern, of a closed list."""
        self._add(self._requests[route, status], DURATION, seconds)

    def refused(self, code: str) -> None:
        """A request was answered with an error. code: of a closed list."""
        self._numbers[self._codes[code,]] += 1.0

    def held(self, size: int) -> None:
        """So many bytes of bodies are in memory now."""
        self._numbers[self._now + HELD] = size

    def waiting(self, files: int, pixels: int) -> None:
        """So much has been taken on and is not answered yet."""
        self._numbers[self._now + WAITING_FILES] = files
        self._numbers[self._now + WAITING_PIXELS] = pixels

    def read(self, files: int, seconds: float) -> None:
        """Files of one request were read, in so many seconds altogether, in which others may have had their turns."""
        self._add(self._service, READING, seconds)
        self._add(self._service, FILES, files)

    def batch(self, model: str, pictures: int, waited: float, ran: float) -> None:
        """A batch was run: how long its oldest picture had waited, and how long the model took, in seconds."""
        row = self._models[model,]
        self._add(row, BATCH, pictures)
        self._add(row, WAITED, waited)
        self._add(row, RAN, ran)

    def answered(self, model: str, outcomes: Sequence[Outcome]) -> None:
        """These are the answers of one request."""
        numbers, row = self._numbers, self._models[model,]
        start, total, bounds = CONFIDENCE
        confidences = 0.0
        for outcome in outcomes:
            if isinstance(outcome, Prediction):
                status, digit, probabilities, _ = outcome
                confidence = probabilities[digit]
                numbers[row + start + bisect_left(bounds, confidence)] += 1.0
                confidences += confidence
                numbers[row + ANSWERS[status]] += 1.0
            elif isinstance(outcome, Blank):
                numbers[row + ANSWERS["blank"]] += 1.0
            else:
                numbers[row + ANSWERS["rejected"]] += 1.0
                numbers[self._reasons[outcome.reason,]] += 1.0
        numbers[row + total] += confidences

    def lost_lines(self, count: int) -> None:
        """So many more lines of the access log have been lost."""
        self._numbers[self._service + LOST_LINES] += count

    def all_workers(self) -> list[Counted]:
        """What each worker of the service counted, this one and ended ones among them."""
        if self._folder is None:
            return [Counted(self._worker, os.getpid(), self._ledger.read())]
        paths = [path for path in self._folder.glob("*" + _SUFFIX) if path.stem.isdecimal()]
        found = sorted((int(path.stem), path) for path in paths)
        read_all = [(number, read(TABLES, path)) for number, path in found]
        return [Counted(number, _running(tables), tables) for number, tables in read_all if tables]

    def _add(self, row: int, histogram: Histogram, value: float) -> None:
        start, total, bounds = histogram
        numbers = self._numbers
        numbers[row + start + bisect_left(bounds, value)] += 1.0
        numbers[row + total] += value


def _running(tables: Reading) -> int:
    (now,) = tables["now"].values()
    process = int(now[PROCESS])
    try:
        os.kill(process, 0)  # asks only whether it is there
    except OSError:  # it is not, or another user's process has its number by now
        return 0
    return process
