"""The server of one worker: uvicorn's, with a beginning that the supervisor is told of, and an end that loses nobody."""

import asyncio
import functools
import select
import socket
import time
from collections.abc import Callable, Sequence

import uvicorn

from serving.http.messages import ENDING
from serving.supervision.connection import Configuration, Connection
from serving.supervision.lifeline import DRAIN_S, NEWCOMERS_S, Word, say
from serving.supervision.listening import hear_all

MOST_AT_ONCE = 64
"""Connections that one turn of the loop accepts. uvloop's own servers accept one, and a turn may be long."""
FASTER = 4
"""Times as many as in the last turn where more wait; one at first, so that few clients are shared with other workers."""
PATIENCE_S = 0.1
"""Until it is tried again to accept where the system has nothing left to do it with."""


class Server(uvicorn.Server):
    """Accepts by itself. Ends when told to by a signal, or when the supervisor is gone."""

    def __init__(self, config: Configuration, lifeline: socket.socket, told: dict[str, object], notice_s: float = 0) -> None:
        """told: what the supervisor shall know when this worker is ready. notice_s: it says so long that it will end."""
        super().__init__(config)
        self._share, self._lifeline, self._told, self._notice_s = config.share, lifeline, told, notice_s
        self._orphaned = False
        self._listeners: Sequence[socket.socket] = ()
        self._at_once = 1
        self._joining: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, accept, and say so."""
        await super().startup([])  # it would accept, too
        self._listeners = sockets or ()
        for listener in self._listeners:
            listener.settimeout(0)
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        self._share.open()
        asyncio.get_running_loop().add_reader(self._lifeline, self._supervisor_is_gone)
        say(self._lifeline, Word(ready=self._told))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give notice; then answer everybody and close each connection after its answer; only then those that are idle."""
        if not self._orphaned:
            self.lifespan.state[ENDING] = True
            await _until(lambda: self._orphaned, self._notice_s)
        self._share.close()
        for connection in self._connections():
            if not connection.idle:
                connection.close_soon()
        if not self._orphaned:  # else a new supervisor may want the address now
            await asyncio.sleep(DRAIN_S)
            await _until(lambda: not any(map(_is_awaited, self._listeners)), NEWCOMERS_S)
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)
        self._listeners = ()
        await _until(self._is_everybody_heard, NEWCOMERS_S)
        await super().shutdown(sockets)

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self._at_once):
            try:
                connection, _address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):  # another worker was first; the client is gone
                break
            except OSError:  # too many open files, as a rule, and the listener stays readable
                loop.remove_reader(listener)
                loop.call_later(PATIENCE_S, self._accept_again, listener)
                break
            connection.settimeout(0)
            if self.should_exit:
                hear_all(connection)
            task = loop.create_task(self._join(connection))
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)
        self._at_once = min(FASTER * self._at_once, MOST_AT_ONCE) if _is_awaited(listener) else 1

    def _accept_again(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    async def _join(self, connection: socket.socket) -> None:
        make = functools.partial(
            Connection, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        try:
            await asyncio.get_running_loop().connect_accepted_socket(make, connection)
        except OSError:  # it is gone already
            connection.close()

    def _is_everybody_heard(self) -> bool:
        return not self._joining and all(one.cycle is not None for one in self._connections())

    def _connections(self) -> list[Connection]:
        return [one for one in self.server_state.connections if isinstance(one, Connection)]

    def _supervisor_is_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self._orphaned = self.should_exit = True


def _is_awaited(listener: socket.socket) -> bool:
    """Whether connections wait to be accepted."""
    return bool(select.select([listener], [], [], 0)[0])


async def _until(reached: Callable[[], bool], seconds: float) -> None:
    """Wait for something, but not for ever."""
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        await asyncio.sleep(0.005)
