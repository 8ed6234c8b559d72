"""Files that appear under their name when they are complete."""

import errno
import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self


class PartFile:
    """A text file that appears under its name when it is complete.

    Until then it is NAME.part, which stays when the run is cut short. Names that are not UTF-8 are written as the bytes
    they are.
    """

    def __init__(self, path: Path) -> None:
        """Open NAME.part anew. Raises OSError."""
        self._path = path
        self.part = part_of(path)
        self._file = self.part.open("w", encoding="utf-8", errors="surrogateescape", newline="")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        if kind is None:
            self.part.replace(self._path)


def part_of(path: Path) -> Path:
    """What an output is called until it is complete."""
    return path.with_name(path.name + ".part")


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of some bytes to an unbuffered file. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def publish(part: Path, path: Path) -> None:
    """Give a complete part its name, on the disk before anybody sees it. Raises OSError."""
    sync(part)
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_writable(path: Path) -> None:
    """See before the work that a file can be written later. Leaves what is there as it is. Raises OSError."""
    part = part_of(path)
    was_there = part.exists()
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part.open("ab").close()
        if not was_there:
            part.unlink()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write(path: Path, text: str) -> None:
    """Write a text that appears under its name when it is complete. Raises OSError."""
    part = part_of(path)
    try:
        part.write_text(text, encoding="utf-8")
        publish(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from None
