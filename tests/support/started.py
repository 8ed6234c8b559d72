"""Start a program that answers over HTTP, wait until it is ready, end it with all that it started.

For tests (pytest's `pythonpath` names this folder) and for benchmarks (they add it to `sys.path`): a folder of its own,
so that neither hides an installed package behind a folder of the same name.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

DIGITS = (sys.executable, "-c", "from serving.cli import main; main()")
"""The command `digits`, of the environment and the working tree that this runs in."""
GRACE_S = 20.0
"""How long a program may take to finish what it has accepted."""


class NotReady(Exception):
    """A program ended, or did not get ready in time; the message is its log."""


@dataclass(frozen=True, slots=True)
class Started:
    """A program that listens on loopback."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    """What it wrote to either stream."""

    @property
    def url(self) -> str:
        """Its root, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def pids(self) -> list[int]:
        """Its own process and all below it, as they are now. Linux only."""
        return tree(self.process.pid)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tree(pid: int) -> list[int]:
    """A process and all below it; none that has ended meanwhile."""
    children: list[str] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += (task / "children").read_text(encoding="ascii").split()
        return [pid, *(below for child in children for below in tree(int(child)))]
    return []


@contextmanager
def started(
    command: Sequence[str],
    port: int,
    *,
    ready: str = "/readyz",
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    within_s: float = 60,
) -> Iterator[Started]:
    """A program that listens on a port, from when it answers 200 to `ready` to the end of the block.

    environment: all of it; this process's own by default. It is ended by SIGTERM, and by SIGKILL where that takes longer
    than GRACE_S, whatever ends the block; its return code tells which. Raises NotReady.
    """
    with tempfile.TemporaryDirectory(prefix="started-") as scratch:
        log = Path(scratch) / "log"
        with log.open("wb") as written:
            # A session of its own: Ctrl-C in a terminal is this process's to hear, and whoever is left can be found.
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=written, stderr=written, start_new_session=True
            )
        server = Started(port, process, log)
        try:
            _wait_until_ready(server, ready, within_s)
            yield server
        finally:
            _end(process)


@contextmanager
def service(
    *arguments: str, environment: Mapping[str, str] | None = None, folder: Path | None = None, within_s: float = 60
) -> Iterator[Started]:
    """`digits serve` with these arguments on a free port. Raises NotReady."""
    port = free_port()
    command = [*DIGITS, "serve", "--port", str(port), *arguments]
    with started(command, port, environment=environment, folder=folder, within_s=within_s) as server:
        yield server


def _wait_until_ready(server: Started, path: str, within_s: float) -> None:
    until = time.monotonic() + within_s
    while time.monotonic() < until and server.process.poll() is None:
        try:
            if httpx.get(server.url + path, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise NotReady(server.log.read_text(encoding="utf-8", errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    finally:  # a second Ctrl-C too
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has left behind, or itself
        process.wait()
