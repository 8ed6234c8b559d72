"""What a measurement was made on."""

import os
import platform
from pathlib import Path


def processor() -> str:
    """The processor's name and how many of its cores this process may use: "AMD EPYC 7B13, 2 cores"."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{_name()}, {cores} core{'s' if cores > 1 else ''}"


def _name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
