"""The folder that the processes of one running service share, and which of them this one is.

The supervisor makes it under the temporary directory, tells its workers through the environment, and removes it at the end.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

RUN_DIR, WORKER_INDEX, WORKER_COUNT = "DIGITS_RUN_DIR", "DIGITS_WORKER_INDEX", "DIGITS_WORKER_COUNT"
"""The environment of a worker."""

_PREFIX = "digits-run-"
_LOCK = "lock"


@cache
def run_folder() -> Path:
    """The folder of the running service. A process without a supervisor (a test, another server) has one of its own."""
    if told := os.environ.get(RUN_DIR):
        return Path(told)
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    return until_exit.enter_context(new_run_folder())


def worker_index() -> int:
    """Which worker this process is, from 0; one that is started anew has the index of the one that it replaces."""
    return int(os.environ.get(WORKER_INDEX, "0"))


def worker_count() -> int:
    """How many workers the running service has."""
    return int(os.environ.get(WORKER_COUNT, "1"))


@contextmanager
def new_run_folder() -> Iterator[Path]:
    """A folder that is removed with the block; those that killed processes left behind are removed first.

    Raises OSError where the temporary directory cannot be written.
    """
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / "locking").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (folder / "locking").rename(folder / _LOCK)  # under this name it is never seen without its lock
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned() -> None:
    """Nobody holds the lock of a killed process. Its pid would not tell: containers that share a folder number their own."""
    for folder in Path(tempfile.gettempdir()).glob(_PREFIX + "*"):
        try:
            if folder.lstat().st_uid != os.geteuid():
                continue
            with (folder / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # held, or being made or removed right now
            continue
