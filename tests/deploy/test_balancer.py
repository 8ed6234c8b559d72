"""Two replicas behind HAProxy, as deploy/haproxy.cfg has it: restarted in turn, and one frozen, while they are asked."""

import csv
import io
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import started
from containers import ROOT
from load import ANSWERED, Load
from PIL import Image
from started import Started
from tools import tool

CONFIGURATION = ROOT / "deploy" / "haproxy.cfg"
PATIENCE_S = 60
LEAST = 20_000
"""Requests in the rolling restart."""
LARGE = 100_000
"""Bytes of a picture that HAProxy cannot send again, for its buffer holds less."""


def wait_for(what: Callable[[], Any]) -> float:
    """Wait until something is so. Returns the seconds that it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.02)
    return time.monotonic() - began


class Replica:
    """A service that can be ended and started again, always on the same port."""

    def __init__(self, name: str) -> None:
        """name: of HAProxy's server."""
        self.name, self.port = name, started.free_port()
        self._running = ExitStack()
        self.service = self._start()

    def _start(self) -> Started:
        command = [*started.DIGITS, "serve", "--port", str(self.port), "--models", str(ROOT / "models")]
        (notice,) = re.findall(r"with DIGITS_NOTICE_SECONDS=(\d+)", CONFIGURATION.read_text())
        environment = os.environ | {"DIGITS_NOTICE_SECONDS": notice, "DIGITS_WORKERS": "1"}
        return self._running.enter_context(started.started(command, self.port, environment=environment))

    def start(self) -> None:
        """Start it again; it is ready then."""
        self.service = self._start()

    def end(self) -> int:
        """SIGTERM, and wait. Returns the exit code."""
        self._running.close()
        return self.service.process.returncode

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """None of its processes does anything within the block."""
        pids = self.service.pids()
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True)
class Balanced:
    """Replicas and what stands before them."""

    replicas: Sequence[Replica]
    port: int
    admin: Path
    """HAProxy's own socket."""

    def told(self, name: str) -> dict[str, str]:
        """What HAProxy says of a server, or of BACKEND: all of them."""
        with socket.socket(socket.AF_UNIX) as admin, admin.makefile("rw") as file:
            admin.connect(str(self.admin))
            file.write("show stat\n")
            file.flush()
            rows = list(csv.DictReader(io.StringIO(file.read().removeprefix("# "))))
        (row,) = (row for row in rows if (row["pxname"], row["svname"]) == ("replicas", name))
        return row

    def says(self, replica: Replica, status: str) -> bool:
        return self.told(replica.name)["status"] == status

    def answered_by(self, replica: Replica) -> int:
        return int(self.told(replica.name)["hrsp_2xx"])

    def wait_for_answers_of(self, replica: Replica) -> None:
        """Until it has answered some more."""
        before = self.answered_by(replica)
        wait_for(lambda: self.answered_by(replica) > before + 500)

    def sent_again(self) -> int:
        return int(self.told("BACKEND")["wredis"])


def configuration(replicas: Sequence[Replica], port: int, admin: Path) -> str:
    """The file as somebody would edit it for this machine and this user."""
    edits = {
        r"bind :80\b": f"bind 127.0.0.1:{port}",
        r"/run/haproxy/admin.sock": str(admin),
        **{rf"server {one.name} .*": f"server {one.name} 127.0.0.1:{one.port}" for one in replicas},
    }
    if os.geteuid():
        edits[r"user haproxy\n *group haproxy"] = ""
    text = CONFIGURATION.read_text()
    for found, instead in edits.items():
        text, times = re.subn(found, instead, text)
        assert times == 1, found
    return text


@pytest.fixture(scope="module")
def haproxy() -> str:
    return tool("haproxy", "Debian's package haproxy")


