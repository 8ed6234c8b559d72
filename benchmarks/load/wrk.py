"""Load by wrk: so many connections, each sending its next request when it has its answer."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.bodies import Requests

SCRIPT = Path(__file__).parent / "rotate.lua"
MISSING = "wrk is missing: it is the package wrk of Debian and Ubuntu (apt-get install wrk) and of Homebrew."
TIMEOUT = "10s"
"""Of an answer: a server is not to blame for a machine that others load, but for one that never answers."""
ERRORS = ("status", "connect", "read", "write", "timeout")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk measured."""

    requests: int
    """Answered, in whichever way."""
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    errors: dict[str, int]
    """Those there were: "status" for answers of 400 and above, "connect", "read", "write", "timeout" for sockets."""


def is_there() -> bool:
    """Whether wrk can be started."""
    return shutil.which("wrk") is not None


def _command() -> str:
    return shutil.which("wrk") or "wrk"


def version() -> str:
    """As in "4.1.0"."""
    told = subprocess.run([_command(), "--version"], capture_output=True, text=True, check=False)  # exits with 1
    return (told.stdout + told.stderr).split()[1].removeprefix("debian/").split("-")[0]


def load(url: str, requests: Requests, connections: int, seconds: float) -> Load:
    """Send these requests to a server, in turn, for so long."""
    # wrk takes whole seconds, and its last answers come after them: the duration is the one it measured.
    command = [_command(), "--threads", "1", "--connections", str(connections), "--duration", f"{max(round(seconds), 1)}s"]
    script = ["--timeout", TIMEOUT, "--script", str(SCRIPT), url, "--", str(requests.folder), str(requests.count)]
    told = subprocess.run([*command, *script], capture_output=True, text=True, check=False)
    if told.returncode != 0:  # nobody listens there any more
        return Load(0, seconds, 0, 0, 0, {"connect": connections})
    values = json.loads(told.stderr.splitlines()[-1])
    return Load(
        requests=values["requests"],
        seconds=values["duration_us"] / 1e6,
        p50_ms=values["p50_us"] / 1e3,
        p99_ms=values["p99_us"] / 1e3,
        max_ms=values["max_us"] / 1e3,
        errors={kind: values[kind] for kind in ERRORS if values[kind]},
    )
