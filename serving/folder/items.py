"""What one row is about, and how its bytes are had: a file, or a part of an archive. An item is small: bytes come later."""

import lzma
import os
import stat
import struct
import tarfile
import threading
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, BinaryIO, NamedTuple, cast

from serving.outcome import Rejection
from serving.reading import Limits, Reason

ARCHIVE_FAULTS = (
    OSError, EOFError, ValueError, RuntimeError, OverflowError, struct.error, zlib.error, lzma.LZMAError,
    zipfile.BadZipFile, tarfile.TarError,
)  # fmt: skip
"""What zipfile, tarfile and what unpacks for them may meet damaged bytes with."""
UNREADABLE, TOO_LONG = Rejection(Reason.UNREADABLE), Rejection(Reason.TOO_MANY_BYTES)
_UNREAD_FLAGS = 0x1 | 0x20 | 0x40  # encrypted, patched, strongly encrypted
_LOCAL_HEADER = struct.Struct("<4s22x2H")


class Fetched(NamedTuple):
    """An item's bytes or why it has none, and its stamp: what tells that it has changed since."""

    data: bytes | Rejection
    stamp: str


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file in a zip archive, and what its directory says of it: nobody who reads a member needs the whole directory."""

    archive: str
    name: str
    offset: int
    """Where it begins: a name may stand there twice."""
    packed_size: int
    size: int
    crc: int
    method: int
    flags: int

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
        if self.flags & _UNREAD_FLAGS:
            return UNREADABLE
        try:
            with open(self.archive, "rb") as file:
                self._go_to_data(file)
                with zipfile.ZipExtFile(file, "r", self._info()) as member:
                    return member.read(self.size + 1)
        except ARCHIVE_FAULTS:
            return UNREADABLE  # damaged, packed in a way that is unknown here, or gone

    def _go_to_data(self, file: BinaryIO) -> None:
        file.seek(self.offset)
        magic, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if magic != b"PK\3\4":
            raise zipfile.BadZipFile
        file.seek(name + extra, os.SEEK_CUR)

    def _info(self) -> zipfile.ZipInfo:
        info = zipfile.ZipInfo(self.name)
        info.compress_type, info.compress_size, info.file_size, info.CRC = (
            self.method, self.packed_size, self.size, self.crc,
        )  # fmt: skip
        return info


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar archive: some bytes of another file, which may be compressed."""

    archive: str
    name: str
    offset: int
    """Where its bytes begin in the archive, unpacked."""
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
        """Its bytes, or why it has none. A compressed archive is unpacked as far as here, so read its members in order."""
        if self.size > limits.max_bytes:
            return TOO_LONG
        try:
            data = _unpacking.read(self.archive, self.offset, self.size)
        except ARCHIVE_FAULTS:
            return UNREADABLE
        return data if len(data) == self.size else UNREADABLE


@dataclass(frozen=True, slots=True)
class Refused:
    """What is refused before anything is read of it: a link in an archive, a file that ended its process."""

    source: str
    stamp: str
    why: Rejection

    def read(self, _limits: Limits) -> Rejection:
        """Why it is refused."""
        return self.why


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


Item = str | ZipMember | TarMember | Refused | Remote
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


class _Unpacking:
    """The tar archive that was last read, kept open: going forward in one that is compressed is cheap, going back is not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: tuple[str, int, int] | None = None
        self._file: IO[bytes] | None = None

    def read(self, archive: str, offset: int, size: int) -> bytes:
        """Some bytes of it, unpacked. Raises one of ARCHIVE_FAULTS."""
        with self._lock:
            try:
                file = self._opened(archive)
                file.seek(offset)
                return file.read(size)
            except ARCHIVE_FAULTS:
                self._close()  # where it stands now, nobody knows
                raise

    def _opened(self, archive: str) -> IO[bytes]:
        found = os.stat(archive)
        wanted = archive, found.st_ino, found.st_mtime_ns
        if self._file is None or wanted != self._of:
            self._close()
            self._file = cast("IO[bytes]", tarfile.open(archive).fileobj)  # noqa: SIM115  it stays open for the next member
            self._of = wanted
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


_unpacking = _Unpacking()
