"""What a run has finished, beside its output: so that it can be killed at any instant and goes on where it was.

One header line, then commits: a line for each item with its stamp, and a line that says how far the output has come. A
commit holds its rows' checksum and its own, so that neither a torn line nor a page that never reached the disk counts.
"""

import fcntl
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, Self

from serving.folder.items import Item, source_of, stamp_of

VERSION = 1
SYNC_SECONDS = 5.0
_ESCAPE = re.compile(r"\\(.)")
NAMED = 10
"""Changed files are named up to so many."""


class OtherRun(Exception):
    """What is there is of another run, or of one that is going on; the message says which."""


@dataclass(slots=True)
class Resumed:
    """Where a run goes on."""

    items: Iterator[Item]
    """What remains."""
    first: int = 0
    """The index of the first of them."""
    offset: int = 0
    """Bytes of the output that stand."""
    counts: Counter[str] = field(default_factory=Counter)
    noticed: list[str] = field(default_factory=list)
    """What has changed among the finished files since, a sentence each."""


def entries(sources: Sequence[str], stamps: Sequence[str]) -> bytes:
    """The lines of some items."""
    text = "".join([f"{stamp}\t{source}\n" for source, stamp in zip(sources, stamps, strict=True)])
    if "\\" in text or text.count("\n") > len(sources):
        text = "".join([f"{stamp}\t{_escaped(source)}\n" for source, stamp in zip(sources, stamps, strict=True)])
    return text.encode("utf-8", "surrogateescape")


def _escaped(source: str) -> str:
    return source.replace("\\", "\\\\").replace("\n", "\\n") if "\\" in source or "\n" in source else source


class Journal:
    """The file. One run at a time holds it."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        """Open or create it. header: of plain values; a run goes on only where it is the same. Raises OSError, OtherRun."""
        self._header = json.dumps({"journal": VERSION, **header}, sort_keys=True).encode() + b"\n"
        self._file: BinaryIO = open(path, "a+b", buffering=0)  # noqa: SIM115  it is held as long as the run is
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise OtherRun("another run is writing it") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_new(self) -> bool:
        """Whether nothing whole is in it."""
        self._file.seek(0)
        return not self._file.readline().endswith(b"\n")

    def begin(self, head: bytes) -> None:
        """Begin anew. head: what stands before the output's first row."""
        self._file.truncate(0)
        self._append(self._header)
        self.commit(b"", head, len(head), Counter())

    def commit(self, lines: bytes, rows: bytes, offset: int, counts: Counter[str]) -> None:
        """Say that some items are done. lines: theirs. rows: theirs in the output. offset, counts: of all of it now."""
        told = {"offset": offset, "rows": zlib.crc32(rows), "lines": zlib.crc32(lines), "counts": counts}
        self._append(lines + b"=" + json.dumps(told).encode() + b"\n")

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def sync(self) -> None:
        """Have it on the disk."""
        os.fsync(self._file.fileno())

    def resume(self, items: Iterator[Item], output: BinaryIO, batch: int) -> Resumed:
        """How far an earlier run came, as far as its files are still what they were. output: what it has written.

        batch: of how many items any but the last commit has whole ones, so that what is answered together always is. What
        follows the last good commit is cut off. Raises OtherRun where the journal is of a run with other options.
        """
        self._file.seek(0)
        with open(os.dup(self._file.fileno()), "rb") as file:
            if file.readline() != self._header:
                raise OtherRun("it is of a run with another model, other options or another version")
            resumed, end = _replay(file, items, output, batch)
        self._file.truncate(end)
        return resumed


def _replay(file: BinaryIO, items: Iterator[Item], output: BinaryIO, batch: int) -> tuple[Resumed, int]:
    resumed, end = Resumed(items), file.tell()
    while True:
        commit = _read_commit(file)
        if commit is None:
            return resumed, end
        lines, told = commit
        rows = output.read(told["offset"] - output.tell())
        if output.tell() != told["offset"] or zlib.crc32(rows) != told["rows"]:
            return resumed, end
        now = list(islice(items, len(lines)))
        more = list(islice(items, 1)) if len(lines) % batch else []  # it was the last one, and now is not
        if more or lines != [_line_of(item) for item in now]:
            before = dict(map(_parsed, chain(lines, _remaining(file))))
            rest = chain(now, more, items)
            ahead = _up_to(next(reversed(before)), rest)
            resumed.items = chain(ahead, rest)
            resumed.noticed = _differences(before, ahead)
            return resumed, end
        end = file.tell()
        resumed.first += len(lines)
        resumed.offset, resumed.counts = told["offset"], Counter(told["counts"])


def _read_commit(file: BinaryIO) -> tuple[list[bytes], dict[str, Any]] | None:
    """The next commit's lines and what it tells; None where there is none, or it is not whole."""
    lines: list[bytes] = []
    for line in file:
        if not line.endswith(b"\n"):
            return None
        if not line.startswith(b"="):
            lines.append(line)
            continue
        try:
            told = json.loads(line[1:])
        except ValueError:
            return None
        return (lines, told) if isinstance(told, dict) and told.get("lines") == zlib.crc32(b"".join(lines)) else None
    return None


def _line_of(item: Item) -> bytes:
    return entries([source_of(item)], [stamp_of(item)])


def _remaining(file: BinaryIO) -> Iterator[bytes]:
    while commit := _read_commit(file):
        yield from commit[0]


def _parsed(line: bytes) -> tuple[str, str]:
    """A line's source and stamp."""
    stamp, _, escaped = line.removesuffix(b"\n").decode("utf-8", "surrogateescape").partition("\t")
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else "\\", escaped), stamp


def _up_to(source: str, items: Iterator[Item]) -> list[Item]:
    """The items up to one of that source; all of them, where it is not among them."""
    taken: list[Item] = []
    for item in items:
        taken.append(item)
        if source_of(item) == source:
            break
    return taken


def _differences(before: dict[str, str], ahead: Sequence[Item]) -> list[str]:
    """What became of files that were finished, and what came between them. before: their stamps by their sources."""
    gone, told = dict.fromkeys(before), []
    for item in ahead:
        source, stamp = source_of(item), stamp_of(item)
        gone.pop(source, None)
        if stamp != before.get(source):
            told.append(f"{source} {'has changed' if source in before else 'is new'} since the last run")
    told += [f"{source} is gone since the last run" for source in gone]
    return told if len(told) <= NAMED else [*told[:NAMED], f"and {len(told) - NAMED:,} more"]
