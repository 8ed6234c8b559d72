"""How fast the exported models are, side by side on one core: models/speed.json."""

import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

from serving import runtime
from serving.card import Card, read_card
from serving.runtime import Pictures, Session
from training import data, device, export, fit, measured
from training.recipes import RECIPES

FILE = "speed.json"
LARGE_BATCH = 64
SECONDS = 0.15
"""Of one turn."""


def write(models: Path, rounds: int) -> None:
    """Measure every model of a folder on this machine, in turns, and write the medians as JSON.

    Raises serving.card.CardInvalid, data.DataFault.
    """
    cards = [read_card(path) for path in sorted(models.glob("*/card.json"))]
    sessions = {card.name: Session(models / card.name / "model.onnx") for card in cards}
    pictures = {card.name: data.load(RECIPES[card.trained_as].dataset, "test").pictures[:1000].numpy() for card in cards}
    turns: dict[str, list[tuple[float, float]]] = {card.name: [] for card in cards}
    for _ in track(range(rounds), description="measuring"):
        for name, session in sessions.items():
            turns[name].append((_seconds(session, pictures[name], 1), _seconds(session, pictures[name], LARGE_BATCH)))
    device.prepare_cpu(threads=1)
    figures = {
        "hardware": device.describe(torch.device("cpu")),
        "versions": {"onnxruntime": runtime.VERSION.split()[-1], "python": platform.python_version()},
        "rounds": rounds,
        "models": {card.name: _figures(card, turns[card.name]) for card in cards},
    }
    measured.write(models / FILE, figures)


def _seconds(session: Session, pictures: Pictures, batch: int) -> float:
    """The seconds that one batch takes, a mean over a turn."""
    session.rows(pictures[:batch])
    calls, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < SECONDS:
        start = calls * batch % (len(pictures) - batch)
        session.rows(pictures[start : start + batch])
        calls += 1
    return elapsed / calls


def _figures(card: Card, turns: list[tuple[float, float]]) -> dict[str, Any]:
    alone, together = (statistics.median(column) for column in zip(*turns, strict=True))
    return {
        "onnx_sha256": card.onnx_sha256,
        "latency_us": round(alone * 1e6, 1),
        "images_per_second": round(LARGE_BATCH / together),
        "torchscript_bytes": None if card.quantised else _torchscript_bytes(card.name),
    }


def _torchscript_bytes(name: str) -> int:
    """The size of the network's model.ts; untrained, as weights take their room whatever they are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ts"
        export.write_torchscript(fit.build(RECIPES[name]), path, {})
        return path.stat().st_size
