"""The ways in which a model can be run: by each library, where it is installed."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from serving.card import Card
from serving.runtime import Output, Pictures, Session

PROVED = "onnx-1"
"""The way that cards prove: model.onnx in ONNX Runtime, on the CPU with one thread. Others are compared with it."""
ORDER = (PROVED, "onnx-2", "cuda", "openvino-1", "openvino-2", "torchscript", "eager")
GROUP = "digits.ways"
"""Entry points that know further ways, as whoever trains does: (folder, card) to some makers."""


class Way(NamedTuple):
    """One way to run one model."""

    name: str
    library: str
    """With the version."""
    bytes: int
    """Of what is loaded."""
    run: Callable[[Pictures], Output]
    """(N, 28, 28) uint8 to probabilities, (N, 10)."""


Makers = Mapping[str, Callable[[], Way]]
"""By the name of a way, one of ORDER or of another, what makes it. May raise ModelUnusable."""


def makers(folder: Path, card: Card, tell: Callable[[str, str], object]) -> Makers:
    """All ways of a model, the proved one first. tell: is told of each that is not to be had, and why."""
    onnx, script = folder / "model.onnx", folder / "model.ts"
    found: dict[str, Callable[[], Way]] = {
        PROVED: lambda: _way(PROVED, onnx, Session(onnx)),
        "onnx-2": lambda: _way("onnx-2", onnx, Session(onnx, threads=2)),
        "cuda": lambda: _way("cuda", onnx, Session(onnx, device="cuda")),
        "openvino-1": lambda: _way("openvino-1", onnx, Session(onnx, library="openvino")),
        "openvino-2": lambda: _way("openvino-2", onnx, Session(onnx, threads=2, library="openvino")),
    }
    if script.exists():
        found["torchscript"] = lambda: by_torchscript(script)
    for point in entry_points(group=GROUP):
        try:
            found = point.load()(folder, card) | found
        except ImportError as error:
            tell(point.name, f"{error.name} is not installed: pip install 'digits[train]'")
    return {name: found[name] for name in sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))}


def by_torchscript(file: Path) -> Way:
    """A model.ts in TorchScript, on the CPU with one thread. Raises ModelUnusable."""
    return _way("torchscript", file, Session(file))


def _way(name: str, file: Path, session: Session) -> Way:
    return Way(name, session.library, file.stat().st_size, session.probabilities)
