"""Pictures as the bodies of requests, and whole requests as files that wrk's script sends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BodyKind = Literal["multipart", "raw", "packed"]
"""A form with files; one picture as it is; several, each with its length before it, for who takes no form."""
BOUNDARY = "----------------------8c5cf2e9a4d1"
PACKED = b"many"


@dataclass(frozen=True, slots=True)
class Requests:
    """Whole requests, as files called 0, 1, … in a folder, with so many pictures each."""

    folder: Path
    count: int
    pictures: int


def multipart(files: Sequence[bytes]) -> bytes:
    """A form with a file input, as curl sends it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{place}.png"\r\n'
        f"Content-Type: image/png\r\n\r\n".encode()
        + data
        + b"\r\n"
        for place, data in enumerate(files)
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def raw(files: Sequence[bytes]) -> bytes:
    """The one picture there is."""
    (data,) = files
    return data


def packed(files: Sequence[bytes]) -> bytes:
    """A word that no picture begins with, and each file after its length: 4 bytes, little-endian."""
    return PACKED + b"".join(len(data).to_bytes(4, "little") + data for data in files)


BODIES: dict[BodyKind, tuple[str, Callable[[Sequence[bytes]], bytes]]] = {
    "multipart": (f"multipart/form-data; boundary={BOUNDARY}", multipart),
    "raw": ("image/png", raw),
    "packed": ("application/octet-stream", packed),
}
"""Of each kind the content type, and what makes it."""


def write_requests(
    folder: Path, kind: BodyKind, files: Sequence[bytes], pictures: int, paths: Sequence[str] = ("/predict",)
) -> Requests:
    """Write requests of so many pictures each that hold all the files; the paths take turns, and each has its turn.

    With several pictures a request they hold the files twice, in another order the second time.
    """
    folder.mkdir(parents=True)
    content_type, body = BODIES[kind]
    if pictures > 1:
        files = [*files, *files[::2], *files[1::2]]
    groups = [files[start : start + pictures] for start in range(0, len(files) - pictures + 1, pictures)]
    count = max(len(groups), len(paths))
    for place in range(count):
        data = body(groups[place % len(groups)])
        head = f"POST {paths[place % len(paths)]} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(data)}\r\n\r\n"
        (folder / str(place)).write_bytes(head.encode() + data)
    return Requests(folder, count, pictures)
