"""How a run over files ends: done, by whatever kept it from its end, or because it was asked to stop."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from serving.commands.console import COULD_NOT, INTERRUPTED, USAGE, named, stop
from serving.folder import run
from serving.folder.cluster import ClusterUnusable
from serving.folder.finishing import finishing_of
from serving.folder.sinks import part_of
from serving.folder.sources import SourceUnusable
from serving.folder.urls import UrlUnusable
from serving.remote.faults import AskedWrongly, ServiceFault

BROKEN_PIPE = 141
"""As a program says that is ended by SIGPIPE."""


class NotSorted(Exception):
    """Some files could not be put where they belong; the rows are there."""

    def __init__(self, failed: Sequence[str], left: int) -> None:
        """failed: a sentence for each, or for the first ones."""
        were = "1 file was left where it is" if left == 1 else f"{left:,} files were left where they are"
        super().__init__("\n".join([*failed, were]))


@contextmanager
def faults_told(file: Path | None) -> Iterator[None]:
    """Whatever keeps a run from its end is one line and an exit code. file: the output, where it is one."""
    try:
        yield
    except (SourceUnusable, UrlUnusable, AskedWrongly) as error:
        stop(str(error), USAGE)
    except run.OtherRun as error:
        stop(f"{file}.part cannot be continued: {error}. Give --overwrite to begin anew", USAGE)
    except (ClusterUnusable, ServiceFault, NotSorted) as error:
        stop(f"{error}.{_where(file)}", COULD_NOT)
    except run.Stopped:
        stop(f"Stopped.{_where(file)}", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more may be written at the end
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as error:
        name = "standard output" if file is None and error.filename is None else named(error, file or Path("-"))
        stop(f"{name}: {error.strerror}", COULD_NOT)


def _where(file: Path | None) -> str:
    if file is not None and finishing_of(file).exists():
        return f" All rows of {file} are there; the same command does what remains."
    if file is not None and part_of(file).exists():
        return f" {part_of(file)} has the rows so far; the same command goes on from there."
    return ""


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
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
