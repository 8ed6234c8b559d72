"""One client's connection: HTTP/1.1 read by httptools, bounded, and answered in one piece.

An application may have a method `at_once`, an AnswerAtOnce: what came whole is offered to it before a task is made.

uvicorn takes this class, or one below it, as `uvicorn.Config(http=Connection)`, and keeps what it is the server for:
listening, signals, the application's beginning and end. Its own class (0.54) takes a head of any length, which its parser
copies anew with every packet: one client that sends 186 MB of a header keeps a worker busy for 140 seconds (Intel Xeon,
Python 3.11.7, httptools 0.9.0, one run). It waits for ever for the rest of a head, and for a client that does not take its
answer. And it costs 19 us a request where this costs 8, in a service whose whole answer takes a hundred.

Nothing here is streamed: an answer is one message, as all of ours are.
"""

import asyncio
import logging
import time
import urllib.parse
import weakref
from collections import deque
from http import HTTPStatus
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.server import ServerState

from serving.http import errors
from serving.http.errors import CLOSE, HttpError
from serving.http.messages import AT_ONCE, AnswerAtOnce, Asgi, Headers, Response

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's head, and of whatever else is neither head nor body: the ends of chunks, their extensions, a trailer.

A packet more may come: it is counted when it is there.
"""
MAX_UNREAD = 256 * 1024
"""Bytes of a body that wait for the application before the client has to."""
FEW_BYTES = 16 * 1024
"""Of a body that comes with its head, and may be answered without a task: of more, a task is not what costs."""
MAX_PIPELINED = 16
"""Requests that wait for the answer to the one before them."""
HEAD_SECONDS = 10.0
"""From a connection's beginning, or from a request's first byte, until its head is whole."""
LARGE_BYTES = 2**16
"""A longer body is handed on as it is: joined to its head, it would be copied for each client that takes its time."""
READ_SECONDS = 60.0
"""For a client to take TAKEN_BYTES of an answer that is longer than what the system keeps for it, or the last of it."""
TAKEN_BYTES = 256 * 1024
"""Who takes less than these at a time, 4 kB a second, is given up; of the page's files one has 3.7 MB."""
LOOK_SECONDS = 0.25
"""Between two looks at how long connections have waited: one timer for all, where one for each costs 2 us a request."""

HEAD_TOO_LONG = HttpError(431, "head_too_long", f"A request's head may have {MAX_HEAD_BYTES:,} bytes at most.", CLOSE)
NOT_HTTP = HttpError(400, "not_http", "This is no request of HTTP/1.1.", CLOSE)

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

log = logging.getLogger("digits")


