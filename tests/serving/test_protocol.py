"""One connection of a server in this process: what it bears, and what it does not."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from serving.http import protocol
from serving.http.protocol import MAX_HEAD_BYTES, Connection

LONG = 8 * 2**20
"""Bytes of an answer that no socket takes at once."""
PACKET = 256 * 1024
"""As much as an event loop reads at once."""


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with a body's length, or with a long answer, after as long as it is told."""
    length = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return
        length += len(event["body"])
        if not event["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(0.3)
    body = bytes(LONG) if scope["path"] == "/long" else b"%d" % length
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class AtOnce:
    """The same, which answers what it is offered whole without a task: at once, or soon."""

    def __init__(self) -> None:
        self.offered: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await application(scope, receive, send)

    def at_once(self, scope: Any, body: bytes, send: Any) -> bool:
        if scope["path"] in {"/slow", "/long"}:
            return False
        self.offered.append(body)
        answer = partial(send, 200, [(b"content-length", b"%d" % len(b"%d" % len(body)))], b"%d" % len(body))
        if scope["path"] == "/soon":
            asyncio.get_running_loop().call_later(0.1, answer)
        else:
            answer()
        return True


class Counted(Connection):
    taken = 0

    def data_received(self, data: bytes) -> None:
        Counted.taken += len(data)
        super().data_received(data)


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture(params=[lambda: application, AtOnce], ids=["awaited", "at once"])
def server(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[tuple[Server, int]]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "READ_SECONDS", 0.5)
    monkeypatch.setattr(Counted, "taken", 0)
    config = uvicorn.Config(
        request.param(), http=Counted, ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False,
        timeout_keep_alive=1,
    )  # fmt: skip
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server, listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        yield connection


def heard(connection: socket.socket) -> bytes:
    """All that comes until the other side closes. Raises TimeoutError."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def answer(connection: socket.socket) -> bytes:
    """One answer with a short body."""
    told = b""
    while b"\r\n\r\n" not in told:
        told += connection.recv(65536)
    return told


def flood(port: int, begin: bytes, repeat: bytes) -> bytes:
    """Send one thing again and again until it is not taken any more: what came back."""
    packet = repeat * (65536 // len(repeat))
    with connected(port) as connection:
        connection.sendall(begin)
        try:
            for _ in range(1000):
                connection.sendall(packet)
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail("all of it was taken")
        return heard(connection)


@pytest.mark.parametrize(
    ("begin", "repeat"),
    [
        (b"GET / HTTP/1.1\r\nHost: ", b"a"),
        (GET, b"A: b\r\n"),
        (b"GET /", b"a"),
        (CHUNKED + b"1\r\na\r\n0\r\n", b"A: b\r\n"),
        (CHUNKED + b"1;", b"a"),
    ],
    ids=["one header", "headers", "a target", "a trailer", "a chunk's extension"],
)
def test_what_is_no_body_and_never_ends_is_cut_off(server: tuple[Server, int], begin: bytes, repeat: bytes) -> None:
    told = flood(server[1], begin, repeat)
    assert MAX_HEAD_BYTES < Counted.taken <= MAX_HEAD_BYTES + 2 * PACKET
    assert not told or told.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")), "a reset may have overtaken it"


def test_a_head_that_is_too_long_is_told_so(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        for _ in range(2):  # so that all of it has been read when it is answered
            connection.sendall(GET + b"A: " + b"a" * (MAX_HEAD_BYTES // 2))
            time.sleep(0.05)
        told = heard(connection)
    assert told.startswith(b"HTTP/1.1 431 ")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["error"]["code"] == "head_too_long"


def test_a_long_head_within_the_bound_is_taken(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        connection.sendall(GET + b"A: " + b"a" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_a_long_body_is_no_head(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        for body in (b"Content-Length: %d\r\n\r\n" % LONG + bytes(LONG), b"Content-Length: 3\r\n\r\nabc"):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\n" + body)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_many_requests_over_one_connection_are_all_answered(server: tuple[Server, int]) -> None:
    one = GET + b"A: " + b"a" * 1000 + b"\r\n\r\n"
    with connected(server[1]) as connection:
        for _ in range(3 * MAX_HEAD_BYTES // len(one)):
            connection.sendall(one)
            assert answer(connection).startswith(b"HTTP/1.1 200 ")
        connection.sendall(one * 20 + GET + b"Connection: close\r\n\r\n")
        assert heard(connection).count(b"HTTP/1.1 200 ") == 21


def test_a_connection_on_which_nothing_comes_is_closed(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        began = time.monotonic()
        assert heard(connection) == b""
        assert 0.4 < time.monotonic() - began < 3


@pytest.mark.parametrize("before", [b"", GET + b"\r\n"], ids=["the first request", "the second"])
def test_a_head_that_trickles_is_given_up(server: tuple[Server, int], before: bytes) -> None:
    with connected(server[1]) as connection:
        if before:
            connection.sendall(before)
            answer(connection)
        began = time.monotonic()
        told = b""
        connection.settimeout(0.05)
        connection.sendall(GET)
        while time.monotonic() - began < 5:
            try:
                if not (part := connection.recv(65536)):
                    break
                told += part
            except TimeoutError:
                with suppress(BrokenPipeError, ConnectionResetError):  # it was given up just before
                    connection.sendall(b"A: b\r\n")
            except ConnectionResetError:
                break
    assert told.startswith(b"HTTP/1.1 408 ")
    assert 0.4 < time.monotonic() - began < 3


def test_a_request_that_is_answered_slowly_is_not_given_up(
    server: tuple[Server, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    with connected(server[1]) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        assert answer(connection).startswith(b"HTTP/1.1 200 ")


def test_what_is_no_http_is_refused_in_our_own_words(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\r\n\r\n")
        told = heard(connection)
    assert told.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["error"]["code"] == "not_http"


def test_what_follows_a_whole_request_does_not_take_its_answer(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01 no http\r\n\r\n")
        told = heard(connection)
    assert told.startswith(b"HTTP/1.1 200 ")
    assert told.count(b"HTTP/1.1 ") == 1


def test_an_empty_line_after_an_answer_keeps_no_connection_for_ever(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        connection.sendall(GET + b"\r\n")
        answer(connection)
        connection.sendall(b"\r\n")
        began = time.monotonic()
        assert heard(connection) == b""
        assert time.monotonic() - began < 3


def test_who_does_not_take_an_answer_is_left(server: tuple[Server, int]) -> None:
    with connected(server[1]) as connection:
        connection.sendall(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        until = time.monotonic() + 5
        while server[0].server_state.connections and time.monotonic() < until:
            time.sleep(0.05)
        assert not server[0].server_state.connections


def test_who_takes_an_answer_slowly_gets_all_of_it(server: tuple[Server, int]) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.settimeout(5)
        connection.connect(("127.0.0.1", server[1]))
        connection.sendall(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        began, taken = time.monotonic(), 0
        while some := connection.recv(32 * 1024):
            taken += len(some)
            time.sleep(max(0, began + taken / LONG * 2 - time.monotonic()))
    assert taken > LONG
    assert time.monotonic() - began > 2 * protocol.READ_SECONDS


@pytest.mark.parametrize("behind", [b"A" * 65536, b"\x00\x01\r\n\r\n" * 10_000], ids=["a head without end", "no HTTP"])
def test_a_request_is_answered_whatever_comes_behind_a_request_that_is_whole(
    server: tuple[Server, int], behind: bytes
) -> None:
    with connected(server[1]) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        connection.settimeout(1)
        try:
            for _ in range(500):
                connection.sendall(behind)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail("all of it was taken")
        told = heard(connection)
    assert Counted.taken <= MAX_HEAD_BYTES + 3 * PACKET
    assert not told or told.startswith(b"HTTP/1.1 200 "), "a reset may have overtaken it"


POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"


@pytest.fixture
def offering(server: tuple[Server, int]) -> tuple[AtOnce, int]:
    running, port = server
    app = running.config.loaded_app
    assert isinstance(app, AtOnce)
    return app, port


at_once = pytest.mark.parametrize("server", [AtOnce], indirect=True, ids=[""])


@at_once
def test_what_comes_whole_is_answered_without_a_task(server: tuple[Server, int], offering: tuple[AtOnce, int]) -> None:
    app, port = offering
    with connected(port) as connection:
        for _ in range(3):
            connection.sendall(POST + b"\r\nabc")
            assert answer(connection).endswith(b"\r\n\r\n3")
        connection.sendall(POST.replace(b"/", b"/soon", 1) + b"Connection: close\r\n\r\nabc")
        time.sleep(0.05)
        assert not server[0].server_state.tasks
        assert heard(connection).endswith(b"\r\n\r\n3")
    assert app.offered == [b"abc"] * 4


@at_once
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (POST + b"\r\na", b"bc"),
        (POST + b"\r\n", b"abc"),
        (POST + b"Expect: 100-continue\r\n\r\nabc", b""),
        (CHUNKED + b"3\r\nabc\r\n", b"0\r\n\r\n"),
    ],
    ids=["body in two", "head first", "asking to go on", "chunks without end"],
)
def test_what_has_to_be_waited_for_has_a_task(offering: tuple[AtOnce, int], first: bytes, then: bytes) -> None:
    app, port = offering
    with connected(port) as connection:
        connection.sendall(first)
        time.sleep(0.05)
        connection.sendall(then)
        told = answer(connection)
        while not told.endswith(b"\r\n\r\n3"):
            told += answer(connection)
    assert app.offered == []


@at_once
def test_a_long_body_has_a_task_even_if_it_comes_whole(offering: tuple[AtOnce, int]) -> None:
    app, port = offering
    for length, offered in ((protocol.FEW_BYTES, 1), (protocol.FEW_BYTES + 1, 1)):
        with connected(port) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length + bytes(length))
            assert answer(connection).endswith(b"\r\n%d" % length)
        assert len(app.offered) == offered


@at_once
def test_answers_keep_the_order_of_their_requests_however_they_are_made(offering: tuple[AtOnce, int]) -> None:
    app, port = offering

    def asking(path: bytes, body: bytes, more: bytes = b"") -> bytes:
        return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (path, len(body), more, body)

    paths = (b"/soon", b"/", b"/slow", b"/soon", b"/")
    with connected(port) as connection:
        parts = [asking(path, bytes(number)) for number, path in enumerate(paths)]
        connection.sendall(b"".join(parts) + asking(b"/", bytes(5), b"Connection: close\r\n"))
        told = heard(connection)
    assert [part[0] for part in told.split(b"\r\n\r\n")[1:]] == list(b"012345")
    assert app.offered[0] == b""


@at_once
def test_who_leaves_before_the_answer_disturbs_nobody(
    server: tuple[Server, int], offering: tuple[AtOnce, int], caplog: pytest.LogCaptureFixture
) -> None:
    app, port = offering
    with connected(port) as connection:
        connection.sendall(POST.replace(b"/", b"/soon", 1) + b"\r\nabc")
        time.sleep(0.03)
    with connected(port) as connection:
        connection.sendall(POST.replace(b"/", b"/soon", 1) + b"\r\nabc")
        assert answer(connection).endswith(b"3")
    assert len(app.offered) == 2
    assert not caplog.records
    deadline = time.monotonic() + 5
    while server[0].server_state.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not server[0].server_state.connections


@pytest.mark.parametrize(("length", "pieces"), [(protocol.LARGE_BYTES, 1), (protocol.LARGE_BYTES + 1, 2)])
def test_a_large_answer_is_not_copied_for_each_client_that_takes_its_time(length: int, pieces: int) -> None:
    written: list[bytes] = []
    body = bytes(length)
    connection = SimpleNamespace(
        is_paused=False,
        is_gone=False,
        server_state=SimpleNamespace(default_headers=[]),
        transport=SimpleNamespace(write=written.append),
        answered=lambda _cycle: None,
    )
    cycle = protocol.Cycle(connection, {"method": "GET"}, keep_alive=True, expects_continue=False)  # type: ignore[arg-type]
    assert cycle.answer_at_once(200, ((b"content-length", b"%d" % length),), body)
    assert len(written) == pieces
    assert b"".join(written).endswith(b"\r\n\r\n" + body)
    assert (written[-1] is body) == (pieces == 2)
