"""Who may ask: API keys, and pages of other origins. Both only where they are configured."""

import hmac
from collections.abc import Collection, Sequence

from serving.http import errors
from serving.http.messages import Headers, Request, Response

OPEN = frozenset({"/livez", "/healthz", "/readyz"})
"""What needs no key, beside the page's files: probes come without."""
PREFLIGHT_SECONDS = b"600"
ALLOWED = b"authorization, content-type, inference-header-content-length, x-api-key, x-request-id"
_EXPOSED = (b"access-control-expose-headers", b"inference-header-content-length, retry-after, x-request-id")


class Guard:
    """Lets requests in."""

    def __init__(self, keys: Sequence[str], origins: Collection[str], pages: Collection[str]) -> None:
        """keys: any of them opens; none at all opens to everybody. origins: "*" is every one. pages: paths without a key."""
        self._keys = [key.encode() for key in keys]
        self._origins = frozenset(origin.encode() for origin in origins)
        self._open = OPEN | frozenset(pages)

    def check(self, request: Request) -> None:
        """Raises HttpError 401 for a request without a key where one is needed."""
        if not self._keys or request.path in self._open:
            return
        given = request.headers.get(b"x-api-key", b"")
        scheme, _, token = request.headers.get(b"authorization", b"").partition(b" ")
        if not given and scheme.lower() == b"bearer":
            given = token.strip()
        # Every key is compared, each in a time that tells nothing of how much of it was right.
        matches = sum(hmac.compare_digest(given, key) for key in self._keys)
        if not matches:
            raise errors.unauthorised()

    def preflight(self, request: Request) -> Response | None:
        """The answer to a browser that asks whether a page of another origin may ask; None for every other request."""
        if request.method != "OPTIONS" or b"access-control-request-method" not in request.headers or not self._origins:
            return None
        allowed = (
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", ALLOWED),
            (b"access-control-max-age", PREFLIGHT_SECONDS),
        )
        return Response(204, b"", allowed)

    def headers(self, request: Request) -> Headers:
        """What lets a page of an allowed origin read an answer."""
        if not self._origins:
            return ()
        origin = request.headers.get(b"origin", b"")
        if b"*" in self._origins:
            return ((b"access-control-allow-origin", b"*"), _EXPOSED)
        vary = (b"vary", b"origin")
        return ((b"access-control-allow-origin", origin), _EXPOSED, vary) if origin in self._origins else (vary,)
