"""The same PNG files through every way there is: do they give the same digits, and how far apart are the probabilities?

    python benchmarks/parity.py [--pictures 10000] [--checkpoint FILE] [--models DIR] [--name convnet]

The ways: eager PyTorch from the checkpoint's weights, TorchScript, ONNX Runtime, `digits predict`, and `POST /predict` with
one file a request and with 64. Probabilities are compared with the weights evaluated in float64. Exits with 1 where one
answer differs. Without a checkpoint it trains and exports one first, into a temporary folder.
"""

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import torch

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)  # benchmarks/training.py would hide the package of the same name
sys.path.insert(1, str(ROOT / "tests" / "support"))

from started import DIGITS, service  # noqa: E402

from serving.card import read_card  # noqa: E402
from serving.reading import Limits, read  # noqa: E402
from serving.runtime import Session  # noqa: E402
from training import data, device, prove, runs  # noqa: E402
from training.recipes import RECIPES  # noqa: E402

TRAIN = [sys.executable, "-c", "from training.cli import main; main()"]


def by_command(folder: Path, files: list[Path], models: Path, name: str, scratch: Path) -> np.ndarray:
    """Probabilities as `digits predict` writes them."""
    output = scratch / "out.csv"
    command = [*DIGITS, "predict", folder, "-o", output, "--probabilities", "--model", name, "--models", models]
    subprocess.run(command, check=True, capture_output=True)
    with output.open(newline="") as rows:
        told = {row["source"]: [float(row[f"p{place}"]) for place in range(10)] for row in csv.DictReader(rows)}
    return np.array([told[str(path)] for path in files])


def by_http(url: str, contents: list[bytes], a_request: int) -> np.ndarray:
    """Probabilities as POST /predict answers them, so many files a request."""
    rows = []
    with httpx.Client() as client:
        for start in range(0, len(contents), a_request):
            files = [("file", ("a.png", content)) for content in contents[start : start + a_request]]
            told = client.post(url + "/predict", files=files).raise_for_status().json()["predictions"]
            rows += [one["probabilities"] for one in told]
    return np.array(rows)


def in_batches(run: prove.Runner, pictures: np.ndarray) -> np.ndarray:
    """Probabilities in batches of 64."""
    return np.concatenate([run(pictures[start : start + 64])[0] for start in range(0, len(pictures), 64)])


def torch_runner(module: torch.nn.Module) -> prove.Runner:
    """An eager or scripted module as a function of arrays."""

    def run(batch: np.ndarray) -> tuple[np.ndarray, ...]:
        with torch.inference_mode():
            return tuple(output.numpy() for output in module(torch.from_numpy(batch)))

    return run


def measure(options: argparse.Namespace, scratch: Path) -> bool:
    """Run every way, print the table; True where all answers agree."""
    folder = options.models / options.name
    card = read_card(folder / "card.json")
    eager = runs.load_model(options.checkpoint, options.name, RECIPES[options.name], card.temperature)
    images = data.load(RECIPES[options.name].dataset, "test")[slice(options.pictures)]
    files = list(data.write_pngs(images, scratch / "pngs"))
    contents = [path.read_bytes() for path in files]
    pictures = np.stack([read(content, card.reading, Limits()).picture for content in contents])
    assert (pictures == images.pictures.numpy()).all(), "a picture of the data set was not read as it is"
    exact = prove.evaluate_reference(eager, pictures).probabilities
    ways = {
        "eager PyTorch": in_batches(torch_runner(eager), pictures),
        "TorchScript": in_batches(torch_runner(torch.jit.load(folder / "model.ts")), pictures),
        "ONNX Runtime": in_batches(Session(folder / "model.onnx").outputs, pictures),
        "digits predict": by_command(scratch / "pngs", files, options.models, options.name, scratch),
    }
    with service("--models", str(options.models), "--model", options.name) as server:
        for a_request in (1, 64):
            ways[f"POST /predict, {a_request} a request"] = by_http(server.url, contents, a_request)
    print(f"{'way':28} {'pictures':>8} {'same digit':>10} {'largest |dp| to float64':>24}")
    for way, rows in ways.items():
        same = int((rows.argmax(1) == exact.argmax(1)).sum())
        print(f"{way:28} {len(rows):8,} {same:10,} {np.abs(rows - exact).max():24.1e}")
    accuracy = float((exact.argmax(1) == images.labels.numpy()).mean())
    print(f"accuracy of every way: {accuracy:.2%}")
    return all((rows.argmax(1) == exact.argmax(1)).all() and len(rows) == len(files) for rows in ways.values())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--name", default="convnet")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--models", type=Path, default=Path("models"))
    options = parser.parse_args()
    versions = f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, Python {platform.python_version()}"
    print(f"{device.describe(torch.device('cpu'))}, {versions}")
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        if options.checkpoint is None:
            options.models = scratch / "models"
            options.checkpoint = scratch / "runs" / options.name / "seed-0" / "checkpoint.pt"
            subprocess.run([*TRAIN, "run", options.name, "--runs", scratch / "runs"], check=True)
            export = [*TRAIN, "export", options.name, "--runs", scratch / "runs", "--models", options.models]
            subprocess.run(export, check=True, capture_output=True)
        agree = measure(options, scratch)
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    os.environ.pop("DIGITS_MODELS", None)
    main()
