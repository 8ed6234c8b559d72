"""One contender on one folder: from its start to its end, and when it was ready for, or had written, its first row."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.load.processes import Others
from benchmarks.predicting.contenders import CONTENDERS, OURS, PROCESSES, Command
from benchmarks.predicting.watching import watched

ROOT = Path(__file__).parents[2]
LOOK_S = 0.002
"""Between two looks for the first row."""
MEGABYTE = 10**6


class Failed(Exception):
    """A contender did not end well, or not with every file; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Run:
    """One contender's run over one set."""

    round: int
    pictures: str
    """The set's name."""
    contender: str
    files: int
    seconds: float
    """From its start to its end."""
    start_s: float
    """Of them until its first row is written; of those that write none until they are ready, their model loaded."""
    done_at_start: int
    """Files that were done by then: of each process as many as have a row."""
    others: float
    """The share of the machine's cores that other programs used meanwhile, 0 to 1."""
    cpu_us: float
    """Of all its processes, in user and system mode, a file; its start counts."""
    peak_mb: float | None
    """The most that all its processes held together, PSS summed, in MB of 10**6 bytes; None where it was not looked at."""
    largest_mb: float | None
    """The most that any one of them held, resident."""
    first_mb: float | None
    """The most that the first of them held, resident."""

    @property
    def rate(self) -> float:
        """Files a second, its start included."""
        return self.files / self.seconds

    @property
    def rate_after(self) -> float:
        """Files a second after its start."""
        return max(self.files - self.done_at_start, 0) / (self.seconds - self.start_s)


def timed(contender: str, pictures: str, folder: Path, files: int, number: int, *, memory: bool = False) -> Run:
    """Run a contender once. memory: look at what its processes hold, which takes time of its own. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="folders-") as scratch, Path(scratch, "log").open("w+b") as log:
        output = Path(scratch) / "out.csv"
        commands = CONTENDERS[contender].commands(folder, output)
        others, began = Others(), time.perf_counter()
        with _started(commands, log) as processes:
            with watched([process.pid for process in processes]) if memory else nullcontext() as seen:
                done_at_start = _first_row(processes[0], output) if contender == OURS else _ready(processes)
                start = time.perf_counter() - began
                cpu_seconds = sum(_end_of(process) for process in processes)
            seconds, share = time.perf_counter() - began, others.share(0)
            told = _rows(output) if contender == OURS else _told(processes)
        log.seek(0)
        said = log.read().decode(errors="replace")
        if told != files or any(process.returncode for process in processes):
            raise Failed(f"{contender} answered {told} of {files} files of {pictures}:\n{said}")
    sizes = (seen.all_bytes, seen.largest_bytes, seen.first_bytes) if seen else ()
    held = [size / MEGABYTE for size in sizes] or [None] * 3
    cpu_us = cpu_seconds / files * 1e6
    return Run(number, pictures, contender, files, seconds, start, done_at_start, share, cpu_us, *held)


@contextmanager
def _started(commands: list[Command], log: IO[bytes]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs with pipes to their input and output, ended with all that they have started."""
    processes: list[subprocess.Popen[bytes]] = []
    pipe = subprocess.PIPE
    environment = os.environ | {"DIGITS_MODELS": str(ROOT / "models"), "PYTHONPATH": str(ROOT)}
    try:
        for command in commands:
            line = list(map(str, command))
            processes.append(
                subprocess.Popen(
                    line, bufsize=0, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=log, start_new_session=True
                )
            )
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.stdout.close()


def _first_row(process: subprocess.Popen[bytes], output: Path) -> int:
    """Wait until the command has written a row. Returns how many files are done then, by all its processes."""
    part = output.with_name(output.name + ".part")
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if rows := max(_rows(part), _rows(output)):
            return rows * PROCESSES
        time.sleep(LOOK_S)
    return 0


def _rows(output: Path) -> int:
    """Below the head; 0 where there is no such file."""
    try:
        return max(output.read_bytes().count(b"\n") - 1, 0)
    except FileNotFoundError:
        return 0


def _ready(processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait until all say so, and let them begin. Returns how many rows they have then."""
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(b"\n")
    return 0


def _end_of(process: subprocess.Popen[bytes]) -> float:
    """Wait for a program's end. Returns the CPU seconds that it and its processes have used."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def _told(processes: list[subprocess.Popen[bytes]]) -> int:
    """How many files they say they have answered."""
    lines = [process.stdout.read().split() for process in processes if process.stdout is not None]
    return sum(int(line[-1]) for line in lines if line and line[-1].isdigit())
