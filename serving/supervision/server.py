"""The server of one worker: uvicorn's, with a beginning that the supervisor is told of, and an end that loses nobody."""

import asyncio
import select
import socket
import time
from collections.abc import Callable

import uvicorn

from serving.supervision.connection import Configuration, Connection
from serving.supervision.lifeline import DRAIN_S, NEWCOMERS_S, Word, say


class Server(uvicorn.Server):
    """Ends when told to by a signal, or when the supervisor is gone."""

    def __init__(self, config: Configuration, lifeline: socket.socket, told: dict[str, object]) -> None:
        """told: what the supervisor shall know when this worker is ready."""
        super().__init__(config)
        self._share, self._lifeline, self._told = config.share, lifeline, told
        self._orphaned = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, accept, and say so."""
        await super().startup(sockets)
        self._share.open()
        asyncio.get_running_loop().add_reader(self._lifeline, self._supervisor_is_gone)
        say(self._lifeline, Word(ready=self._told))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer everybody and close each connection after its answer; only then close those that are idle."""
        self._share.close()
        for connection in self._connections():
            if not connection.idle:
                connection.close_soon()
        if not self._orphaned:  # else a new supervisor may want the address now
            await asyncio.sleep(DRAIN_S)
            await _until(lambda: not select.select(sockets or [], [], [], 0)[0], NEWCOMERS_S)
        for server in self.servers:
            server.close()
        await _until(lambda: not any(one.cycle is None for one in self._connections()), NEWCOMERS_S)
        await super().shutdown(sockets)

    def _connections(self) -> list[Connection]:
        return [one for one in self.server_state.connections if isinstance(one, Connection)]

    def _supervisor_is_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self._orphaned = self.should_exit = True


async def _until(reached: Callable[[], bool], seconds: float) -> None:
    """Wait for something, but not for ever."""
    end = time.monotonic() + seconds
    while not reached() and time.monotonic() < end:
        await asyncio.sleep(0.005)
