"""Which device trains, and what to call it in a card."""

import platform
from pathlib import Path
from typing import Literal

import torch

Wanted = Literal["auto", "cpu", "cuda", "mps"]


class DeviceFault(Exception):
    """The device that was asked for is not here."""


def choose(wanted: Wanted = "auto", place: int = 0) -> torch.device:
    """The device to train on: "auto" takes the accelerator that torch finds, else the CPU.

    place: which of several accelerators.
    Raises DeviceFault rather than fall back silently when a device asked for by name is missing.
    """
    found = torch.accelerator.current_accelerator(check_available=True)
    if wanted not in {"auto", "cpu"} and (found is None or found.type != wanted):
        raise DeviceFault(f"--device {wanted}: torch finds no such device here (it finds {found or 'the CPU only'})")
    if wanted == "cpu" or found is None:
        return torch.device("cpu")
    if place >= torch.accelerator.device_count():
        raise DeviceFault(
            f"process {place} of this machine has no accelerator: torch finds {torch.accelerator.device_count()}"
        )
    return torch.device(found.type, place)


def prepare_cpu(threads: int) -> None:
    """Set up this process for training on the CPU.

    Momentum of a pixel that is hardly ever inked decays into denormal numbers, on which a step of the optimiser takes a
    fifth longer; they are flushed to zero. Results repeat bit for bit only at the same number of threads.
    """
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)


def prepare_accelerator() -> None:
    """Have float32 computed in float32: CUDA's convolutions otherwise use TF32, and figures would be of another function."""
    torch.backends.fp32_precision = "ieee"  # type: ignore[attr-defined]  # set through a module property


def describe(device: torch.device) -> str:
    """The hardware behind a device, as a card names it: "NVIDIA H100", "Intel(R) Xeon(R) Processor, 1 thread"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"{platform.processor()} (Metal)"
    threads = torch.get_num_threads()
    return f"{_cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