class Cycle:
    """One request and its answer: the application's side of it is ASGI."""

    __slots__ = (
        "_connection", "_expects_continue", "_head", "_waiter", "body", "keep_alive", "more_body", "response_complete",
        "scope",
    )  # fmt: skip

    def __init__(self, connection: "Connection", scope: dict[str, Any], *, keep_alive: bool, expects_continue: bool) -> None:
        self._connection, self.scope = connection, scope
        self.keep_alive, self._expects_continue = keep_alive, expects_continue
        self.body: bytes | bytearray = b""
        self.more_body, self.response_complete = True, False
        self._waiter: asyncio.Future[None] | None = None
        self._head: tuple[int, Headers] | None = None

    async def run(self, app: Asgi) -> None:
        """Have the application answer."""
        self.scope["extensions"] = {AT_ONCE: self.answer_at_once}
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            log.exception("the application failed")
        if not self.response_complete and not self._connection.is_gone:
            self.answer_at_once(500, CLOSE, b"")

    async def receive(self) -> dict[str, Any]:
        """What has come of the body, or that the client left."""
        if self._expects_continue:
            self._expects_continue = False
            self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while self.more_body and not self.body and not self._connection.is_gone and not self.response_complete:
            self._waiter = self._connection.loop.create_future()
            self._connection.resume()
            await self._waiter
        if self._connection.is_gone or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        return {"type": "http.request", "body": bytes(body), "more_body": self.more_body}

    async def send(self, message: dict[str, Any]) -> None:
        """Take the two messages of an answer."""
        if message["type"] == "http.response.start":
            self._head = message["status"], tuple(message["headers"])
            return
        assert self._head is not None and not message.get("more_body"), "an answer is a head and one body"  # noqa: PT018
        await self._connection.drained()
        if not self._connection.is_gone:
            self.answer_at_once(*self._head, message.get("body", b""))

    def answer_at_once(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send an answer. False where the client does not read, and `send` has to wait for it."""
        connection = self._connection
        if connection.is_paused:
            return False
        if connection.is_gone or self.response_complete:
            return True
        content = [_STATUS_LINES[status]]
        for name, value in (*connection.server_state.default_headers, *headers):
            content += (name, b": ", value, b"\r\n")
        if CLOSE[0] in headers:
            self.keep_alive = False
        elif not self.keep_alive:
            content.append(b"connection: close\r\n")
        content.append(b"\r\n")
        if self.scope["method"] == "HEAD":
            body = b""
        self.response_complete = True
        if len(body) > LARGE_BYTES:
            connection.transport.write(b"".join(content))
            connection.transport.write(body)
        else:
            connection.transport.write(b"".join((*content, body)))
        connection.answered(self)
        return True

    def add(self, body: bytes) -> int:
        """Take some of the body, and say how much of it waits. After the answer nobody reads it."""
        if self.response_complete:
            return 0
        if not self.body:
            self.body = body
        else:
            if isinstance(self.body, bytes):
                self.body = bytearray(self.body)
            self.body += body
        self.wake()
        return len(self.body)

    def wake(self) -> None:
        """There is more of the body, or no more client."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """A connection that gives up on whoever takes too much of it."""

    transport: asyncio.Transport
    cycle: Cycle | None = None
    """The latest request that has a head."""
    is_gone = is_paused = False
    """Whether the client has left; whether it does not take its answer."""
    _answering: Cycle | None = None
    _begun: Cycle | None = None
    """What is to be answered, and is not yet known to be whole."""
    _drained: asyncio.Future[None] | None = None
    _in_head = _expects_continue = False
    _is_reading = True
    _fruitless = 0
    """Bytes since there was last something of a request to be had from them."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn makes it."""
        self.config, self.server_state, self.app_state = config, server_state, app_state
        self.loop = _loop or asyncio.get_event_loop()
        self.connections: set[Any] = server_state.connections
        self._parser = httptools.HttpRequestParser(self)
        self._pipeline: deque[Cycle] = deque()
        self._since = time.monotonic()
        """When what is waited for began to be: a head, the next request, or the client's reading."""
        self._left = 0
        """Bytes of an answer that it has not taken, as they were then."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._at_once: AnswerAtOnce | None = getattr(config.loaded_app, "at_once", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there; its first request has to come soon."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._client, self._server = (_address(transport.get_extra_info(name)) for name in ("peername", "sockname"))
        self.connections.add(self)
        _look_after(self.server_state, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """It is gone."""
        self.is_gone = True
        self.connections.discard(self)
        for cycle in (self._answering, *self._pipeline):
            if cycle is not None:
                cycle.wake()
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._fruitless += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserUpgrade:  # to something that is not spoken here: it is answered as it stands, and closed
            if self.cycle is not None:
                self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(NOT_HTTP)
            return
        if self._fruitless > MAX_HEAD_BYTES:
            self._refuse(HEAD_TOO_LONG)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        finally:
            if self._begun is not None:
                self._answer(self._begun)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._expects_continue = True, False
        self._since = time.monotonic()
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        """Some of its target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Its head is whole: it is answered, in its turn."""
        self._fruitless, self._in_head = 0, False
        path, query = _target(self._url)
        parser, version = self._parser, self._parser.get_http_version()
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": version, "scheme": "http",
            "method": parser.get_method().decode("ascii"), "path": urllib.parse.unquote(path) if "%" in path else path,
            "raw_path": path.encode(), "query_string": query, "root_path": "", "headers": self._headers,
            "client": self._client, "server": self._server, "state": self.app_state,
        }  # fmt: skip
        self.cycle = Cycle(
            self, scope, keep_alive=version != "1.0" and parser.should_keep_alive(), expects_continue=self._expects_continue
        )
        if self._answering is None:
            self._answering = self._begun = self.cycle
        else:
            self._pipeline.append(self.cycle)
            self.pause()

    def on_body(self, body: bytes) -> None:
        """Some of its body."""
        self._fruitless = 0
        assert self.cycle is not None
        if self.cycle.add(body) > MAX_UNREAD:
            self.pause()

    def on_message_complete(self) -> None:
        """It is whole."""
        cycle = self.cycle
        assert cycle is not None
        cycle.more_body = False
        if cycle is not self._begun:
            cycle.wake()
        elif self._at_once and len(cycle.body) <= FEW_BYTES and not (self._expects_continue or self.is_paused):
            self._begun = None
            if not self._at_once(cycle.scope, bytes(cycle.body), cycle.answer_at_once):
                self._answer(cycle)

    def answered(self, cycle: Cycle) -> None:
        """An answer has been sent: on with what comes next."""
        self.server_state.total_requests += 1
        self._answering = None
        self._since = time.monotonic()
        if not cycle.keep_alive:
            self.transport.close()
        elif self._pipeline:
            self._answer(self._pipeline.popleft())
        else:
            self.resume()

    def shutdown(self) -> None:
        """Close when nothing is being answered."""
        if self._answering is None:
            self.transport.close()
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    def pause(self) -> None:
        """Let the client wait with what it sends."""
        if self._is_reading and not self.transport.is_closing():
            self._is_reading = False
            self.transport.pause_reading()

    def resume(self) -> None:
        """Take what it sends."""
        if not self._is_reading and not self.transport.is_closing():
            self._is_reading = True
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it is sent."""
        self.is_paused = True
        self._since, self._left = time.monotonic(), self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """It has taken it."""
        self.is_paused = False
        self._since = time.monotonic()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def drained(self) -> None:
        """Wait until the client takes what it is sent, or has left."""
        while self.is_paused and not self.is_gone:
            self._drained = self.loop.create_future()
            await self._drained

    def look(self, now: float) -> None:
        """Give up on a client that has been waited for too long."""
        if self.is_paused and (left := self.transport.get_write_buffer_size()) <= self._left - TAKEN_BYTES:
            self._since, self._left = now, left
        waited = now - self._since
        if self.is_paused:
            if waited > READ_SECONDS:
                self.transport.abort()
        elif self._in_head or self.cycle is None:
            if waited > HEAD_SECONDS:
                self._give_up()
        elif self._answering is None and waited > self.config.timeout_keep_alive:
            self.transport.close()

    def _answer(self, cycle: Cycle) -> None:
        self._answering, self._begun = cycle, None
        task = self.loop.create_task(cycle.run(self.config.loaded_app))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def _give_up(self) -> None:
        if self._in_head:
            self._refuse(errors.too_slow(HEAD_SECONDS))
        else:
            self.transport.close()  # there is no request to be answered

    def _refuse(self, error: HttpError) -> None:
        """Say why, and close. What came whole before is answered first, and is the last."""
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self.cycle.keep_alive = False
            self.pause()
            return
        if self.transport.is_closing():
            return
        self.transport.write(_as_sent(error.response()))
        self.transport.close()


_looked_after: "weakref.WeakSet[ServerState]" = weakref.WeakSet()


def _look_after(state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    """Look at a server's connections now and then, as long as it has some."""

    def look() -> None:
        now = time.monotonic()
        for one in list(state.connections):
            if isinstance(one, Connection):
                one.look(now)
        if state.connections:
            loop.call_later(LOOK_SECONDS, look)
        else:
            _looked_after.discard(state)

    if state not in _looked_after:
        _looked_after.add(state)
        loop.call_later(LOOK_SECONDS, look)


def _address(found: Any) -> tuple[str, int] | None:
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) and len(found) >= 2 else None


def _target(url: bytes) -> tuple[str, bytes]:
    """Path and query of a request's target. Raises ValueError, httptools.HttpParserError."""
    if not url.startswith(b"/") or b"#" in url:
        parsed = httptools.parse_url(url)
        return (parsed.path or b"/").decode("ascii"), parsed.query or b""
    path, _, query = url.partition(b"?")
    return path.decode("ascii"), query


def _as_sent(response: Response) -> bytes:
    status, body, headers = response
    lines = (b"%s: %s\r\n" % field for field in (*headers, (b"content-length", b"%d" % len(body))))
    return b"".join([_STATUS_LINES[status], *lines, b"\r\n", body])
