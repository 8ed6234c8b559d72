"""Whether a large model keeps the service from answering anything else: GET /livez, idle and under full load."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from started import Started

from benchmarks.load import wrk
from benchmarks.load.livez import Waits, probe
from benchmarks.load.stock import Stock

MODEL = "convnet_batchnorm"
"""232 MFLOP a picture."""
CONNECTIONS = 64
BEFORE_S = 0.5
"""Of load, before the first question."""


@dataclass(frozen=True, slots=True)
class Starvation:
    """How long /livez took."""

    model: str
    connections: int
    rate: float
    """Pictures a second of the load."""
    errors: dict[str, int]
    """Of the load."""
    waits: dict[str, Waits]
    """"idle, kept", "idle, fresh", "loaded, kept", "loaded, fresh": what the service did, and over which connections."""


def starvation(server: Started, stock: Stock, seconds: float) -> Starvation:
    """Ask for so long while nothing else is asked, and for so long while 64 connections ask the model."""
    seconds = max(round(seconds), 1)
    requests = stock.requests("placed", "multipart", 1, (f"/predict?model={MODEL}",))
    idle = probe(server.port, seconds)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(wrk.load, server.url, requests, CONNECTIONS, seconds + 2 * BEFORE_S)
        time.sleep(BEFORE_S)
        busy = probe(server.port, seconds)
        load = running.result()
    told = {f"{when}, {way}": one for when, ways in (("idle", idle), ("loaded", busy)) for way, one in ways.items()}
    return Starvation(MODEL, CONNECTIONS, load.requests / load.seconds, load.errors, told)
