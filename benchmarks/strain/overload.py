"""More requests than can be answered: what is answered instead, how long it takes, what it costs, and what is left of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from started import Started

from benchmarks.load import wrk
from benchmarks.load.bars import Bar
from benchmarks.load.bodies import Requests
from benchmarks.load.processes import peak_memory, pss_bytes
from benchmarks.strain.load import READ, REFUSED, loading
from benchmarks.strain.probe import percentiles_ms, probing

MEGABYTE = 2**20
TIMES = 4.0
CAPACITY_CONNECTIONS = 64
IDLE_S = 2.0
"""Before and after, for the idle latency."""
NORMAL = 2.0
"""Times the idle p99, and NORMAL_MS: what of an idle service's answers counts as normal."""
NORMAL_MS = 2.0
MOST_RECOVERY_S = 1.0
LEAST_ANSWERED = 0.5
"""Of the capacity: refusing the rest may not take all of the time."""
MOST_WAIT = 1.5
"""Times what the queue takes: a request also waits in its socket, and for the turn in which it is answered."""
MOST_GROWTH_MB = 500.0
"""The bodies that may be held, twice, beside what connections take."""


@dataclass(frozen=True, slots=True)
class Overload:
    """One overload."""

    pictures: str
    capacity: float
    """Requests a second that wrk's 64 connections are answered."""
    due: float
    """Requests a second that were due."""
    sent: float
    """Requests a second that were sent; the rest were due while every client waited."""
    answered: float
    refused: float
    """A second, while requests were sent."""
    counts: dict[str, int]
    without_retry_after: int
    accepted_ms: dict[str, float]
    refused_ms: dict[str, float]
    queue_ms: float
    """What the files that may wait in a worker take at the rate at which the slowest answered: what bounds the wait."""
    idle_ms: dict[str, float]
    """One picture at a time before."""
    meanwhile_ms: dict[str, float]
    """The same under the overload, refusals included."""
    after_ms: dict[str, float]
    """The same, from a second after the last answer."""
    recovery_s: float
    """From the last answer to the last question of an idle service that took longer than is normal."""
    before_mb: float
    peak_mb: float
    """PSS of all processes."""
    clients_cpu: float
    clients_late_ms: float
    """The most that a request was sent later than it was due."""


def capacity(server: Started, requests: Requests, seconds: float) -> float:
    """Requests a second, closed loop."""
    found = wrk.load(server.url, requests, CAPACITY_CONNECTIONS, seconds)
    assert not found.errors, found.errors
    return found.requests / found.seconds


def overload(
    server: Started,
    name: str,
    requests: Requests,
    picture: bytes,
    *,
    connections: int,
    seconds: float,
    waiting: int,
    measure_s: float,
) -> Overload:
    """Overload a service for so many seconds.

    picture: what the probe asks about. waiting: files that may wait in a worker. measure_s: for measuring the capacity.
    """
    most = capacity(server, requests, measure_s)
    before = pss_bytes(server.pids())
    with probing(server, picture) as probe:
        time.sleep(IDLE_S)
        began = time.monotonic()
        with (
            peak_memory(server.pids) as peak,
            loading(server, requests, connections=connections, seconds=seconds, rate=TIMES * most) as running,
        ):
            pass
        time.sleep(MOST_RECOVERY_S + IDLE_S)
    load = running.load
    idle, over = percentiles_ms(probe.between(0, began)), float(load.ended.max())
    return Overload(
        pictures=name,
        capacity=most,
        due=TIMES * most,
        sent=len(load.sent) / seconds,
        answered=load.rate(READ),
        refused=load.rate(REFUSED),
        counts=load.counts(),
        without_retry_after=load.without_retry_after,
        accepted_ms=load.latency_ms(READ),
        refused_ms=load.latency_ms(REFUSED),
        queue_ms=1e3 * waiting / max(load.slowest_rate(READ), 1e-3),
        idle_ms=idle,
        meanwhile_ms=percentiles_ms(probe.between(float(load.sent.min()), over)),
        after_ms=percentiles_ms(probe.between(over + MOST_RECOVERY_S, float("inf"))),
        recovery_s=probe.recovery_s(over, NORMAL * idle["p99"] + NORMAL_MS),
        before_mb=before / MEGABYTE,
        peak_mb=peak.pss_bytes / MEGABYTE,
        clients_cpu=load.cpu_share,
        clients_late_ms=1e3 * float(load.lags.max()),
    )


def bars(one: Overload) -> Iterator[Bar]:
    """What is asked of it."""
    told = f"overload, {one.pictures}"
    other = sum(count for status, count in one.counts.items() if status not in {"200", "422", "429", "503"})
    yield Bar(f"{told}: neither answers nor 429 or 503", float(other), most=0)
    yield Bar(f"{told}: 429 or 503 without Retry-After", float(one.without_retry_after), most=0)
    yield Bar(f"{told}: answers to capacity", one.answered / one.capacity, least=LEAST_ANSWERED)
    yield Bar(f"{told}: p99 of accepted to what may wait", one.accepted_ms["p99"] / one.queue_ms, most=MOST_WAIT)
    yield Bar(f"{told}: seconds until idle latency is normal", one.recovery_s, most=MOST_RECOVERY_S)
    yield Bar(f"{told}: MB more than before, at most", one.peak_mb - one.before_mb, most=MOST_GROWTH_MB)
