"""digits predict: pictures to rows."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from serving.catalogue import Model
from serving.commands.console import (
    COULD_NOT,
    INTERRUPTED,
    REJECTED_ROWS,
    USAGE,
    ByRuntime,
    ModelName,
    Models,
    OnDevice,
    choose,
    console,
    named,
    printable,
    stop,
)
from serving.folder import pool, run
from serving.folder.chosen import Chosen
from serving.folder.rows import Format, Rows, Shape
from serving.folder.sinks import part_of, publish
from serving.folder.sources import Sources, SourceUnusable
from serving.folder.urls import UrlUnusable
from serving.folder.watching import rate, watching
from serving.outcome import STATUSES
from serving.settings import find_models
from serving.version import VERSION

STDOUT = Path("-")
ENDINGS: dict[str, Format] = {".csv": "csv", ".jsonl": "jsonl"}
BROKEN_PIPE = 141
"""As a program says that is ended by SIGPIPE."""


def predict(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders with all below them, files, patterns, zip and tar archives, URLs; - reads names of such.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="OUT.csv or OUT.jsonl; - or none is standard output.", show_default=False),
    ] = None,
    model: ModelName = None,
    models: Models = None,
    device: OnDevice = None,
    runtime: ByRuntime = None,
    written: Annotated[
        Literal["csv", "jsonl"] | None, typer.Option("--format", help="Instead of what the output's ending says.")
    ] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Add columns p0 to p9 to a CSV.")] = False,  # noqa: FBT002
    top: Annotated[int, typer.Option(min=0, max=10, help="Add so many of the most probable classes.")] = 0,
    kaggle: Annotated[bool, typer.Option("--kaggle", help="Write ImageId,Label.")] = False,  # noqa: FBT002
    listed: Annotated[
        Path | None, typer.Option("--list", help="A file of names, one a line or ended by NUL.", show_default=False)
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option("--include", help="Only what matches, such as '*.png'; may be repeated.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="Nothing that matches, folders too; may be repeated.")
    ] = None,
    seen: Annotated[
        Path | None, typer.Option("--seen", help="A folder for the 28x28 pictures that the model saw.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes.  [default: as many as cores]", show_default=False)
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option("--summary", help="Write the counts, rates and versions to a JSON file.", show_default=False),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a row is rejected.")] = False,  # noqa: FBT002
    overwrite: Annotated[  # noqa: FBT002
        bool,
        typer.Option("--overwrite", help="Replace an output that exists, and begin an interrupted run anew."),
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but what went wrong.")] = False,  # noqa: FBT002
) -> None:
    """Write one row per file: the digit, or why there is none.

    Interrupted, even by kill -9 or a full disk, the same command goes on where it was, and the finished file is the same to
    the byte. Rows are in a stable order, whatever the number of processes.

    Exit codes: 0 done, 1 rejected rows under --strict, 2 wrong usage, 3 could not finish, 130 interrupted.
    """
    if not paths and listed is None:
        stop("Nothing to predict: name a folder, or see digits predict --help", USAGE)
    file = None if output in {None, STDOUT} else output
    shape = Shape(_format(file, written, kaggle=kaggle), probabilities, top)
    settings, chosen = choose(model, models, device, runtime)
    _make_way(file, overwrite=overwrite)
    recipe = pool.Recipe(find_models(models) / chosen.card.name, settings.limits, shape, seen, settings.backend)
    with _faults_told(file):
        sources = Sources(
            paths or [],
            list_file=listed,
            chosen=Chosen(include or (), exclude or ()),
            outputs=_own(file),
            limits=settings.limits,
        )
        if seen is not None:
            seen.mkdir(parents=True, exist_ok=True)
        progress = _run(sources, chosen, recipe, file, workers or _cores(), quiet=quiet)
        if summary is not None:
            summary.write_text(json.dumps(_summary(progress, chosen, file), indent=2) + "\n", encoding="utf-8")
    if not quiet:
        console.print(str(progress.account))
        if file is not None:
            console.print(printable(f"{file}: written by {chosen.identity}"), markup=False)
    if strict and progress.account["rejected"]:
        raise typer.Exit(REJECTED_ROWS)


def _own(file: Path | None) -> list[Path]:
    """What a run writes beside its folders: the output, and what stands beside it until it is complete."""
    return [] if file is None else [file, part_of(file), run.journal_of(file)]


def _make_way(file: Path | None, *, overwrite: bool) -> None:
    """See that an output may be written."""
    if overwrite:
        for left in _own(file)[1:]:
            left.unlink(missing_ok=True)
    elif file is not None and file.exists():
        stop(f"{file} exists; choose another name, or give --overwrite", USAGE)


@contextmanager
def _faults_told(file: Path | None) -> Iterator[None]:
    """Whatever keeps a run from its end is one line and an exit code."""
    try:
        yield
    except (SourceUnusable, UrlUnusable) as error:
        stop(str(error), USAGE)
    except run.OtherRun as error:
        stop(f"{file}.part cannot be continued: {error}. Give --overwrite to begin anew", USAGE)
    except run.Stopped:
        where = f" {part_of(file)} has the rows so far; the same command goes on from there." if file else ""
        stop(f"Stopped.{where}", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more may be written at the end
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as error:
        stop(f"{named(error, file or STDOUT)}: {error.strerror}", COULD_NOT)


def _format(file: Path | None, written: Format | None, *, kaggle: bool) -> Format:
    if kaggle:
        return "kaggle"
    if written is not None or file is None:
        return written or "csv"
    if file.suffix.lower() not in ENDINGS:
        stop(f"{file} must end in {' or '.join(ENDINGS)}, or say --format", USAGE)
    return ENDINGS[file.suffix.lower()]


def _run(
    sources: Sources, model: Model, recipe: pool.Recipe, file: Path | None, processes: int, *, quiet: bool
) -> run.Progress:
    engine = pool.Pool(recipe, processes)
    head = Rows(recipe.shape, model.identity, model.card).head
    header = {"model": model.identity, "shape": repr(recipe.shape), "by": model.session.library, "digits": VERSION}
    try:
        with watching(console, model.card.name, quiet=quiet) as (watch, expect), _asked_to_stop() as should_stop:
            if sources.can_repeat:
                threading.Thread(target=lambda: expect(sum(1 for _ in sources)), daemon=True).start()
            if file is None:
                return run.to_stream(iter(sources), engine, sys.stdout.buffer, head, watch, should_stop)
            progress = run.to_file(iter(sources), engine, file, head, header, watch, should_stop)
    finally:
        engine.close()
    publish(part_of(file), file)
    run.journal_of(file).unlink(missing_ok=True)
    return progress


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came. What is under way is finished; a second one ends the program at once."""
    came = threading.Event()

    def hear(_signal: int, _frame: object) -> None:
        if came.is_set():
            os._exit(INTERRUPTED)
        came.set()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _summary(progress: run.Progress, model: Model, file: Path | None) -> dict[str, object]:
    seconds = time.monotonic() - progress.began
    return {
        "found": progress.account.found,
        **{status: progress.account[status] for status in STATUSES},
        "model": model.identity,
        "output": None if file is None else str(file),
        "seconds": round(seconds, 3),
        "per_second": round(rate(progress), 1),
        "resumed": progress.resumed,
        "changed": progress.noticed,
        "versions": {"digits": VERSION, "python": ".".join(map(str, sys.version_info[:3]))},
    }
