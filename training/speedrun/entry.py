"""ENTRY: the recipe that holds the record, and what of it is inside the clock."""

import torch

from training import fit
from training.data import Images
from training.model import Model
from training.networks.sprinter import Sprinter
from training.recipe import Adam, Recipe

ENTRY = Recipe(
    lab="none",
    network=Sprinter,
    optimiser=Adam(0.008, betas=(0.7, 0.9)),
    loss="smoothed cross-entropy",
    schedule="one-cycle",
    batch=256,
    epochs=2,
    images=55_000,
    mean=0.1307,
    std=0.3081,
    precision="bf16",
)


def train(recipe: Recipe, seed: int, images: Images, where: torch.device) -> Model:
    """All that the clock measures: from uint8 pictures in the machine's memory to a trained model on the device.

    The loop is the project's own. It ends each epoch by a look at validation; here that is one training picture, of which
    nothing depends.
    """
    there = images.to(where)
    training = fit.begin(recipe, seed, where)
    for _ in fit.fit(training, there, there[slice(1)]):
        pass
    return training.model
