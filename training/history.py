"""The epochs of a run, as lines of JSON and once more as TensorBoard's events."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from training.fit import Epoch

Line = dict[str, Any]
"""An Epoch as a dict."""


def read(path: Path) -> list[Line]:
    """The epochs so far, oldest first."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def trim(path: Path, epochs: int) -> None:
    """Drop lines of epochs that the checkpoint has not finished: a crash can fall between the two files."""
    path.write_text("".join(json.dumps(line) + "\n" for line in read(path)[:epochs]), encoding="utf-8")


def points(line: Line) -> dict[str, dict[str, float]]:
    """Loss and accuracy of an epoch on each part of the data that it looked at, training and validation first."""
    parts = {part: {what: line[f"{part}_{what}"] for what in ("loss", "accuracy")} for part in ("train", "validation")}
    curves: dict[str, dict[str, float]] = line["curves"]
    return parts | curves


class History:
    """Where a run's epochs are added. Its events are written anew from the lines that stand already."""

    def __init__(self, path: Path, events: Path) -> None:
        self._path = path
        shutil.rmtree(events, ignore_errors=True)
        self._writer = SummaryWriter(str(events))
        for line in read(path):
            self._show(line)

    def add(self, epoch: Epoch) -> None:
        """Write one epoch down."""
        line = asdict(epoch)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._show(line)

    def _show(self, line: Line) -> None:
        for part, point in points(line).items():
            for what, value in point.items():
                self._writer.add_scalar(f"{what}/{part}", value, line["epoch"])
        self._writer.add_scalar("images_per_second", line["images_per_second"], line["epoch"])
        self._writer.flush()

    def close(self) -> None:
        """End the events."""
        self._writer.close()


@contextmanager
def written(path: Path, events: Path) -> Iterator[History]:
    """A History that is closed at the end."""
    history = History(path, events)
    try:
        yield history
    finally:
        history.close()
