"""What a tree of processes takes: CPU seconds and memory. From /proc, so Linux only."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Pids = Callable[[], list[int]]
"""The processes of a tree, as they are now."""
TICKS = os.sysconf("SC_CLK_TCK")
GONE = (FileNotFoundError, ProcessLookupError)
EVERY_S = 0.05
"""Between two samples of memory."""


def cpu_seconds(pids: list[int]) -> float:
    """What these have used since they began, in user and system mode. Its resolution is a hundredth of a second."""
    used = 0
    for pid in pids:
        with suppress(*GONE):
            after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            used += int(after_name[11]) + int(after_name[12])
    return used / TICKS


class Others:
    """How busy the machine is with other programs, from when this is made."""

    def __init__(self) -> None:
        self._began, self._busy, self._waited_for = time.monotonic(), _busy_seconds(), _waited_for_seconds()

    def share(self, cpu_s: float) -> float:
        """Of all cores since then, 0 to 1, without what programs used that were waited for, and without these CPU seconds.

        What other virtual machines took from this one counts.
        """
        programs = cpu_s + _waited_for_seconds() - self._waited_for
        cores = os.cpu_count() or 1
        return max(_busy_seconds() - self._busy - programs, 0) / (time.monotonic() - self._began) / cores


def _busy_seconds() -> float:
    """Of all cores together, since the machine began."""
    first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
    user, nice, system, _idle, _waiting, *interrupts_and_steal = (int(field) for field in first.split()[1:9])
    return (user + nice + system + sum(interrupts_and_steal)) / TICKS


def _waited_for_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def pss_bytes(pids: list[int]) -> int:
    """Proportional set sizes, summed: what several of them share is counted once."""
    kilobytes = 0
    for pid in pids:
        with suppress(*GONE):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * 1024


def alone_bytes(pids: list[int]) -> int:
    """The sum of PSS as it would be if no process beside these mapped the same files: at most that, for equal programs.

    PSS gives a library's pages in equal parts to all who map them, and so less to these than they need where others of
    the same environment run meanwhile.
    """
    own, files = 0, dict[tuple[str, ...], int]()
    for pid in pids:
        for place, sizes in _mappings(pid):
            if place[-1] == "0":  # no file
                own += sizes["Pss"]
                continue
            own += sizes["Anonymous"]
            files[place] = max(files.get(place, 0), sizes["Rss"] - sizes["Anonymous"])
    return (own + sum(files.values())) * 1024


def _mappings(pid: int) -> Iterator[tuple[tuple[str, ...], dict[str, int]]]:
    """Of each mapping its (offset, device, inode), and its sizes in kB by their names."""
    place: tuple[str, ...] = ()
    sizes: dict[str, int] = {}
    with suppress(*GONE):
        for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
            first, *rest = line.split(maxsplit=5)
            if first.endswith(":"):
                if rest[-1] == "kB":
                    sizes[first[:-1]] = int(rest[0])
                continue
            if sizes:
                yield place, sizes
            place, sizes = tuple(rest[1:4]), {}
        if sizes:
            yield place, sizes


def settle(pids: Pids, *, share: float = 0.05, window_s: float = 0.5, within_s: float = 60) -> None:
    """Wait until the tree is idle, using less than this share of one core. A second worker may still be loading."""
    until = time.monotonic() + within_s
    before = cpu_seconds(pids())
    while time.monotonic() < until:
        time.sleep(window_s)
        now = cpu_seconds(pids())
        if now - before < share * window_s:
            return
        before = now


class Peak:
    """The largest sum that was seen."""

    pss_bytes = 0


@contextmanager
def peak_memory(pids: Pids) -> Iterator[Peak]:
    """The peak of a tree's summed PSS within the block, sampled every EVERY_S seconds."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while True:
            peak.pss_bytes = max(peak.pss_bytes, pss_bytes(pids()))
            if over.wait(EVERY_S):
                return

    watcher = threading.Thread(target=watch, name="memory", daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()
