"""The run over many files: rows in the order of the items, none held longer than it takes to write them."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from serving.card import Card
from serving.folder.account import Account
from serving.folder.items import Item
from serving.folder.journal import SYNC_SECONDS, Journal, OtherRun
from serving.folder.sinks import part_of, write_all
from serving.folder.work import Done


class Engine(Protocol):
    """What turns items into rows: processes here, a service elsewhere, a cluster."""

    @property
    def grain(self) -> int:
        """A run may be cut off and go on after any multiple of so many items, and its rows are the same."""

    def done(self, items: Iterator[Item], first: int, should_stop: Callable[[], bool]) -> Iterator[Done]:
        """What becomes of the items, in their order. first: the index of the first. Ends early where it should stop."""

    def close(self) -> None:
        """Let go of what it holds."""


@dataclass(frozen=True, slots=True)
class Answerer:
    """Whose rows they are."""

    identity: str
    """The model's, as rows name it."""
    card: Card
    library: str
    """What runs the model, and its version."""


class Stopped(Exception):
    """The run was asked to stop, and has finished what was under way."""


@dataclass(slots=True)
class Progress:
    """How a run stands, for whoever watches."""

    account: Account
    resumed: int = 0
    """Items that an earlier run had finished."""
    noticed: list[str] = field(default_factory=list)
    """What has changed among their files since."""
    began: float = field(default_factory=time.monotonic)


Watch = Callable[[Progress], object]


def journal_of(output: Path) -> Path:
    """What a run's journal is called, until it is complete."""
    return output.with_name(output.name + ".journal")


def to_file(
    items: Iterator[Item],
    engine: Engine,
    output: Path,
    head: bytes,
    header: dict[str, Any],
    watch: Watch,
    should_stop: Callable[[], bool],
) -> Progress:
    """Write the rows to the output's part, going on where an earlier run was cut off. Returns how it ended.

    head: what stands before the first row. header: what a run has to have in common with the one it continues. Raises
    OtherRun, Stopped, OSError; what is written stays.
    """
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(journal_of(output), header))
        part = part_of(output)
        file: BinaryIO = stack.enter_context(open(part, "r+b" if part.exists() else "w+b", buffering=0))
        progress, items, offset = _begin(journal, file, items, head, engine.grain)
        watch(progress)
        synced = time.monotonic()
        first = progress.account.found
        for done in engine.done(_counted(items, progress.account), first, should_stop):
            write_all(file, done.rows)
            offset += len(done.rows)
            progress.account.counts += done.counts
            journal.commit(done.entries, done.rows, offset, progress.account.counts)
            if time.monotonic() - synced > SYNC_SECONDS:
                journal.sync()
                synced = time.monotonic()
            watch(progress)
        if should_stop():
            raise Stopped
        progress.account.close()
        return progress


def to_stream(
    items: Iterator[Item], engine: Engine, file: BinaryIO, head: bytes, watch: Watch, should_stop: Callable[[], bool]
) -> Progress:
    """Write the rows to a stream, which nothing can be continued of. Raises Stopped, OSError."""
    progress = Progress(Account())
    file.write(head)
    for done in engine.done(_counted(items, progress.account), 0, should_stop):
        file.write(done.rows)
        file.flush()
        progress.account.counts += done.counts
        watch(progress)
    if should_stop():
        raise Stopped
    progress.account.close()
    return progress


def _begin(
    journal: Journal, file: BinaryIO, items: Iterator[Item], head: bytes, grain: int
) -> tuple[Progress, Iterator[Item], int]:
    resumed = None if journal.is_new else journal.resume(items, file, grain)
    if resumed is None or resumed.offset < len(head):
        file.truncate(0)
        file.seek(0)
        write_all(file, head)
        journal.begin(head)
        return Progress(Account()), items if resumed is None else resumed.items, len(head)
    file.truncate(resumed.offset)
    file.seek(resumed.offset)
    account = Account(resumed.first, resumed.counts)
    return Progress(account, resumed.first, resumed.noticed), resumed.items, resumed.offset


def _counted(items: Iterator[Item], account: Account) -> Iterator[Item]:
    for item in items:
        account.found += 1
        yield item


__all__ = ["Answerer", "Engine", "OtherRun", "Progress", "Stopped", "Watch", "journal_of", "to_file", "to_stream"]
