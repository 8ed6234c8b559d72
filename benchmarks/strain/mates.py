"""Whether an answer depends on what it was computed with: alone, with 63 others, under load, beside what is broken."""

import http.client
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from started import Started

from benchmarks.load.bars import Bar
from benchmarks.load.bodies import BODIES, Requests
from benchmarks.strain.load import loading

TOGETHER = 64
POISON_EVERY = 4
"""Every so many strangers send something broken."""
ROUNDS = 4
CONNECTIONS = 32

Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Mates:
    """How many answers were compared with those that the same pictures got alone, and how many were not the same."""

    in_a_request: tuple[int, int]
    """Of 64 pictures in a request."""
    under_load: tuple[int, int]
    """One a request, while others ask."""
    among_strangers: tuple[int, int]
    """64 requests at the same moment, every fourth with something broken."""
    poison_read: int
    """What is broken and was not refused, or not with the reason it is refused with alone."""


class Asker:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, files: Sequence[bytes]) -> tuple[Answer, ...]:
        """The answers to one request, without their places in it. Numbers are kept as they are written."""
        content_type, body = BODIES["multipart"]
        self._connection.request("POST", "/predict", body(files), {"content-type": content_type})
        response = self._connection.getresponse()
        told = json.loads(response.read(), parse_float=str)
        return tuple({key: one[key] for key in one if key not in {"source", "index"}} for one in told["predictions"])

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def mates(server: Started, requests: Requests, files: Sequence[bytes], poison: Sequence[bytes], *, seconds: float) -> Mates:
    """Compare. requests: what others ask, for so many seconds. poison: files that are refused."""
    with closing(Asker(server.port)) as asker:
        alone = [asker.ask([data])[0] for data in files]
        refusals = [asker.ask([data])[0] for data in poison]
        assert {one["status"] for one in refusals} == {"rejected"}, refusals
        groups = [range(start, min(start + TOGETHER, len(files))) for start in range(0, len(files), TOGETHER)]
        together = [one for group in groups for one in asker.ask([files[place] for place in group])]
        with loading(server, requests, connections=CONNECTIONS, seconds=seconds):
            loaded = [asker.ask([data])[0] for data in files]
    poisoned = _poisoned(server.port, files, poison)
    strangers = [(place, answer) for place, answer in poisoned if place >= 0]
    refused = [(-1 - place, answer) for place, answer in poisoned if place < 0]
    return Mates(
        in_a_request=_compared(list(enumerate(together)), alone),
        under_load=_compared(list(enumerate(loaded)), alone),
        among_strangers=_compared(strangers, alone),
        poison_read=_compared(refused, refusals)[1],
    )


def _compared(answers: Sequence[tuple[int, Answer]], alone: Sequence[Answer]) -> tuple[int, int]:
    return len(answers), sum(answer != alone[place] for place, answer in answers)


def _poisoned(port: int, files: Sequence[bytes], poison: Sequence[bytes]) -> list[tuple[int, Answer]]:
    """Places of files, or -1 minus those of poison, with their answers, of strangers that ask at the same moment."""
    barrier = threading.Barrier(TOGETHER)

    def stranger(number: int) -> list[tuple[int, Answer]]:
        told: list[tuple[int, Answer]] = []
        with closing(Asker(port)) as asker:
            for turn in range(ROUNDS):
                place = turn * TOGETHER + number
                is_poison = number % POISON_EVERY == 0
                data = poison[place // POISON_EVERY % len(poison)] if is_poison else files[place % len(files)]
                barrier.wait()
                (answer,) = asker.ask([data])
                told.append((-1 - place // POISON_EVERY % len(poison) if is_poison else place % len(files), answer))
        return told

    with ThreadPoolExecutor(TOGETHER) as pool:
        return [one for told in pool.map(stranger, range(TOGETHER)) for one in told]


def bars(one: Mates) -> Iterator[Bar]:
    """What is asked of it."""
    for what, (compared, differing) in (
        ("in a request of 64", one.in_a_request),
        ("under load", one.under_load),
        ("beside broken files", one.among_strangers),
    ):
        yield Bar(f"mates: of {compared:,} answers {what}, other than alone", float(differing), most=0)
    yield Bar("mates: broken files answered otherwise than alone", float(one.poison_read), most=0)
