"""How a run tells how it goes: a bar on a terminal, a line now and then in a log, nothing where nobody wants it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from serving.folder.run import Progress, Watch
from serving.outcome import STATUSES

LINE_SECONDS = 10.0


@contextmanager
def watching(console: Console, name: str, *, quiet: bool) -> Iterator[tuple[Watch, Callable[[int], None]]]:
    """Gives what a run is watched by, and what is told the number of items as soon as it is known."""
    if quiet:
        yield (lambda _progress: None), (lambda _total: None)
    elif console.is_terminal:
        bar = Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(), TextColumn("{task.fields[counts]}"), console=console, transient=True,
        )  # fmt: skip
        with bar:
            task = bar.add_task(name, total=None, rate="", counts="")
            yield (lambda progress: _move(bar, task, progress)), (lambda total: bar.update(task, total=total))
    else:
        lines = _Lines(console)
        yield lines.watch, lines.expect


def rate(progress: Progress) -> float:
    """Items a second since this run began."""
    return (progress.account.counts.total() - progress.resumed) / max(time.monotonic() - progress.began, 1e-9)


def _move(bar: Bar, task: TaskID, progress: Progress) -> None:
    done = progress.account.counts.total()
    bar.update(task, completed=done, rate=f"{rate(progress):,.0f}/s", counts=_counts(progress))


def _counts(progress: Progress) -> str:
    return " ".join(f"{progress.account[status]:,} {status}" for status in STATUSES if progress.account[status])


class _Lines:
    """A line every LINE_SECONDS."""

    def __init__(self, console: Console) -> None:
        self._console, self._total = console, 0
        self._next = time.monotonic() + LINE_SECONDS

    def expect(self, total: int) -> None:
        self._total = total

    def watch(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LINE_SECONDS
        done, speed = progress.account.counts.total(), rate(progress)
        left = f", {(self._total - done) / speed:,.0f} s left" if self._total and speed else ""
        of = f" of {self._total:,}" if self._total else ""
        self._console.print(f"{done:,}{of} done, {speed:,.0f}/s{left}: {_counts(progress)}")
