"""A run over files from its first row to its last word: the rows, what is made of them, and what is told."""

import json
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.commands.console import console, printable
from serving.commands.ends import NotSorted, asked_to_stop
from serving.commands.outputs import Outputs
from serving.folder import finishing, report, run, written
from serving.folder.rows import Rows
from serving.folder.sinks import write
from serving.folder.sorting import Sorted, sort
from serving.folder.sources import Sources
from serving.folder.summary import summarise
from serving.folder.urls import UrlUnusable
from serving.folder.watching import closing, watching
from serving.reading import Limits
from serving.version import VERSION

ShouldStop = Callable[[], bool]
COUNTED_AFTER_S = 2.0
"""Seconds: counting takes about a hundredth of the time of a run over small files."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done, whatever engine does it."""

    outputs: Outputs
    by: run.Answerer
    limits: Limits
    quiet: bool

    @property
    def header(self) -> dict[str, Any]:
        """What a run has to have in common with the one that it continues."""
        shape, seen = self.outputs.shape, self.outputs.seen
        return {
            "model": self.by.identity, "shape": repr(shape), "limits": repr(self.limits), "by": self.by.library,
            "seen": None if seen is None else str(seen), "digits": VERSION,
        }  # fmt: skip

    def do(self, sources: Callable[[], Sources], engine: Callable[[], run.Engine], *, overwrite: bool) -> run.Progress:
        """Do it, from where an earlier run of it was cut off. Both are made only where rows are missing.

        Raises run.OtherRun, run.Stopped, SourceUnusable, UrlUnusable, NotSorted, OSError.
        """
        file = self.outputs.file
        with asked_to_stop() as should_stop:
            if file is not None and finishing.stands(file, self.header):
                progress = None  # its files may have been moved since, so what remains comes first, even under --overwrite
            else:
                found = sources()
                self.outputs.make_way(overwrite=overwrite)
                if self.outputs.seen is not None:
                    self.outputs.seen.mkdir(parents=True, exist_ok=True)
                progress = self._answer(found, engine(), should_stop)
            if file is None:
                assert progress is not None
                self._close(progress, None)
                return progress
            with finishing.held(file, self.header) as account:
                progress = progress or run.Progress(account, account.found)
                self._finish(file, progress, should_stop)
                return progress

    def _answer(self, sources: Sources, engine: run.Engine, should_stop: ShouldStop) -> run.Progress:
        file = self.outputs.file
        head = Rows(self.outputs.shape, self.by.identity, self.by.card).head
        try:
            is_in_the_way = file is None and sys.stdout.isatty()  # a bar would be drawn over the rows
            with (
                watching(console, self.by.card.name, quiet=self.quiet or is_in_the_way) as (watch, expect),
                _counting(sources, expect, is_wanted=not self.quiet),
            ):
                if file is None:
                    return run.to_stream(iter(sources), engine, sys.stdout.buffer, head, watch, should_stop)
                progress = run.to_file(iter(sources), engine, file, head, self.header, watch, should_stop)
        finally:
            engine.close()
        finishing.begin(file)
        return progress

    def _finish(self, file: Path, progress: run.Progress, should_stop: ShouldStop) -> None:
        def go_on() -> None:
            if should_stop():
                raise run.Stopped

        placed = None
        with nullcontext() if self.quiet else console.status("All rows are there; what is made of them is under way"):
            rows = finishing.name_output(file, self.outputs.shape.format, go_on)
            if rows is not None:
                self._report(rows, progress, go_on)
                placed = self._sort(rows, go_on)
        self._close(progress, placed)
        if rows is not None and rows != file:
            rows.unlink()

    def _report(self, rows: Path, progress: run.Progress, go_on: Callable[[], None]) -> None:
        if self.outputs.report is not None:
            gathered = report.gather(written.rows(rows, self.outputs.shape.format))
            assert gathered.account.counts == progress.account.counts, "what is written is what was counted"
            write(self.outputs.report, report.page(gathered, self.by, self.limits, str(self.outputs.file), go_on))

    def _sort(self, rows: Path, go_on: Callable[[], None]) -> Sorted | None:
        if self.outputs.sorting is None:
            return None
        mark = f"digits-{zlib.crc32(str(rows.resolve()).encode(errors='surrogateescape')):08x}"
        form = self.outputs.shape.format
        return sort(lambda: written.rows(rows, form), self.outputs.sorting, self.limits, mark, go_on)

    def _close(self, progress: run.Progress, placed: Sorted | None) -> None:
        """Tell what it came to."""
        outputs = self.outputs
        if outputs.summary is not None:
            told = summarise(progress, self.by, outputs.file, placed)
            write(outputs.summary, json.dumps(told, indent=2) + "\n")
        if not self.quiet:
            if console.is_terminal:
                console.print(closing(progress, self.by))
            console.print(str(progress.account))
            for line in outputs.lines(self.by.identity, placed):
                console.print(printable(line), markup=False)
        if placed is not None and placed.failed:
            raise NotSorted(placed.failures, placed.failed)


@contextmanager
def _counting(sources: Sources, expect: Callable[[int], None], *, is_wanted: bool) -> Iterator[None]:
    """Count the files beside the run, where it takes long enough for anybody to ask how many there are."""

    def count() -> None:
        with suppress(OSError, UrlUnusable):  # the run meets it too, and tells
            expect(sources.count())

    timer = threading.Timer(COUNTED_AFTER_S, count)
    timer.daemon = True
    if sources.can_repeat and is_wanted:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
