"""The page: the files of serving/page as they are sent, read once."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from serving.http.messages import Headers

FOLDER = Path(__file__).parents[1] / "page"
INDEX = "index.html"
"""Served at /; every other file under /page/."""

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Of the files that are sent; what else lies in the folder is not."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Headers = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
    (b"cache-control", b"no-cache"),  # kept, but asked about each time: with the ETag that costs a few bytes
)
"""What is sent with each of them."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    body: bytes
    content_type: str
    etag: str
    """A strong validator (RFC 9110, 8.8.3), with its quotes."""


def assets(folder: Path = FOLDER) -> dict[str, Asset]:
    """The files of the page by the path that they are served at: "/", "/page/page.css" and so on."""
    files = sorted(path for path in folder.iterdir() if path.suffix in CONTENT_TYPES)
    return {"/" if path.name == INDEX else f"/page/{path.name}": _asset(path) for path in files}


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, CONTENT_TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
