"""Seconds per epoch of our loop and of the labs' own, side by side in one run.

    python benchmarks/training.py [--rounds 3] [--images 48000] [NAME ...]

The labs' loop is a DataLoader over torchvision with ToTensor, batch 32, shuffled, and the unfused optimiser that the lab
names; ours keeps the data as one uint8 tensor. Both run on one CPU thread, in turn, and print the median of the rounds.
"""

import argparse
import platform
import statistics
import sys
import time
from pathlib import Path

import torch
import torchvision
from torch.utils.data import DataLoader, Subset

sys.path[0] = str(Path(__file__).parents[1])  # this file's own folder would hide the package of the same name

from training import data, device, fit  # noqa: E402
from training.recipes import RECIPES, Recipe  # noqa: E402


def ours(recipe: Recipe, images: data.Images) -> float:
    """Seconds of one epoch of training.fit, its bookkeeping included, the validation after it not."""
    device.prepare_cpu(threads=1)
    training = fit.begin(recipe, seed=0, device=torch.device("cpu"))
    (epoch,) = fit.fit(training, images, images[slice(1000)], epochs=1)
    return epoch.seconds


def labs(recipe: Recipe, source: Subset) -> float:
    """Seconds of one epoch as the labs write it."""
    torch.set_flush_denormal(False)
    network = recipe.network()
    optimiser = recipe.optimiser(network.parameters())
    for group in optimiser.param_groups:
        group["fused"] = None
    loader = DataLoader(source, batch_size=32, shuffle=True)
    began = time.perf_counter()
    total, correct = 0.0, 0
    network.train()
    for pixels, labels in loader:
        optimiser.zero_grad()
        scores = network(pixels)
        loss = recipe.loss(scores, labels)
        loss.backward()
        optimiser.step()
        total += loss.item()
        correct += (scores.argmax(1) == labels).sum().item()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(RECIPES), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=48_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{device.describe(torch.device('cpu'))}, Python {platform.python_version()}, torch {torch.__version__}")
    print(f"{options.images:,} images an epoch, median of {options.rounds} interleaved rounds")
    print(f"{'network':20} {'ours s':>8} {'labs s':>8} {'ours / labs':>12}")
    for name in options.names:
        recipe = RECIPES[name]
        rows = torch.arange(options.images)
        images = data.load(recipe.dataset, "train").take(rows)
        source = getattr(torchvision.datasets, recipe.dataset)(
            data.root(), train=True, transform=torchvision.transforms.ToTensor()
        )
        subset = Subset(source, rows.tolist())
        seconds = [(ours(recipe, images), labs(recipe, subset)) for _ in range(options.rounds)]
        mine, theirs = (statistics.median(column) for column in zip(*seconds, strict=True))
        ratio = statistics.median(a / b for a, b in seconds)
        print(f"{name:20} {mine:8.2f} {theirs:8.2f} {ratio:12.2f}", flush=True)


if __name__ == "__main__":
    main()
