"""Bodies taken in, within bounds: of one request, of all that are in memory at once, and of time."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from serving.http import errors
from serving.http.messages import Disconnected, Request


def _untold(_held: int) -> None:
    """Nobody asked."""


class Intake:
    """Takes in the bodies of one worker's requests. Belongs to one event loop."""

    def __init__(self, *, max_body: int, max_held: int, seconds: float, tell: Callable[[int], object] = _untold) -> None:
        """max_body: bytes of one request. max_held: bytes of all requests not yet answered. seconds: until one is whole.

        tell: is told how many bytes are held.
        """
        self._max_body, self._max_held, self._seconds = max_body, max_held, seconds
        self._held, self._tell = 0, tell

    async def body(self, request: Request) -> bytes:
        """The whole body of a request. Raises HttpError 413 as soon as it is known to be too long, 408, 503; Disconnected.

        What it holds counts until `release`.
        """
        announced = request.headers.get(b"content-length", b"0")
        length = int(announced) if announced.isdigit() else 0
        if length > self._max_body:
            raise errors.too_many_bytes(self._max_body)
        if self._held + length > self._max_held:
            raise errors.overloaded(errors.CLOSE)
        event = await request.receive()
        if event["type"] == "http.request" and not event.get("more_body"):
            body: bytes = event["body"]
            self.take(request, body)
            return body
        try:
            async with asyncio.timeout(self._seconds):
                return await self._rest(request, event)
        except TimeoutError:
            raise errors.too_slow(self._seconds) from None

    async def _rest(self, request: Request, event: Mapping[str, Any]) -> bytes:
        chunks = []
        while True:
            if event["type"] == "http.disconnect":
                raise Disconnected
            chunk = event.get("body", b"")
            self.take(request, chunk)
            chunks.append(chunk)
            if not event.get("more_body"):
                return b"".join(chunks)
            event = await request.receive()

    def take(self, request: Request, chunk: bytes) -> None:
        """Take in a part of a request's body, or all of it. Raises HttpError 413, 503. It counts until `release`."""
        request.held += len(chunk)
        self._held += len(chunk)
        self._tell(self._held)
        if request.held > self._max_body:
            raise errors.too_many_bytes(self._max_body)
        if self._held > self._max_held:
            raise errors.overloaded(errors.CLOSE)

    def release(self, request: Request) -> None:
        """Let go of a request's body; it has been answered."""
        self._held -= request.held
        request.received, request.held = request.held, 0
        self._tell(self._held)
