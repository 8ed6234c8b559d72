"""One patient client beside all others, which asks about one picture at a time from before a load until after it."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from started import Started

EVERY_S = 0.02
TIMEOUT_S = 30.0
HEADERS = {"content-type": "image/png"}


@dataclass
class Probe:
    """What it saw."""

    asked: list[float] = field(default_factory=list)
    """Of CLOCK_MONOTONIC, in seconds."""
    waits_ms: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """0 where the connection broke."""

    def between(self, began: float, ended: float) -> list[float]:
        """How long answers took that were asked for in between, in ms."""
        return [wait for asked, wait in zip(self.asked, self.waits_ms, strict=True) if began <= asked < ended]

    def recovery_s(self, moment: float, normal_ms: float) -> float:
        """How long after a moment the last question was asked that took longer than normal."""
        late = [asked for asked, wait in zip(self.asked, self.waits_ms, strict=True) if asked >= moment and wait > normal_ms]
        return max(late) - moment if late else 0.0


@contextmanager
def probing(server: Started, picture: bytes) -> Iterator[Probe]:
    """Ask every EVERY_S seconds, or as soon as the last answer is there, within the block."""
    probe, over = Probe(), threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_S)
        while not over.is_set():
            began = time.monotonic()
            try:
                connection.request("POST", "/predict", picture, HEADERS)
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()  # the next question opens it again
                status = 0
            ended = time.monotonic()
            probe.asked.append(began)
            probe.waits_ms.append(1e3 * (ended - began))
            probe.statuses.append(status)
            over.wait(max(began + EVERY_S - ended, 0))
        connection.close()

    asker = threading.Thread(target=ask, name="probe", daemon=True)
    asker.start()
    try:
        yield probe
    finally:
        over.set()
        asker.join()


def percentiles_ms(waits: list[float]) -> dict[str, float]:
    """p50, p99 and max."""
    if not waits:
        return {}
    p50, p99 = np.percentile(waits, [50, 99])
    return {"p50": float(p50), "p99": float(p99), "max": max(waits)}
