"""What a server's processes hold, idle and at most under load, with nothing else of the comparison running."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from benchmarks.load import wrk
from benchmarks.load.bodies import Requests
from benchmarks.load.contenders import CONTENDERS, PEERS, SETTINGS, Contender
from benchmarks.load.processes import alone_bytes, peak_memory, pss_bytes, settle
from benchmarks.load.servers import SERVERS
from benchmarks.load.stock import Stock

MEGABYTE = 2**20
CATALOGUE_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Memory:
    """What the processes of a contender's server hold together, in MB of 2**20 bytes."""

    contender: str
    processes: int
    idle_mb: float
    """PSS summed."""
    peak_mb: float
    """The most that was seen, under load."""
    alone_mb: float
    """The peak, with what programs beside it shared of the same files and PSS therefore leaves out."""
    errors: dict[str, int]
    """Of the load, by kind; none where it had none."""


def memory(contender: str, stock: Stock, sets: Sequence[str], seconds: float) -> Memory:
    """Start a contender's server, load it with each kind of requests of each set for so long, and stop it."""
    one = CONTENDERS[contender]
    assert one.single is not None
    errors: Counter[str] = Counter()
    with SERVERS[one.single.server]() as server:
        settle(server.pids)
        idle, processes = pss_bytes(server.pids()), len(server.pids())
        with peak_memory(server.pids) as peak:
            for requests, connections in _loads(one, server.url, stock, sets):
                errors += Counter(wrk.load(server.url, requests, connections, seconds).errors)
        shared = max(alone_bytes(server.pids()) - pss_bytes(server.pids()), 0)
    idle_mb, peak_mb, alone_mb = (size / MEGABYTE for size in (idle, peak.pss_bytes, peak.pss_bytes + shared))
    return Memory(contender, processes, idle_mb, peak_mb, alone_mb, dict(errors))


def _loads(one: Contender, url: str, stock: Stock, sets: Sequence[str]) -> Iterator[tuple[Requests, int]]:
    """Requests, and over how many connections. Those of ours begin with 64 pictures for each model there is, in turn."""
    if one.expected != PEERS:
        cards = httpx.get(f"{url}/models", trust_env=False).raise_for_status().json()["models"]
        paths = tuple(f"/predict?model={card['name']}" for card in cards)
        yield stock.requests("placed", "multipart", 64, paths), CATALOGUE_CONNECTIONS
    for name in sets:
        for setting in (SETTINGS["single-64"], SETTINGS["many-4"]):
            way = one.way(setting.pictures)
            if way is not None and way.server == (one.single or way).server:
                yield stock.requests(name, way.body, setting.pictures), setting.connections
