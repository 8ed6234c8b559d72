"""The access log: one JSON object a line for each request, written beside the event loop, which never waits for it.

The event loop only notes what is to be told. Ten times a second a thread makes lines of the notes, many in a row, which
takes less than one at a time between two requests, and writes them in pieces that a pipe takes whole: so those of several
workers do not run into each other. Where nobody takes them off in time, lines are left out; how many, the metrics tell, and
a line of the log itself.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from serving.http.messages import Request, Response, to_json
from serving.meter import Meter
from serving.outcome import Outcome, status
from serving.settings import Logged

SLOW = 1.0
"""Seconds from which an answer was slow."""
EVERY = 0.1
"""Seconds for which lines are collected."""
MAX_HELD = 10_000
"""Lines that are held: about a second's, and 10 MB."""
MAX_PATH, MAX_METHOD = 200, 16
PIECE = 4096
"""Bytes that Linux writes to a pipe all at once (PIPE_BUF). No line is as long."""
LAST = 2.0
"""Seconds that the end waits for the last lines to be written."""

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class _Note(NamedTuple):
    """What is to be told of a request."""

    time: float
    """Seconds since 1970."""
    id: str
    client: tuple[str, int] | None
    method: str
    route: str
    path: bytes
    status: int
    error: str
    bytes_in: int
    bytes_out: int
    seconds: float
    model: str
    pictures: int
    answers: dict[str, int]
    trace: str


def _untraced() -> str:
    return ""


class AccessLog:
    """The access log of one worker."""

    def __init__(self, mode: Logged, meter: Meter, *, stream: int = 1, trace: Callable[[], str] = _untraced) -> None:
        """stream: the number of an open file. trace: gives the id of the trace that the current request belongs to."""
        self._mode, self._meter, self._stream, self._trace = mode, meter, stream, trace
        self._notes: deque[_Note] = deque()
        # Lines; each of these is added to by one thread alone: the first three by the event loop, the others by the writer.
        self._added = self._refused = self._counted = 0
        self._removed = self._unwritten = self._told = 0
        self._some, self._end = threading.Event(), threading.Event()
        self._writer: threading.Thread | None = None

    def request(self, request: Request, response: Response, route: str, seconds: float) -> None:
        """A request was answered, so many seconds after it came. route: its pattern. Called in the event loop."""
        if self._mode == "off" or (self._mode == "errors" and response.status < 400 and seconds < SLOW):
            return
        if self._added - self._removed >= MAX_HELD:
            self._refused += 1
        else:
            scope, sent = request.scope, 0 if request.method == "HEAD" else len(response.body)
            # Nothing of the request itself is kept: it holds on to its headers and pictures.
            self._notes.append(
                _Note(
                    time.time(),
                    request.id,
                    scope.get("client"),
                    request.method,
                    route,
                    scope.get("raw_path", b"")[:MAX_PATH],
                    response.status,
                    request.error,
                    request.received,
                    sent,
                    seconds,
                    request.model,
                    request.pictures,
                    _counted(request.outcomes),
                    self._trace(),
                )
            )
            self._added += 1
        self._count()
        if not self._some.is_set():
            self._wake()

    def close(self) -> None:
        """Write what is left. Waits for it, but not for ever."""
        self._end.set()
        self._some.set()
        if self._writer:
            self._writer.join(LAST)
        self._count()

    def _count(self) -> None:
        lost = self._refused + self._unwritten
        if lost != self._counted:
            self._meter.lost_lines(lost - self._counted)
            self._counted = lost

    def _wake(self) -> None:
        self._some.set()
        if self._writer is None:
            # A daemon: it may hang in a pipe that nobody reads, and the process must be able to end.
            self._writer = threading.Thread(target=self._write_all, name="access-log", daemon=True)
            self._writer.start()

    def _write_all(self) -> None:
        ended = False
        while not ended:
            self._some.wait()
            ended = self._end.wait(EVERY)
            self._some.clear()
            for piece in self._pieces():
                if not self._write(b"".join(piece)):
                    self._unwritten += len(piece)
                self._removed += len(piece)
            lost = self._refused + self._unwritten
            if lost != self._told and self._write(to_json({"time": _rfc3339(time.time()), "lost_lines": lost - self._told})):
                self._told = lost

    def _pieces(self) -> Iterator[list[bytes]]:
        """The lines of all notes, so many at once as make a piece."""
        piece: list[bytes] = []
        size = 0
        while self._notes:
            line = to_json(_told(self._notes.popleft()))
            if size + len(line) > PIECE:
                yield piece
                piece, size = [], 0
            piece.append(line)
            size += len(line)
        if piece:
            yield piece

    def _write(self, text: bytes) -> bool:
        """Whether it could be written: nobody may be there any more, or the disk be full."""
        rest = memoryview(text)
        while rest:
            try:
                rest = rest[os.write(self._stream, rest) :]
            except BlockingIOError:  # somebody else who has the stream does not want to wait for it
                ready = select.poll()
                ready.register(self._stream, select.POLLOUT)
                ready.poll()
            except OSError:
                return False
        return True


def _told(note: _Note) -> dict[str, object]:
    return {
        "time": _rfc3339(note.time),
        "id": note.id,
        "client": note.client[0] if note.client else None,
        "method": note.method[:MAX_METHOD],
        "route": note.route,
        # As it was sent, but for bytes that could make a terminal do something.
        "path": quote_from_bytes(note.path, _PRINTABLE),
        "status": note.status,
        "error": note.error or None,
        "bytes_in": note.bytes_in,
        "bytes_out": note.bytes_out,
        "ms": round(note.seconds * 1000, 3),
        "model": note.model or None,
        "pictures": note.pictures,
        "answers": note.answers,
        "trace": note.trace or None,
    }


def _counted(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many answers of each status. A Counter takes three times as long for one."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        word = status(outcome)
        counts[word] = counts.get(word, 0) + 1
    return counts


def _rfc3339(seconds: float) -> str:
    """In UTC, to the millisecond."""
    return f"{_to_the_second(int(seconds))}.{int(seconds % 1 * 1000):03d}Z"


@lru_cache(maxsize=2)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
