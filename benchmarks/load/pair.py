"""Two bare processes side by side: the limit that two workers of a service are measured against."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Together:
    """What both have done."""

    pictures: int
    rate: float
    """Pictures a second."""
    cpu_seconds: float


class Pair:
    """The processes, waiting for work."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def work(self, model: str, name: str, seconds: float) -> Together:
        """Read and classify one set of pictures for so long."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{model} {name} {seconds}\n")
            process.stdin.flush()
        told = [json.loads(process.stdout.readline()) for process in self._processes if process.stdout is not None]
        return Together(
            pictures=sum(one["pictures"] for one in told),
            rate=sum(one["pictures"] / one["seconds"] for one in told),
            cpu_seconds=sum(one["cpu_seconds"] for one in told),
        )


@contextmanager
def pair(folder: Path, models: Sequence[str], name: str) -> Iterator[Pair]:
    """Two processes that have these models loaded, and the sets of pictures of a folder.

    name: of one of the sets, to warm up with.
    """
    processes: list[subprocess.Popen[str]] = []
    try:
        processes += [_start([sys.executable, "-m", "benchmarks.load.bare", str(folder), *models]) for _ in range(PROCESSES)]
        made = Pair(processes)
        made.work(models[0], name, 0.1)  # until both have loaded
        yield made
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _start(command: list[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
