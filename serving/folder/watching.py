"""How a run tells how it goes: a bar on a terminal, a line now and then in a log, nothing where nobody wants it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from serving.folder.names import plain
from serving.folder.run import Answerer, Progress, Watch
from serving.outcome import STATUSES

LINE_SECONDS = 10.0


@contextmanager
def watching(console: Console, name: str, *, quiet: bool) -> Iterator[tuple[Watch, Callable[[int], None]]]:
    """Gives what a run is watched by, and what is told the number of items as soon as it is known."""
    if quiet:
        yield (lambda _progress: None), (lambda _total: None)
    elif console.is_terminal:
        bar = _Bar(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"),
            TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), console=console, transient=True,
        )  # fmt: skip
        with bar:
            task = bar.add_task(name, total=None, done="", rate="", counts="")
            yield (
                _after_greeting(console, lambda progress: _move(bar, task, progress)),
                lambda total: bar.update(task, total=total),
            )
    else:
        lines = _Lines(console)
        yield _after_greeting(console, lines.watch), lines.expect


class _Bar(Bar):
    """A bar, and below it, where there is room for them, the counts."""

    def get_renderables(self) -> Iterator[RenderableType]:
        yield from super().get_renderables()
        yield from (Text(task.fields["counts"], style="dim", no_wrap=True, overflow="ellipsis") for task in self.tasks)


def _after_greeting(console: Console, watch: Watch) -> Watch:
    """Says first what a run goes on from."""
    is_first = True

    def greet(progress: Progress) -> None:
        nonlocal is_first
        if is_first and (progress.resumed or progress.noticed):
            console.print(f"going on after {progress.resumed:,} rows of an interrupted run")
            for sentence in progress.noticed:
                console.print(plain(sentence), markup=False)
        is_first = False
        watch(progress)

    return greet


def closing(progress: Progress, by: Answerer) -> RenderableType:
    """What a run came to, for a terminal."""
    account = progress.account
    table = Table(box=box.SIMPLE_HEAD, show_footer=True, footer_style="bold", pad_edge=False)
    table.add_column("status", footer="found")
    table.add_column("files", f"{account.found:,}", justify="right")
    table.add_column("share", justify="right")
    for status in STATUSES:
        share = f"{account[status] / account.found:.1%}" if account.found else ""
        table.add_row(status, f"{account[status]:,}", share, style=None if account[status] else "dim")
    resumed = f", {progress.resumed:,} rows were there" if progress.resumed else ""
    seconds = time.monotonic() - progress.began
    return Group(table, Text(f" {seconds:,.1f} s, {rate(progress):,.0f} files/s by {by.identity}{resumed}", style="dim"))


def rate(progress: Progress) -> float:
    """Items a second since this run began."""
    return (progress.account.counts.total() - progress.resumed) / max(time.monotonic() - progress.began, 1e-9)


def _move(bar: Bar, task: TaskID, progress: Progress) -> None:
    done, total = progress.account.counts.total(), bar.tasks[0].total
    told = f"{done:,}" if total is None else f"{done:,} of {total:,.0f}"
    bar.update(task, completed=done, done=told, rate=f"{rate(progress):,.0f}/s", counts=_counts(progress))


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
