"""Clients that ask all the time, and what became of each of their requests."""

import http.client
import threading
import time
from collections import Counter
from contextlib import closing
from typing import Self

LOST = "lost"
ANSWERED = "answered"
PATIENCE_S = 60.0


class Load:
    """Clients that ask for one picture after another until the block ends or nobody listens any more."""

    def __init__(self, port: int, pictures: list[bytes], *, kept: int, fresh: int) -> None:
        """pictures: one of each digit, in order. kept: clients that keep their connection; fresh: that open one for each."""
        self._port, self._pictures = port, pictures
        self.fates: Counter[str] = Counter()
        self.slowest_s = 0.0
        self.closed = threading.Event()
        """Somebody was refused a connection."""
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = [
            threading.Thread(target=self._client, args=(number, number < kept)) for number in range(kept + fresh)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    @property
    def answered(self) -> int:
        """With 200 and the right digit."""
        return self.fates[ANSWERED]

    @property
    def lost(self) -> int:
        """Sent, and never answered."""
        with self._lock:
            return sum(count for fate, count in self.fates.items() if fate.startswith(LOST))

    @property
    def wrong(self) -> int:
        """Answered otherwise."""
        with self._lock:
            return sum(count for fate, count in self.fates.items() if not fate.startswith((ANSWERED, LOST)))

    def _client(self, number: int, keeps: bool) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S / 2)) as connection:
            self._ask(connection, number, keeps)

    def _ask(self, connection: http.client.HTTPConnection, number: int, keeps: bool) -> None:
        while not self._over.is_set():
            if connection.sock is None:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    self.closed.set()
                    return
            began = time.monotonic()
            fate = self._fate(connection, number % 10)
            with self._lock:
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                self.fates[fate] += 1
            number += 1
            if not keeps:
                connection.close()

    def _fate(self, connection: http.client.HTTPConnection, digit: int) -> str:
        try:
            connection.request("POST", "/predict", self._pictures[digit], {"content-type": "image/png"})
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"{LOST}: {error!r}"
        right = answer.status == 200 and f'"digit":{digit},'.encode() in body
        return ANSWERED if right else f"{answer.status}: {body[:200]!r}"
