"""What remains when all rows are there: the output's own name, and what is made of the rows.

The journal takes another name then, which stays until the last step is done. So a run that is cut off between is known for
what it is, though its files may have been moved, and only its steps are done again. Each of them may be.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from serving.folder import parquet
from serving.folder.account import Account
from serving.folder.journal import OtherRun
from serving.folder.rows import Format
from serving.folder.run import journal_of
from serving.folder.sinks import part_of, publish, sync


def finishing_of(output: Path) -> Path:
    """What a run's journal is called while its last steps are done."""
    return output.with_name(output.name + ".finishing")


def converted_of(output: Path) -> Path:
    """What a Parquet file is called while it is made."""
    return output.with_name(output.name + ".part.new")


def stands(output: Path, header: dict[str, Any]) -> bool:
    """Whether there is such a run whose rows are complete. Raises OSError."""
    path = finishing_of(output)
    if not path.exists():
        return False
    with path.open("rb") as file:
        return _is_of(file, header)


def begin(output: Path) -> None:
    """All rows are in the output's part. Raises OSError."""
    sync(part_of(output))
    sync(journal_of(output))
    journal_of(output).replace(finishing_of(output))
    sync(output.parent)


@contextmanager
def held(output: Path, header: dict[str, Any]) -> Iterator[Account]:
    """Hold a run whose rows are complete while its steps are done; what says so goes when they are. Gives its account.

    header: what the run has to have been of. Raises OtherRun, OSError.
    """
    path = finishing_of(output)
    with path.open("r+b") as file:  # some file systems lock only what may be written
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OtherRun("another run is writing it") from None
        if not _is_of(file, header):
            raise OtherRun("it is of a run with another model, other options or another version")
        yield _account(file)
        path.unlink()


def name_output(output: Path, form: Format, go_on: Callable[[], None]) -> Path | None:
    """Give the output its name, made of the rows where it is no text. Raises OSError, and what go_on raises.

    Returns where the rows can be read; None where an earlier run has done all with them.
    """
    part = part_of(output)
    if form != "parquet":
        if part.exists():
            publish(part, output)
        return output
    if not part.exists():
        return None
    converted = converted_of(output)
    parquet.convert(part, converted, go_on)
    publish(converted, output)
    return part


def _is_of(journal: BinaryIO, header: dict[str, Any]) -> bool:
    told = json.loads(journal.readline())
    return bool(told == {"journal": told["journal"], **header})


def _account(journal: BinaryIO) -> Account:
    """What the journal's last line tells."""
    end = journal.seek(0, os.SEEK_END)
    journal.seek(max(0, end - 4096))
    counts: Counter[str] = Counter(json.loads(journal.read().splitlines()[-1][1:])["counts"])
    return Account(counts.total(), counts)
