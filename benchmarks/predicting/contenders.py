"""Who is compared: what is started, in which environment, and what is fair to say of each."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from subprocess import CalledProcessError

from benchmarks.load.environments import environment

PROCESSES = 2
"""Of the command, of its limit, and of what can have several."""
DIGITS = (sys.executable, "-c", "from serving.cli import main; main()")
"""The command `digits`, of the environment and the working tree that this runs in."""
PEERS = {"timm": ("timm",), "ultralytics": ("ultralytics",)}
"""With environments of their own above this one, which has torch: of each the packages whose versions are told."""

Command = Sequence[object]


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the tables."""

    about: str
    commands: Callable[[Path, Path], list[Command]]
    """(folder, output) to what is started, all at once: once "ready", each waits for a line where there are several."""
    peer: str | None = None
    """Whose environment it needs."""
    package: str | None = None
    """What this environment has to have."""

    @property
    def missing(self) -> str:
        """Why it cannot be started here; empty where it can."""
        if self.package is not None and find_spec(self.package) is None:
            return f"{self.package} is not installed here"
        try:
            if self.peer is not None:
                environment(self.peer, above_this=True)
        except (CalledProcessError, OSError) as error:
            return f"its environment could not be made: {error}"
        return ""


OURS, BARE, LOOPS = "ours", "bare", ("loop-1", "loop-2")


def _module(name: str, *arguments: object, peer: str | None = None) -> Callable[[Path, Path], list[Command]]:
    def commands(folder: Path, _output: Path) -> list[Command]:
        python = sys.executable if peer is None else environment(peer, above_this=True)
        return [(python, "-m", f"benchmarks.{name}", folder, *arguments)]

    return commands


def _ours(folder: Path, output: Path) -> list[Command]:
    return [(*DIGITS, "predict", folder, "-o", output, "--workers", PROCESSES)]


def _bare(folder: Path, _output: Path) -> list[Command]:
    return [(sys.executable, "-m", "benchmarks.predicting.bare", folder, share, PROCESSES) for share in range(PROCESSES)]


CONTENDERS = {
    OURS: Contender(f"digits predict FOLDER -o out.csv --workers {PROCESSES}", _ours),
    BARE: Contender("two processes, each half of the files: the same reading and model, no output", _bare),
    "loop-1": Contender("Pillow, torchvision's transform, eager torch by 64, 1 thread", _module("predicting.loop", 1)),
    "loop-2": Contender("the same with 2 threads", _module("predicting.loop", 2)),
    "timm": Contender(
        "timm's dataset, loader and transform, the same network in eager torch, 2 threads",
        _module("peers.timm_folder", 2, peer="timm"), "timm",
    ),
    "ultralytics": Contender(
        "ultralytics' predict with its smallest classifier (not ours, untrained), 2 threads",
        _module("peers.ultralytics_folder", 2, peer="ultralytics"), "ultralytics",
    ),
    "ray": Contender(
        "Ray Data: read_images, map_batches, write_csv, the model in ONNX Runtime, 2 processors",
        _module("predicting.ray_data", PROCESSES), package="ray",
    ),
}  # fmt: skip
