"""Which handler a path and a method lead to."""

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from serving.callers import Caller
from serving.http import errors
from serving.http.messages import Request, Response

Handler = Callable[..., Awaitable[Response]]
"""Takes the request, and the parts of its path by name. Raises HttpError, Disconnected."""

AtOnce = Callable[[Request, bytes, Caller[Response]], bool]
"""Takes a request and the whole of its body, and answers the caller. False: it has to be awaited. Raises HttpError."""

UNKNOWN = "unknown"
"""The route of a path that there is not."""


class Route(NamedTuple):
    """A path's pattern, such as /models/{name}, and what answers it, by method."""

    pattern: str
    handlers: Mapping[str, Handler]
    at_once: Mapping[str, AtOnce] = MappingProxyType({})
    """What answers without waiting, where it can."""


class Routes:
    """The closed list of what can be asked for."""

    def __init__(self, routes: list[Route]) -> None:
        self._fixed = {route.pattern: route for route in routes if "{" not in route.pattern}
        self._patterns = [(_compiled(route.pattern), route) for route in routes if "{" in route.pattern]

    def find(self, path: str) -> tuple[Route | None, Mapping[str, str]]:
        """The route of a path and the parts of it that it names; None where there is none."""
        if fixed := self._fixed.get(path):
            return fixed, {}
        for pattern, route in self._patterns:
            if found := pattern.fullmatch(path):
                return route, found.groupdict()
        return None, {}


def handler_of(route: Route | None, request: Request) -> Handler:
    """What answers a request. Raises HttpError 404 and 405. HEAD is answered as GET is."""
    if route is None:
        raise errors.not_found(request.path)
    method = "GET" if request.method == "HEAD" else request.method
    if handler := route.handlers.get(method):
        return handler
    raise errors.method_not_allowed(", ".join(route.handlers))


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern))
