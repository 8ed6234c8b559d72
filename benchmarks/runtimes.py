"""Pictures a second of one model through eager PyTorch, TorchScript and ONNX Runtime, one thread, interleaved in one run.

    python benchmarks/runtimes.py [--rounds 5] [--seconds 1] [--name convnet]

Eager PyTorch runs the network with fresh weights: arithmetic takes its time whatever the numbers are.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

sys.path[0] = str(Path(__file__).parents[1])  # benchmarks/training.py would hide the package of the same name

from serving.runtime import Session  # noqa: E402
from training import data, device, fit  # noqa: E402
from training.recipes import RECIPES  # noqa: E402


def rate(run: Callable[[np.ndarray], object], pictures: np.ndarray, batch: int, seconds: float) -> float:
    """Pictures a second in batches of one size."""
    run(pictures[:batch])
    done, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        start = done % (len(pictures) - batch)
        run(pictures[start : start + batch])
        done += batch
    return done / elapsed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--name", default="convnet")
    parser.add_argument("--models", type=Path, default=Path("models"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe, folder = RECIPES[options.name], options.models / options.name
    pictures = data.load(recipe.dataset, "test").pictures.numpy()
    eager = fit.build(recipe).eval()
    scripted = torch.jit.load(folder / "model.ts")
    optimised = torch.jit.optimize_for_inference(torch.jit.load(folder / "model.ts"))
    session = Session(folder / "model.onnx")
    ways: dict[str, Callable[[np.ndarray], object]] = {
        "eager PyTorch": lambda batch: eager(torch.from_numpy(batch)),
        "TorchScript": lambda batch: scripted(torch.from_numpy(batch)),
        "TorchScript, optimised": lambda batch: optimised(torch.from_numpy(batch)),
        "ONNX Runtime": session.probabilities,
    }
    versions = f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, Python {platform.python_version()}"
    print(f"{device.describe(torch.device('cpu'))}, {versions}; {options.name}, median of {options.rounds} rounds")
    print(f"{'batch':>5}  {'way':24} {'pictures/s':>10} {'to eager':>9}")
    with torch.inference_mode():
        for batch in (1, 8, 64):
            rounds = [[rate(run, pictures, batch, options.seconds) for run in ways.values()] for _ in range(options.rounds)]
            for way, rates in zip(ways, zip(*rounds, strict=True), strict=True):
                ratio = statistics.median(one / first[0] for one, first in zip(rates, rounds, strict=True))
                print(f"{batch:5}  {way:24} {statistics.median(rates):10,.0f} {ratio:9.2f}", flush=True)


if __name__ == "__main__":
    main()
