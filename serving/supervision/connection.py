"""One client's connection as one of those that a worker holds: counted, and closed where another worker has more room."""

import asyncio
from typing import Any

import uvicorn

from serving.http import protocol
from serving.supervision.board import Share

KEEP_ALIVE_S = 30
"""An idle connection is kept longer than most clients keep theirs: whoever closes first may cut off a request."""


class Configuration(uvicorn.Config):
    """How uvicorn is set up for these connections; uvloop is its loop where it is installed."""

    def __init__(self, app: Any, share: Share, most_connections: int, **more: Any) -> None:
        """most_connections: beyond it, a connection without a request makes room for a new one. more: uvicorn's own."""
        self.share, self.most_connections = share, most_connections
        super().__init__(
            app, http=Connection, ws="none", log_config=None, access_log=False, proxy_headers=False,
            server_header=False, timeout_keep_alive=KEEP_ALIVE_S, **more,
        )  # fmt: skip


class Connection(protocol.Connection):
    """A protocol of asyncio; what it bears from a client is the protocol's business, what it answers the application's."""

    config: Configuration
    _counts = False

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def close_soon(self) -> None:
        """Close after the answer that is being given."""
        self._leave()
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close now where no request is there or on its way, else after its answer."""
        if not self.idle:
            self.close_soon()
        elif not self._in_head:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        if len(self.connections) >= self.config.most_connections:
            self._make_room()
        super().connection_made(transport)
        self._counts = True
        self.config.share.come()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._leave()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """A request is to be answered, the last one where too many are held here."""
        super().on_headers_complete()
        if self.config.share.is_too_large():
            self.close_soon()

    def _leave(self) -> None:
        if self._counts:
            self._counts = False
            self.config.share.leave()

    def _make_room(self) -> None:
        """Whichever it meets of those that ask nothing: under attack that is mostly one of the attack's."""
        for one in self.connections:
            if isinstance(one, Connection) and one.idle and not one.transport.is_closing():
                one.transport.close()
                return