@pytest.fixture(scope="module")
def balanced(haproxy: str) -> Iterator[Balanced]:
    with tempfile.TemporaryDirectory(prefix="haproxy-") as folder, ExitStack() as ended:
        together = ended.enter_context(ThreadPoolExecutor())
        replicas = tuple(together.map(Replica, ("one", "two")))
        ended.callback(lambda: list(together.map(Replica.end, replicas)))
        port, admin, file = started.free_port(), Path(folder) / "admin.sock", Path(folder) / "haproxy.cfg"
        file.write_text(configuration(replicas, port, admin))
        with started.started([haproxy, "-db", "-f", str(file)], port):
            yield Balanced(replicas, port, admin)


@pytest.fixture(scope="module")
def large_digits(digits: list[bytes]) -> list[bytes]:
    """The same digits as larger files, without compression."""

    def enlarged(digit: bytes) -> bytes:
        file = io.BytesIO()
        Image.open(io.BytesIO(digit)).convert("RGB").resize((196, 196)).save(file, "PNG", compress_level=0)
        assert len(file.getvalue()) > LARGE
        return file.getvalue()

    return [enlarged(digit) for digit in digits]


def test_haproxy_takes_the_configuration_as_it_is(haproxy: str) -> None:
    checked = subprocess.run([haproxy, "-c", "-f", str(CONFIGURATION)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


def restart(balanced: Balanced, replica: Replica) -> None:
    """As docs/operations.md has it."""
    assert replica.end() == 0
    assert balanced.says(replica, "DOWN"), "taken out before it was gone"
    replica.start()
    wait_for(lambda: balanced.says(replica, "UP"))


def counted(fates: Counter[str]) -> str:
    return ", ".join(f"{count:,} {fate}" for fate, count in fates.items())


@pytest.mark.slow
def test_a_rolling_restart_fails_no_request(
    balanced: Balanced, digits: list[bytes], large_digits: list[bytes], report: list[str]
) -> None:
    again, began = balanced.sent_again(), time.monotonic()
    with Load(balanced.port, digits, kept=7, fresh=7) as small, Load(balanced.port, large_digits, kept=1, fresh=1) as large:
        for replica in balanced.replicas:
            balanced.wait_for_answers_of(replica)
            restart(balanced, replica)
            balanced.wait_for_answers_of(replica)
        wait_for(lambda: small.fates.total() + large.fates.total() >= LEAST)
    again, took = balanced.sent_again() - again, time.monotonic() - began
    fates, slowest = small.fates + large.fates, max(small.slowest_s, large.slowest_s)
    report.append(
        f"balancer, rolling restart: {counted(fates)} ({large.fates.total():,} of over {LARGE:,} bytes), "
        f"{again} sent again; {fates.total() / took:,.0f} a second for {took:.0f} s, the slowest took {slowest:.2f} s"
    )
    assert fates.keys() == {ANSWERED}
    assert fates.total() >= LEAST
    assert not small.closed.is_set()
    assert not large.closed.is_set()
    assert again == 0


@pytest.mark.slow
def test_a_frozen_replica_is_taken_out_and_comes_back(balanced: Balanced, digits: list[bytes], report: list[str]) -> None:
    frozen, going = balanced.replicas
    again = balanced.sent_again()
    with Load(balanced.port, digits, kept=4, fresh=4) as load:
        balanced.wait_for_answers_of(frozen)
        with frozen.stopped():
            out = wait_for(lambda: balanced.says(frozen, "DOWN"))
            answered = balanced.answered_by(frozen)
            balanced.wait_for_answers_of(going)
            wait_for(lambda: balanced.told(frozen.name)["scur"] == "0")  # what it had is asked of the other
            assert balanced.answered_by(frozen) == answered
        back = wait_for(lambda: balanced.says(frozen, "UP"))
        balanced.wait_for_answers_of(frozen)
    again = balanced.sent_again() - again
    report.append(
        f"balancer, one frozen: {counted(load.fates)}, {again} sent again; out after {out:.1f} s, "
        f"back after {back:.1f} s, the slowest took {load.slowest_s:.1f} s"
    )
    assert load.fates.keys() == {ANSWERED}
    assert not load.closed.is_set()
    assert again > 0
