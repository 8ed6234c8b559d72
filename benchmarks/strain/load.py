"""Clients in a process of their own, and what they recorded."""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from started import Started

from benchmarks.load.bodies import Requests
from benchmarks.strain.clients import CLOSED, GRACE_S, UNANSWERED

ROOT = Path(__file__).parents[2]
READ = (200, 422)
REFUSED = (429, 503)
"""What an overloaded service may say instead of an answer."""

Times = npt.NDArray[np.float64]
"""Seconds of CLOCK_MONOTONIC."""


@dataclass(frozen=True, slots=True)
class Load:
    """Every request of one load."""

    sent: Times
    ended: Times
    """Answered, or given up."""
    statuses: npt.NDArray[np.uint16]
    """Of HTTP, or one of clients.CLOSED and clients.UNANSWERED."""
    names: list[str]
    """Of workers: what their request ids begin with, from number 1."""
    workers: npt.NDArray[np.uint16]
    """Which worker answered, by number from 1; where nobody did, who answered on this connection before; 0 for nobody."""
    lags: Times
    """How late requests were sent after they were due."""
    unsent: int
    """Requests that were due while every client waited."""
    refused_connections: int
    without_retry_after: int
    """Answers of 429 and 503."""
    cpu_share: float
    """Of one core, that the clients used themselves."""

    def counts(self) -> dict[str, int]:
        """How many ended how."""
        names = {CLOSED: "closed", UNANSWERED: "unanswered"}
        found = Counter(self.statuses.tolist())
        return {names.get(status, str(status)): count for status, count in sorted(found.items())}

    def among(self, statuses: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        """Which requests ended with one of these."""
        return np.isin(self.statuses, statuses)

    def rate(self, statuses: tuple[int, ...]) -> float:
        """How many ended with one of these a second, while requests were sent."""
        return self._rate(self.among(statuses))

    def slowest_rate(self, statuses: tuple[int, ...]) -> float:
        """The same of the worker that had the fewest."""
        among = self.among(statuses)
        return min(self._rate(among & (self.workers == number)) for number in range(1, len(self.names) + 1))

    def _rate(self, which: npt.NDArray[np.bool_]) -> float:
        began, over = self.sent.min(), self.sent.max()
        return float((which & (self.ended <= over)).sum() / (over - began))

    def latency_ms(self, statuses: tuple[int, ...]) -> dict[str, float]:
        """From sending to the whole answer, of those that ended with one of these."""
        told = 1e3 * (self.ended - self.sent)[self.among(statuses)]
        if not len(told):
            return {}
        p50, p99 = np.percentile(told, [50, 99])
        return {"p50": float(p50), "p99": float(p99), "max": float(told.max())}


@dataclass
class Running:
    """A load that is running."""

    result: Load | None = field(default=None)
    """What it was; there when the block has ended."""

    @property
    def load(self) -> Load:
        """What it was."""
        assert self.result is not None
        return self.result


@contextmanager
def loading(
    server: Started, requests: Requests, *, connections: int, seconds: float, rate: float | None = None
) -> Iterator[Running]:
    """A load for so many seconds: the block begins when its clients are connected, and ends when it has ended."""
    running = Running()
    with tempfile.TemporaryDirectory(prefix="strain-") as scratch:
        record = Path(scratch) / "record.npz"
        command = [sys.executable, "-m", "benchmarks.strain.clients", "--port", str(server.port), "--record", record]
        command += ["--requests", requests.folder, "--count", str(requests.count), "--connections", str(connections)]
        command += ["--seconds", str(seconds), *(["--rate", str(rate)] if rate else [])]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            yield running
            told, _ = process.communicate(timeout=seconds + GRACE_S + 60)
            with np.load(record) as arrays:
                running.result = Load(**{name: arrays[name] for name in arrays}, **json.loads(told))
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def load(server: Started, requests: Requests, *, connections: int, seconds: float, rate: float | None = None) -> Load:
    """A load from its beginning to its end."""
    with loading(server, requests, connections=connections, seconds=seconds, rate=rate) as running:
        pass
    return running.load


def sleep_until(moment: float) -> None:
    """moment: of CLOCK_MONOTONIC."""
    time.sleep(max(moment - time.monotonic(), 0))
