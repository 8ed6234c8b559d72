"""How long GET /livez takes: asked at fixed times, over connections that are kept open and over fresh ones."""

import http.client
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import cycle

EVERY_S = 0.02
KEPT = 8
"""Connections kept open: they are asked in turn, so that every worker has some."""
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds from when a question was due to when its answer had come, so that a late one delays those after it."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: int
    """Other answers than 200, and connections that broke."""
    late_p99_ms: float
    """Of it, how late the question was asked although the last was answered: this program itself waiting for a core."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """One question."""

    wait_ms: float
    late_ms: float
    is_right: bool


def probe(port: int, seconds: float) -> dict[str, Waits]:
    """Ask for so long, over "kept" and over "fresh" connections at the same time."""
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        connections = cycle([stack.enter_context(closing(_connection(port))) for _ in range(KEPT)])

        def fresh() -> bool:
            with closing(_connection(port)) as connection:
                return _ask(connection)

        ways: dict[str, Callable[[], bool]] = {"kept": lambda: _ask(next(connections)), "fresh": fresh}
        running = {name: pool.submit(_samples, ask, seconds) for name, ask in ways.items()}
        return {name: _waits(future.result()) for name, future in running.items()}


def _waits(samples: Sequence[_Sample]) -> Waits:
    told = sorted(sample.wait_ms for sample in samples)
    late = sorted(sample.late_ms for sample in samples)
    errors = sum(not sample.is_right for sample in samples)
    return Waits(len(told), _percentile(told, 50), _percentile(told, 99), told[-1], errors, _percentile(late, 99))


def _connection(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)


def _ask(connection: http.client.HTTPConnection) -> bool:
    try:
        connection.request("GET", "/livez")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()  # the next question opens it again
        return False
    return response.status == 200


def _samples(ask: Callable[[], bool], seconds: float) -> list[_Sample]:
    samples: list[_Sample] = []
    due = free = time.perf_counter()
    until = due + seconds
    while due < until:
        time.sleep(max(due - time.perf_counter(), 0))
        late = time.perf_counter() - max(due, free)
        is_right = ask()
        free = time.perf_counter()
        samples.append(_Sample(1e3 * (free - due), 1e3 * late, is_right))
        due += EVERY_S
    return samples


def _percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest rank's, of values in order."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]
