"""What a figure is worth nothing without: the machine, the versions, and how busy it was before."""

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import wrk
from benchmarks.load.environments import environment, versions

OURS = ("bentoml", "uvicorn", "uvloop", "httptools", "onnxruntime", "numpy", "opencv-python-headless", "pillow")
PACKAGES = {
    "fastapi": ("fastapi", "uvicorn", "uvloop", "httptools", "onnxruntime", "pillow"),
    "mosec": ("mosec", "onnxruntime", "pillow"),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where something was measured, and with what."""

    cpu: str
    cores: int
    load: tuple[float, float, float]
    """Load averages of the last 1, 5 and 15 minutes, before."""
    python: str
    wrk: str
    versions: dict[str, dict[str, str]]
    """Of what counts in our environment, under "ours", and in each peer's."""

    @property
    def line(self) -> str:
        """For people, without line breaks."""
        told = "; ".join(
            f"{name}: {', '.join(f'{one} {number}' for one, number in sorted(numbers.items()))}"
            for name, numbers in self.versions.items()
        )
        load = " ".join(f"{value:.2f}" for value in self.load)
        return f"{self.cpu}, {self.cores} cores, load average {load} before; Python {self.python}, wrk {self.wrk}; {told}"


def machine(peers: Iterable[str]) -> Machine:
    """This one, as it is now."""
    load = os.getloadavg()
    found = {"ours": versions(sys.executable, OURS)} | {name: versions(environment(name), PACKAGES[name]) for name in peers}
    cores = len(os.sched_getaffinity(0))
    return Machine(cpu_name(), cores, load, platform.python_version(), wrk.version(), found)


def cpu_name() -> str:
    """Of the first processor, as the system calls it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
