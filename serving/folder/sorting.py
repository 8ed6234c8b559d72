"""The files of a run copied or moved into a folder for each digit, and one for each other status.

A file keeps its name and the folders that tell it from the others: those below the last one that all rows lie in. So its
place depends on the rows alone, and a sorting that was cut off anywhere goes on when it is done again.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from serving.folder.again import Again, archive_of
from serving.folder.placing import ALL_FAIL, How, NoBytes, put
from serving.folder.urls import is_url
from serving.folder.written import Row
from serving.reading import Limits

PLACE = "{digit}"
NAMED = 10
"""Files that could not be sorted are named up to so many."""


@dataclass(frozen=True, slots=True)
class Sorting:
    """What is asked for."""

    into: str
    """A folder's path in which {digit} stands for the digit, or for the status where none is promised; at its end where it
    does not stand there."""
    how: How

    @property
    def base(self) -> str:
        """The folder that all of it lies in."""
        return os.path.dirname(self._template.partition(PLACE)[0] + "_") or "."

    def folder(self, row: Row) -> str:
        """Where a row's file belongs."""
        return self._template.replace(PLACE, str(row.digit) if row.status == "digit" else row.status)

    @property
    def _template(self) -> str:
        return self.into if PLACE in self.into else os.path.join(self.into, PLACE)


@dataclass(slots=True)
class Sorted:
    """What became of the files."""

    placed: int = 0
    already: int = 0
    """They were there, with the same bytes, or an earlier run had moved them."""
    left: int = 0
    """They have no bytes that could be put anywhere: what cannot be read, is gone, or may not be moved out of an archive."""
    left_names: list[str] = field(default_factory=list)
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    """A sentence each; these and the names above up to NAMED."""


def sort(
    rows: Callable[[], Iterable[Row]], sorting: Sorting, limits: Limits, mark: str, go_on: Callable[[], None]
) -> Sorted:
    """Put each row's file where it belongs. Nothing that lies there is ever replaced: a second 7.png becomes 7-2.png.

    mark: what names this run's unfinished files, the same one when it is done again. go_on: called between files, and may
    raise. Raises OSError where no file can be put anywhere, as when the disk is full.
    """
    root = _common(row.source for row in rows())
    done, find = Sorted(), Again()
    for row in rows():
        go_on()
        folder = sorting.folder(row)
        path = os.path.join(folder, *_harmless(row.source[len(root) :]))
        try:
            item = find(row.source) if sorting.how == "copied" or os.path.isfile(row.source) else None
            if item is None:
                _miss(done, row.source, path, sorting.how)
            elif put(item, path, sorting.how, limits, mark):
                done.placed += 1
            else:
                done.already += 1
        except NoBytes:
            _leave(done, row.source)
        except OSError as error:
            if error.errno in ALL_FAIL:
                raise
            done.failed += 1
            if len(done.failures) < NAMED:
                done.failures.append(f"{row.source} cannot be {sorting.how} to {folder}: {error.strerror or error}")
    return done


def _common(sources: Iterable[str]) -> str:
    """What all sources begin with: a folder with its slash, or nothing."""
    root: str | None = None
    for source in sources:
        if root is None:
            root = source[: source.rfind("/") + 1]
        while not source.startswith(root):
            root = root[: root.rfind("/", 0, -1) + 1]
    return root or ""


def _harmless(path: str) -> list[str]:
    """The parts of a path that lead down: an archive may say ../../etc., or give a file no name."""
    parts = ["_" if part == ".." else part for part in path.split("/") if part not in {"", "."}]
    return [*parts, "_"] if not parts or path.endswith("/") else parts


def _miss(done: Sorted, source: str, path: str, how: How) -> None:
    """There is no such file: an earlier run has moved it, or it cannot be had."""
    if how == "moved" and os.path.lexists(path) and archive_of(source) is None and not is_url(source):
        done.already += 1
    else:
        _leave(done, source)


def _leave(done: Sorted, source: str) -> None:
    done.left += 1
    if len(done.left_names) < NAMED:
        done.left_names.append(source)
