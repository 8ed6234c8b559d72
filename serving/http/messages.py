"""A request and a response as the handlers know them, whatever the server calls them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from serving.outcome import Outcome

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
SendAtOnce = Callable[[int, "Headers", bytes], bool]
"""Sends an answer in one piece: status, headers, body. False where the client does not read, and it has to be awaited."""
AnswerAtOnce = Callable[[Scope, bytes, SendAtOnce], bool]
"""Answers a request whose body is whole, now or soon. False: it has to be awaited."""

Headers = tuple[tuple[bytes, bytes], ...]
"""Names in lower case, as they go over the wire."""

AT_ONCE = "digits.at_once"
"""An extension of ASGI that our connections have: a SendAtOnce."""
ENDING = "digits.ending"
"""Is true in ASGI's state, which our server shares with the application, once it has been told to end."""

JSON: Headers = ((b"content-type", b"application/json"),)


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Request:
    """One request. Its body has not been read yet."""

    __slots__ = (
        "arrived", "error", "headers", "held", "id", "method", "model", "outcomes", "path", "pictures", "query", "receive",
        "received", "scope",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, arrived: float) -> None:
        """arrived: time.perf_counter() at which it came."""
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.scope, self.receive = scope, receive
        self.arrived = arrived
        self.held = self.received = 0
        """Bytes of its body that are in memory; that were, once it has been answered."""
        self.id = ""
        self.model, self.error, self.pictures = "", "", 0
        """What the log tells of it, as far as it comes to that: who answered it, an error's code, how many pictures."""
        self.outcomes: Sequence[Outcome] = ()

    def header(self, name: bytes) -> str:
        """A header's value by its name in lower case, "" where there is none."""
        return self.headers.get(name, b"").decode("latin-1")


class Response(NamedTuple):
    """An answer. The content's length is added when it is sent."""

    status: int
    body: bytes
    headers: Headers = JSON


def json_response(value: object, status: int = 200, headers: Headers = ()) -> Response:
    """A response whose body is an object of plain values, and a line's end."""
    return Response(status, to_json(value), JSON + headers if headers else JSON)


def to_json(value: object) -> bytes:
    """Plain values as JSON in UTF-8. Text that is no Unicode (a file name of broken bytes) is told with U+FFFD."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return orjson.dumps(_mended(value), option=orjson.OPT_APPEND_NEWLINE)


def _mended(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_mended(key): _mended(one) for key, one in value.items()}
        case list() | tuple():
            return [_mended(one) for one in value]
    return value
