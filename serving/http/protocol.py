"""One connection, with the bounds that the server below does not have.

They are for a request's head, for waiting, and for a client that does not read. uvicorn takes this class, or one below it,
as `uvicorn.Config(http=Connection)`. Its own (0.54) takes a head of any length, which its parser copies anew with every
packet: one client that sends 186 MB of a header keeps a worker busy for 140 seconds (Intel Xeon, Python 3.11.7, httptools
0.9.0, one run). And it waits for ever for the rest of a head, and for a client that does not take its answer.
"""

import asyncio
import functools
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.http import errors
from serving.http.errors import CLOSE, HttpError
from serving.http.messages import AT_ONCE, Headers, Response

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's head, and of whatever else is neither head nor body: the ends of chunks, their extensions, a trailer.

A packet more may come: it is counted when it is there.
"""
HEAD_SECONDS = 10.0
"""From a connection's beginning, or from a request's first byte, until its head is whole."""
READ_SECONDS = 60.0
"""For a client to take an answer that is longer than what the system keeps for it."""

HEAD_TOO_LONG = HttpError(431, "head_too_long", f"A request's head may have {MAX_HEAD_BYTES:,} bytes at most.", CLOSE)
NOT_HTTP = HttpError(400, "not_http", "This is no request of HTTP/1.1.", CLOSE)


class Connection(HttpToolsProtocol):
    """A connection of uvicorn's that gives up on whoever takes too much of it."""

    _timer: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None
    _fruitless = 0
    """Bytes since there was last something of a request to be had from them."""
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there; its first request has to come soon."""
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._cancel()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._fruitless += len(data)
        super().data_received(data)
        if self._fruitless > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(HEAD_TOO_LONG)
        elif self._timer is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_head()  # also where nothing but an empty line came, which ends uvicorn's own waiting

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._fruitless, self._in_head = 0, False
        self._cancel()
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.scope["extensions"] = {AT_ONCE: functools.partial(_answer_at_once, self.cycle)}  # type: ignore[dict-item]

    def on_body(self, body: bytes) -> None:
        """Some of its body came."""
        self._fruitless = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words
        """What came is no HTTP."""
        self._refuse(NOT_HTTP)

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it is sent."""
        super().pause_writing()
        self._reader = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken it."""
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None
        super().resume_writing()

    def _wait_for_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._in_head:
            self._refuse(errors.too_slow(HEAD_SECONDS))
        else:
            self.transport.close()  # there is no request to be answered

    def _refuse(self, error: HttpError) -> None:
        """Say why, unless another answer is under way, and close."""
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self.cycle.keep_alive = False  # the request before it is whole, and is answered first and last
            self.transport.pause_reading()  # until then
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_as_sent(error.response()))
        if self.cycle is not None:
            self.cycle.disconnected = True  # it is told, should it still work on its answer
        self.transport.close()


def _answer_at_once(cycle: RequestResponseCycle, status: int, headers: Headers, body: bytes) -> bool:
    """Send a whole answer in one piece. False where it has to go the ordinary way, as the client does not read.

    uvicorn sends head and body apart: two calls of the system, and two packets for the client to wake for.
    """
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started:
        return False
    content = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        content += (name, b": ", value, b"\r\n")
    if CLOSE[0] in headers:
        cycle.keep_alive = False
    elif not cycle.keep_alive:
        content.append(b"connection: close\r\n")
    content += (b"\r\n", b"" if cycle.scope["method"] == "HEAD" else body)
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join(content))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


def _as_sent(response: Response) -> bytes:
    status, body, headers = response
    fields = [b"%s: %s\r\n" % field for field in (*headers, (b"content-length", b"%d" % len(body)))]
    return b"".join([b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode()), *fields, b"\r\n", body])
