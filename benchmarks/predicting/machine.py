"""What a figure is worth nothing without: the machine, the versions, and how busy it was before."""

import os
import platform
import sys
from collections.abc import Iterable

from benchmarks.load.environments import environment, versions
from benchmarks.load.machine import cpu_name
from benchmarks.predicting.contenders import PEERS

PACKAGES = ("onnxruntime", "numpy", "opencv-python-headless", "pillow", "torch", "torchvision", "ray")


def machine(peers: Iterable[str]) -> str:
    """This one as it is now, in a line. peers: those whose versions count."""
    found = versions(sys.executable, PACKAGES)
    for peer in peers:
        found |= versions(environment(peer, above_this=True), PEERS[peer])
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    told = ", ".join(f"{name} {number}" for name, number in sorted(found.items()))
    cores = len(os.sched_getaffinity(0))
    return f"{cpu_name()}, {cores} cores, load average {load} before; Python {platform.python_version()}; {told}"
