"""The page: the files of serving/page as they are sent, read once."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from serving.http.messages import Headers, to_json
from serving.reading import Limits

FOLDER = Path(__file__).parents[1] / "page"
INDEX = "index.html"
"""Served at /; every other file under /page/."""

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
"""Of the files that are sent; what else lies in the folder is not."""
PACKED = ".gz"
"""A file with this ending is the one without it, packed. It is sent so, as every browser that can use it takes it."""

RUNTIME = "runtime/ort.wasm"
"""Where `make web` puts what runs a model in the browser."""
LOCAL = "/page/local.json"
"""Tells the page whether that is there, and what one picture may cost."""
WORKER = "/page/local/worker.js"
"""Where in a browser a model runs: of all files the only one that may compile WebAssembly."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"

HEADERS: Headers = (
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
    policy: str = POLICY
    """What the browser lets it do."""
    is_packed: bool = False
    """Whether the body is packed, with gzip."""

    @property
    def headers(self) -> Headers:
        """All that is sent with it."""
        own = (
            (b"content-type", self.content_type.encode()),
            (b"etag", self.etag.encode()),
            (b"content-security-policy", self.policy.encode()),
        )
        return own + HEADERS + (((b"content-encoding", b"gzip"),) if self.is_packed else ())


def assets(limits: Limits, folder: Path = FOLDER) -> dict[str, Asset]:
    """The files of the page by the path that they are served at: "/", "/page/page.css" and so on.

    limits: what one picture may cost, which the page is told.
    """
    found = dict(_files(folder))
    can_run = f"/page/{RUNTIME}" in found
    told = to_json({"can_run": can_run, "limits": asdict(limits)})
    return found | {LOCAL: _asset(told, "application/json", LOCAL)}


def _files(folder: Path) -> Iterator[tuple[str, Asset]]:
    for file in sorted(folder.rglob("*")):
        is_packed = file.suffix == PACKED
        name = file.with_suffix("") if is_packed else file
        if content_type := CONTENT_TYPES.get(name.suffix):
            inside = name.relative_to(folder).as_posix()
            path = "/" if inside == INDEX else f"/page/{inside}"
            yield path, _asset(file.read_bytes(), content_type, path, is_packed=is_packed)


def _asset(body: bytes, content_type: str, path: str, *, is_packed: bool = False) -> Asset:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Asset(body, content_type, etag, WORKER_POLICY if path == WORKER else POLICY, is_packed)
