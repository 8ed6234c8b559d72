"""What a URL names: one file, or all below it, in any store that fsspec knows."""

import zlib
from collections.abc import Iterator
from typing import Any

from serving.folder.chosen import Chosen
from serving.folder.items import Remote

STAMPS = ("etag", "ETag", "md5Hash", "mtime", "LastModified", "updated", "created")
"""What stores call that which changes with a file."""


class UrlUnusable(Exception):
    """A URL's store cannot be asked; the message says what is missing or what it answered."""


class UrlMissing(UrlUnusable):
    """There is nothing of that name."""


def is_url(path: str) -> bool:
    """Whether a path is a URL of fsspec."""
    scheme, separator, _ = path.partition("://")
    return bool(separator) and scheme.replace("+", "").replace("-", "").isalnum()


def listed(url: str, chosen: Chosen) -> Iterator[Remote]:
    """Every file that a URL names, sorted by name, hidden ones aside. Raises UrlUnusable."""
    try:
        import fsspec
    except ImportError:
        raise UrlUnusable(f"{url} needs the package fsspec: pip install 'digits[urls]'") from None
    try:
        store, path = fsspec.url_to_fs(url)
        found = {path: store.info(path)} if store.isfile(path) else store.find(path, detail=True)
    except ImportError as error:
        raise UrlUnusable(f"{url} needs another package: {error}") from None
    except Exception as error:  # noqa: BLE001  every store has errors of its own
        raise UrlUnusable(f"{url} cannot be listed: {error or type(error).__name__}") from None
    if not found:
        raise UrlMissing(f"{url} does not exist, or holds nothing")
    root = path.rstrip("/") + "/"
    _, chained, within = url.partition("::")
    for name in sorted(found):
        below = name.rpartition("/")[2] if name == path else name.removeprefix(root)
        is_hidden = name != path and any(part.startswith(".") for part in below.split("/"))
        if not is_hidden and chosen.takes(below):
            info: dict[str, Any] = found[name]
            yield Remote(store.unstrip_protocol(name) + chained + within, _stamp(info), info.get("size"))


def _stamp(info: dict[str, Any]) -> str:
    told = [str(info[key]) for key in STAMPS if info.get(key) is not None]
    return f"{info.get('size')} {zlib.crc32(repr(told).encode()):08x}"
