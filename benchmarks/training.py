"""Seconds per epoch of our loop and of the labs' own, side by side in one run.

    python benchmarks/training.py [--rounds 3] [--images 9600] [NAME ...]

The labs' loop is a DataLoader over torchvision with the lab's own transform and batch size, float32, and the unfused
optimiser that the lab names; ours keeps the data as one uint8 tensor. Both run in turn on as many CPU threads as the recipe
has, on the first so many images; the medians of the rounds are scaled to the recipe's epoch.
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
from torchvision import transforms

sys.path[0] = str(Path(__file__).parents[1])  # this file's own folder would hide the package of the same name

from training import data, device, fit  # noqa: E402
from training.recipe import LOSSES, Recipe  # noqa: E402
from training.recipes import RECIPES  # noqa: E402


def ours(recipe: Recipe, images: data.Images) -> float:
    """Seconds of one epoch of training.fit, its bookkeeping included, the validation after it not."""
    device.prepare_cpu(recipe.threads)
    training = fit.begin(recipe, seed=0, device=torch.device("cpu"))
    (epoch,) = fit.fit(training, images, images[slice(100)], epochs=1)
    return epoch.seconds


def labs(recipe: Recipe, source: Subset) -> float:
    """Seconds of one epoch as the labs write it."""
    torch.set_num_threads(recipe.threads)
    torch.set_flush_denormal(False)
    network = recipe.network()
    head = recipe.head()
    optimiser = recipe.optimiser.make(network.parameters())
    for group in optimiser.param_groups:
        group["fused"] = None
    loader = DataLoader(source, batch_size=recipe.batch, shuffle=recipe.shuffle)
    began = time.perf_counter()
    total, correct = 0.0, 0
    network.train()
    for pixels, labels in loader:
        optimiser.zero_grad()
        scores = network(pixels)
        loss = LOSSES[recipe.loss](scores, labels)
        loss.backward()
        optimiser.step()
        total += loss.item()
        correct += (head(scores).argmax(1) == labels).sum().item()
    return time.perf_counter() - began


def transform(recipe: Recipe) -> transforms.Compose:
    """The lab's own."""
    normalise = [transforms.Normalize((recipe.mean,), (recipe.std,))] if recipe.mean else []
    return transforms.Compose([transforms.ToTensor(), *normalise])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(RECIPES), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=9_600)
    options = parser.parse_args()
    print(f"{device.describe(torch.device('cpu'))}, Python {platform.python_version()}, torch {torch.__version__}")
    print(f"medians of {options.rounds} interleaved rounds of at most {options.images:,} images, as seconds of an epoch")
    print(f"{'network':20} {'images':>7} {'threads':>7} {'ours s':>8} {'labs s':>8} {'ours / labs':>12}")
    for name in options.names:
        recipe = RECIPES[name]
        count = min(options.images, recipe.images)
        images = data.load(recipe.dataset, "train")[slice(count)]
        dataset = getattr(torchvision.datasets, recipe.dataset)
        subset = Subset(dataset(data.root(), train=True, transform=transform(recipe)), range(count))
        seconds = [(ours(recipe, images), labs(recipe, subset)) for _ in range(options.rounds)]
        scale = recipe.images / count
        mine, theirs = (scale * statistics.median(column) for column in zip(*seconds, strict=True))
        ratio = statistics.median(a / b for a, b in seconds)
        print(f"{name:20} {recipe.images:7,} {recipe.threads:7} {mine:8.2f} {theirs:8.2f} {ratio:12.2f}", flush=True)


if __name__ == "__main__":
    main()
