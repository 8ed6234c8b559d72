"""The pictures of a run, what is to be answered to them, and the requests that hold them, in a folder of the run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.load.bodies import BodyKind, Requests, write_requests
from benchmarks.load.contenders import SETS

ROOT = Path(__file__).parents[2]


class NoPictures(Exception):
    """The pictures could not be made; why stands on stderr."""


class Stock:
    """Makes the sets of pictures, and requests as they are asked for."""

    def __init__(self, folder: Path) -> None:
        """folder: for the files of this run. Raises NoPictures."""
        self.pictures = folder / "pictures"
        made = subprocess.run([sys.executable, "-m", "benchmarks.load.pictures", self.pictures], cwd=ROOT, check=False)
        if made.returncode:
            raise NoPictures("the pictures could not be made")
        self.files = {name: [path.read_bytes() for path in sorted((self.pictures / name).iterdir())] for name in SETS}
        self._expected: dict[str, Any] = json.loads((self.pictures / "expected.json").read_text(encoding="utf-8"))
        self._folder = folder / "requests"
        self._written: dict[object, Requests] = {}

    @property
    def known(self) -> list[str]:
        """Whose answers are known: models of ours, and the peers."""
        return list(self._expected[SETS[0]]["probabilities"])

    def expected(self, name: str, whose: str) -> list[list[float]]:
        """(N, 10): the probabilities of a set's pictures by a model of ours, or by the peers."""
        rows: list[list[float]] = self._expected[name]["probabilities"][whose]
        return rows

    def right(self, name: str, whose: str) -> float:
        """The share of a set's pictures that are read rightly then."""
        labels: list[int] = self._expected[name]["labels"]
        rows = self.expected(name, whose)
        return sum(row.index(max(row)) == label for row, label in zip(rows, labels, strict=True)) / len(labels)

    def requests(self, name: str, kind: BodyKind, pictures: int, paths: tuple[str, ...] = ("/predict",)) -> Requests:
        """A set's pictures as requests of so many each."""
        key = (name, kind, pictures, paths)
        if key not in self._written:
            folder = self._folder / str(len(self._written))
            self._written[key] = write_requests(folder, kind, self.files[name], pictures, paths)
        return self._written[key]
