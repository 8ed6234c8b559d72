"""Batch inference with Ray Data on one machine, as its guide writes it: read_images, map_batches with a class, write_csv.

    python -m benchmarks.predicting.ray_data FOLDER PROCESSES

It fits a picture whole into 28x28, and looks for no ink. It says "ready" once Ray is there, and how many it did.
"""

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import ray

from serving.runtime import Session
from serving.settings import DEFAULT_MODEL

MODEL = Path("models") / DEFAULT_MODEL / "model.onnx"
SIDE, BATCH = 28, 64


class Predictor:
    """One process's model."""

    def __init__(self) -> None:
        self._session = Session(MODEL)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """(N, 28, 28) pictures and their paths, to paths and digits."""
        return {"path": batch["path"], "digit": self._session.probabilities(batch["image"]).argmax(1)}


def main() -> None:
    """Predict a folder."""
    processes = int(sys.argv[2])
    ray.init("local", num_cpus=processes, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    print("ready", flush=True)
    images = ray.data.read_images(sys.argv[1], mode="L", size=(SIDE, SIDE), include_paths=True)
    answers = images.map_batches(Predictor, batch_size=BATCH, concurrency=1)
    with tempfile.TemporaryDirectory() as scratch:
        answers.write_csv(scratch)
        rows = sum(len(path.read_bytes().splitlines()) - 1 for path in Path(scratch).iterdir())
    print(rows, flush=True)


if __name__ == "__main__":
    main()
