"""What one row is about, and how its bytes are had: a file, or a part of an archive."""

import os
import stat
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from serving.outcome import Rejection
from serving.reading import Limits, Reason

OPEN_ARCHIVES = 8
"""Kept open in one process; a folder's worth of archives would run out of descriptors."""
UNREADABLE, TOO_LONG = Rejection(Reason.UNREADABLE), Rejection(Reason.TOO_MANY_BYTES)


class Fetched(NamedTuple):
    """An item's bytes or why it has none, and its stamp: what tells that it has changed since."""

    data: bytes | Rejection
    stamp: str


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file in a zip archive."""

    archive: str
    name: str
    offset: int
    """Where it begins: a name may stand there twice."""
    size: int
    crc: int

    @property
    def source(self) -> str:
        """What its row calls it."""
        return f"{self.archive}/{self.name}"

    @property
    def stamp(self) -> str:
        """Its size and checksum."""
        return f"{self.size} {self.crc:08x}"

    def read(self, limits: Limits) -> bytes | Rejection:
        """Its bytes, or why it has none: no more than the limit is ever unpacked."""
        if self.size > limits.max_bytes:
            return TOO_LONG
        try:
            archive, members = _zip(self.archive)
            with archive.open(members[self.offset]) as file:
                return file.read(limits.max_bytes)
        except (OSError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, EOFError):
            return UNREADABLE  # encrypted, damaged, packed in a way that is unknown here, or gone


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar archive that is not compressed: some bytes of another file."""

    archive: str
    name: str
    offset: int
    size: int
    modified: float

    @property
    def source(self) -> str:
        """What its row calls it."""
        return f"{self.archive}/{self.name}"

    @property
    def stamp(self) -> str:
        """Its size and time."""
        return f"{self.size} {self.modified}"

    def read(self, limits: Limits) -> bytes | Rejection:
        """Its bytes, or why it has none."""
        if self.size > limits.max_bytes:
            return TOO_LONG
        try:
            descriptor = os.open(self.archive, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(descriptor, self.size, self.offset)
            finally:
                os.close(descriptor)
        except OSError:
            return UNREADABLE


@dataclass(frozen=True, slots=True)
class Held:
    """A file that can be read but once, in its turn: in a compressed tar archive."""

    source: str
    data: bytes | Rejection

    @property
    def stamp(self) -> str:
        """Its size and checksum."""
        return f"{len(self.data)} {zlib.crc32(self.data):08x}" if isinstance(self.data, bytes) else ""

    def read(self, _limits: Limits) -> bytes | Rejection:
        """Its bytes, which are here."""
        return self.data


@dataclass(frozen=True, slots=True)
class Remote:
    """What a URL of fsspec names."""

    source: str
    stamp: str
    """What its store's listing says of it."""
    size: int | None

    def read(self, limits: Limits) -> bytes | Rejection:
        """Its bytes, or why it has none."""
        import fsspec

        if self.size is not None and self.size > limits.max_bytes:
            return TOO_LONG
        try:
            with fsspec.open(self.source, "rb") as file:
                data: bytes = file.read(limits.max_bytes + 1)
        except Exception:  # noqa: BLE001  every store has errors of its own
            return UNREADABLE
        return data if len(data) <= limits.max_bytes else TOO_LONG


Item = str | ZipMember | TarMember | Held | Remote
"""A plain file is its path alone, as there may be millions."""


def source_of(item: Item) -> str:
    """What a row calls an item."""
    return item if isinstance(item, str) else item.source


def fetch(item: Item, limits: Limits) -> Fetched:
    """An item's bytes; what is too long is not read at all."""
    if isinstance(item, str):
        return _fetch_file(item, limits)
    return Fetched(item.read(limits), item.stamp)


def stamp_of(item: Item) -> str:
    """An item's stamp as it is now, without its bytes; "" where it cannot be had."""
    if not isinstance(item, str):
        return item.stamp
    try:
        return _stamp(os.stat(item))
    except (OSError, ValueError):
        return ""


def _fetch_file(path: str, limits: Limits) -> Fetched:
    """Three calls of the system and no more: at fifty thousand small files a second each counts."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe that nobody writes to is no wait
    except (OSError, ValueError):
        return Fetched(UNREADABLE, stamp_of(path))
    try:
        found = os.fstat(descriptor)
        stamp = _stamp(found)
        if not stat.S_ISREG(found.st_mode):
            return Fetched(UNREADABLE, stamp)
        if found.st_size > limits.max_bytes:
            return Fetched(TOO_LONG, stamp)
        return Fetched(_read_whole(descriptor, found.st_size, limits.max_bytes), stamp)
    except OSError:
        return Fetched(UNREADABLE, stamp_of(path))
    finally:
        os.close(descriptor)


def _read_whole(descriptor: int, size: int, most: int) -> bytes | Rejection:
    data = os.read(descriptor, size + 1)
    while len(data) != size:  # it grows or shrinks while it is read, or the system gave less than it could
        more = os.read(descriptor, most + 1 - len(data))
        if not more:
            break
        data += more
        if len(data) > most:
            return TOO_LONG
    return data


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns}"


@lru_cache(maxsize=OPEN_ARCHIVES)
def _zip(path: str) -> tuple[zipfile.ZipFile, dict[int, zipfile.ZipInfo]]:
    archive = zipfile.ZipFile(path)
    return archive, {info.header_offset: info for info in archive.infolist()}
