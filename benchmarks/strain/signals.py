"""A service that is told to end, and one whose worker is killed, both under load."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from started import Started

from benchmarks.load.bars import Bar
from benchmarks.load.bodies import Requests
from benchmarks.load.processes import cpu_seconds, settle
from benchmarks.strain.clients import CLOSED, UNANSWERED
from benchmarks.strain.load import READ, loading

Start = Callable[[], AbstractContextManager[Started]]
LOST = (CLOSED, UNANSWERED)
MOST_TO_STRENGTH_S = 3.0
WATCH_S = 12.0
"""How long a service is watched after its worker is killed: longer than the framework's own supervisor takes."""


@dataclass(frozen=True, slots=True)
class Termination:
    """What became of the requests under way when a service was sent SIGTERM.

    Accepted is a request whose every byte was sent before the signal, over a connection on which the service had answered
    before. What was sent later over such a connection, which may end at any moment, is told beside it.
    """

    connections: int
    accepted: int
    lost: int
    """Accepted, and not answered."""
    later: int
    later_lost: int
    exit_code: int | None
    """None where it did not end."""
    exit_s: float


def terminate(start: Start, requests: Requests, *, connections: int, seconds: float) -> Termination:
    """Send SIGTERM after so many seconds of load."""
    with start() as server:
        settle(server.pids)
        with loading(server, requests, connections=connections, seconds=seconds + 2) as running:
            time.sleep(seconds)
            moment = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            try:
                exit_code = server.process.wait(20)
            except subprocess.TimeoutExpired:
                exit_code = None
            exit_s = time.monotonic() - moment
    load = running.load
    was_there = load.workers > 0
    accepted = was_there & (load.sent <= moment) & (load.ended > moment)
    later = was_there & (load.sent > moment)
    lost = load.among(LOST)
    return Termination(
        connections, *(int(which.sum()) for which in (accepted, accepted & lost, later, later & lost)), exit_code, exit_s
    )


@dataclass(frozen=True, slots=True)
class Murder:
    """What became of a service one of whose workers was killed."""

    connections: int
    held: int
    """Requests under way over connections on which the killed one had answered before."""
    lost: int
    """Requests that got no answer."""
    lost_elsewhere: int
    """Of them, those that the killed one did not hold: sent after it was dead, or to another."""
    full_s: float | None
    """Until a worker answered that had not been there before; None where there was none for WATCH_S seconds."""
    exit_s: float | None
    """Until the service ended; None where it did not."""
    rate_before: float
    rate_after: float
    """Answers a second, and in the last two seconds of the watch."""


def murder(start: Start, requests: Requests, *, workers: int, connections: int, seconds: float) -> Murder:
    """Kill the busiest of so many workers after so many seconds of load."""
    with start() as server:
        settle(server.pids)
        known = roll_call(server, workers)
        with loading(server, requests, connections=connections, seconds=seconds + WATCH_S) as running:
            pids = server.pids()[1:]
            used = {pid: cpu_seconds([pid]) for pid in pids}
            time.sleep(seconds)
            victim = max(pids, key=lambda pid: cpu_seconds([pid]) - used[pid])
            moment = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            watch = _watch(server, known, moment)
    load = running.load
    dead = [number for number, name in enumerate(load.names, 1) if name in known - watch.seen]
    answered, lost = load.among(READ), load.among(LOST)
    held = (load.sent <= moment) & (load.ended > moment) & np.isin(load.workers, dead) & ~answered
    over = float(load.sent.max())
    return Murder(
        connections=connections,
        held=int(held.sum()),
        lost=int(lost.sum()),
        lost_elsewhere=int((lost & ~held).sum()),
        full_s=watch.full_s,
        exit_s=watch.exit_s,
        rate_before=float((answered & (load.ended <= moment)).sum() / seconds),
        rate_after=float((answered & (load.ended > over - 2) & (load.ended <= over)).sum() / 2),
    )


def roll_call(server: Started, workers: int, within_s: float = 30) -> set[str]:
    """What the request ids of so many workers begin with. Raises WorkerMissing."""
    seen: set[str] = set()
    until = time.monotonic() + within_s
    while len(seen) < workers:
        if time.monotonic() > until:
            raise WorkerMissing(f"{len(seen)} of {workers} workers answer")
        seen |= _who(server)
    return seen


class WorkerMissing(Exception):
    """A worker does not answer."""


@dataclass
class Watch:
    """What was seen of a service after one of its workers was killed."""

    seen: set[str] = field(default_factory=set)
    """Workers that answered."""
    full_s: float | None = None
    exit_s: float | None = None


def _watch(server: Started, known: set[str], moment: float) -> Watch:
    watch = Watch()
    while (passed := time.monotonic() - moment) < WATCH_S and watch.exit_s is None:
        who = _who(server)
        watch.seen |= who
        if who - known and watch.full_s is None:
            watch.full_s = time.monotonic() - moment
        if server.process.poll() is not None:
            watch.exit_s = passed
        time.sleep(0.01)
    return watch


def _who(server: Started) -> set[str]:
    """Which worker takes a fresh connection; none where it gets no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=1)
    try:
        connection.request("GET", "/livez")
        return {connection.getresponse().headers["x-request-id"].partition("-")[0]}
    except (OSError, http.client.HTTPException):
        return set()
    finally:
        connection.close()


def termination_bars(rounds: Sequence[Termination]) -> Iterator[Bar]:
    """What is asked of them."""
    accepted, lost = (sum(one.accepted for one in rounds), sum(one.lost for one in rounds))
    yield Bar(f"SIGTERM: of {accepted:,} accepted requests, lost", float(lost), most=0)
    later, later_lost = (sum(one.later for one in rounds), sum(one.later_lost for one in rounds))
    yield Bar(f"SIGTERM: of {later:,} sent over open connections after it, lost", float(later_lost))
    failed = sum(one.exit_code != 0 for one in rounds)
    yield Bar(f"SIGTERM: of {len(rounds)} services, that did not exit with 0", float(failed), most=0)


def murder_bars(one: Murder) -> Iterator[Bar]:
    """What is asked of it."""
    yield Bar("SIGKILL: requests lost that it did not hold", float(one.lost_elsewhere), most=0)
    ends = [seconds for seconds in (one.full_s, one.exit_s) if seconds is not None]
    yield Bar("SIGKILL: seconds to full strength, or to the exit", min(ends, default=None), most=MOST_TO_STRENGTH_S)
