"""Many clients of one service in one process, each with a connection of its own, and a record of every request.

    python -m benchmarks.strain.clients --port 3000 --requests FOLDER --count 512 --connections 64 --seconds 5
                                        [--rate 8000] --record OUT.npz

FOLDER holds whole requests as files called 0, 1, … (benchmarks/load/bodies.py writes them). With a rate, requests are due at
fixed times whatever became of those before (an open loop); one that is due while every client still waits for an answer is
not sent, and counted. Without, each client sends its next request when it has its answer. A client whose connection ends
opens another. Prints "running" when all connections are open, and a line of JSON at the end.

Written with epoll and as little else as will do: it shares the cores with what it loads. Times are of CLOCK_MONOTONIC, which
is the same in every process of a machine. Linux only.
"""

import argparse
import errno
import json
import re
import select
import socket
import time
from array import array
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLOSED, UNANSWERED = 0, 1
"""Instead of a status: the connection ended before the answer was whole; there was none until the end."""
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n")
WORKER = re.compile(rb"\r\nx-request-id: ([0-9a-f]+)-")
OPENED_AT_ONCE, PAUSE_S = 250, 0.05
"""Connections, and how long the next wait: what a full backlog drops, TCP sends again only seconds later."""
REST_S = 0.02
"""Until a client whose connection was refused tries again."""
GRACE_S = 15.0
"""For answers after the last request was sent."""
BUSY = {429, 503}


@dataclass(slots=True)
class Client:
    """One connection."""

    socket: socket.socket
    sent: float = 0.0
    """When all bytes of its request had been sent; 0 where none is under way."""
    heard: bytes = b""
    worker: int = 0
    """Who answered it last."""
    connecting: bool = False


class Clients:
    """All of them."""

    def __init__(self, port: int, requests: list[bytes], connections: int, rate: float | None) -> None:
        self._address, self._requests, self._rate = ("127.0.0.1", port), requests, rate
        self._poll = select.epoll()
        self._clients: dict[int, Client] = {}
        self._free: deque[Client] = deque()
        self._resting: deque[float] = deque()
        self._next = 0
        self.workers: dict[bytes, int] = {}
        """Their numbers, by what their request ids begin with."""
        self.sent, self.ended, self.lags = array("d"), array("d"), array("d")
        self.statuses, self.of_worker = array("H"), array("H")
        self.unsent = self.refused = self.without_retry_after = 0
        for place in range(connections):
            self._open()
            if place % OPENED_AT_ONCE == OPENED_AT_ONCE - 1:
                time.sleep(PAUSE_S)
        until = time.monotonic() + 30
        while len(self._free) < connections and time.monotonic() < until:
            self._hear(0.01)
            self._wake()

    def run(self, seconds: float) -> None:
        """Send for so long, and wait for the last answers."""
        began = time.monotonic()
        until, due = began + seconds, 0
        while (now := time.monotonic()) < until:
            self._wake()
            if self._rate is None:
                self._send(len(self._free))
            else:
                due = self._send_due(now, began, due)
            self._hear(0.001)
        while len(self._free) + len(self._resting) < len(self._clients) and time.monotonic() < until + GRACE_S:
            self._hear(0.01)
        for client in self._clients.values():
            if client.sent:
                self._record(client, UNANSWERED)

    def _send_due(self, now: float, began: float, due: int) -> int:
        """Send what is due by now, and give how many were due in all."""
        assert self._rate is not None
        by_now = int((now - began) * self._rate)
        if by_now > due:
            self.lags.append(now - began - due / self._rate)
            self.unsent += by_now - due - self._send(min(by_now - due, len(self._free)))
        return by_now

    def _send(self, count: int) -> int:
        for _ in range(count):
            client = self._free.popleft()
            request = self._requests[self._next]
            self._next = (self._next + 1) % len(self._requests)
            try:
                if client.socket.send(request) < len(request):
                    raise BlockingIOError(errno.EAGAIN, "a request is longer than what a socket holds")
                client.sent = time.monotonic()
            except (BrokenPipeError, ConnectionResetError):
                self._lose(client)  # it was not sent
        return count

    def _hear(self, timeout_s: float) -> None:
        for number, event in self._poll.poll(timeout_s, 1024):
            client = self._clients[number]
            if client.connecting:
                self._connected(client)
                continue
            try:
                part = client.socket.recv(262144)
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            if part:
                self._heard(client, part)
            elif event:
                self._lose(client)

    def _heard(self, client: Client, part: bytes) -> None:
        heard = client.heard = client.heard + part if client.heard else part
        end = heard.find(b"\r\n\r\n")
        if end < 0:
            return
        found = LENGTH.search(heard, 0, end + 2)
        if found is None or len(heard) < end + 4 + int(found[1]):
            return
        head = heard[: end + 2]
        worker = WORKER.search(head)
        status = int(head[9:12])
        client.worker = self.workers.setdefault(worker[1], len(self.workers) + 1) if worker else 0
        if status in BUSY and b"\r\nretry-after: " not in head:
            self.without_retry_after += 1
        self._record(client, status)
        client.heard = b""
        if b"\r\nconnection: close" in head:
            self._drop(client)
            self._open()
        else:
            self._free.append(client)

    def _record(self, client: Client, status: int) -> None:
        self.sent.append(client.sent)
        self.ended.append(time.monotonic())
        self.statuses.append(status)
        self.of_worker.append(client.worker)
        client.sent = 0.0

    def _lose(self, client: Client) -> None:
        """A connection has ended."""
        if client.sent:
            self._record(client, CLOSED)
        elif client in self._free:
            self._free.remove(client)
        self._drop(client)
        self._open()

    def _drop(self, client: Client) -> None:
        number = client.socket.fileno()
        self._poll.unregister(number)
        del self._clients[number]
        client.socket.close()

    def _open(self) -> None:
        client = Client(socket.socket(), connecting=True)
        client.socket.settimeout(0)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.socket.connect_ex(self._address)
        self._clients[client.socket.fileno()] = client
        self._poll.register(client.socket, select.EPOLLOUT)

    def _connected(self, client: Client) -> None:
        if client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.refused += 1
            self._drop(client)
            self._resting.append(time.monotonic() + REST_S)
            return
        client.connecting = False
        self._poll.modify(client.socket, select.EPOLLIN)
        self._free.append(client)

    def _wake(self) -> None:
        now = time.monotonic()
        while self._resting and self._resting[0] < now:
            self._resting.popleft()
            self._open()


def main() -> None:
    """Load and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--record", type=Path, required=True)
    options = parser.parse_args()
    requests = [(options.requests / str(place)).read_bytes() for place in range(options.count)]
    clients = Clients(options.port, requests, options.connections, options.rate)
    print("running", flush=True)
    began, used = time.monotonic(), time.process_time()
    clients.run(options.seconds)
    np.savez(
        options.record,
        sent=np.array(clients.sent),
        ended=np.array(clients.ended),
        statuses=np.array(clients.statuses),
        workers=np.array(clients.of_worker),
        lags=np.array(clients.lags),
    )
    told = {
        "names": [name.decode() for name in clients.workers],
        "unsent": clients.unsent,
        "refused_connections": clients.refused,
        "without_retry_after": clients.without_retry_after,
        "cpu_share": (time.process_time() - used) / (time.monotonic() - began),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
