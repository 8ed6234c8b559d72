"""What a training comes of, its seed aside. Two that differ in it are two trainings, whatever their names."""

from dataclasses import replace

import torch

from training import copies, data, kept, teaching, uploads
from training.recipe import Recipe


def origin(recipe: Recipe) -> str:
    """Sixteen hex digits for the recipe, the network's layers, the pictures, and what other networks answer to them.

    The number of epochs counts where the learning rate goes by it. Raises data.DataFault where an answer is needed that
    nobody has given.
    """
    alike = replace(recipe, epochs=1) if recipe.schedule == "constant" else recipe
    with torch.random.fork_rng(devices=[]):  # the weights of this network are nobody's
        layers = str(recipe.network())
    return kept.fingerprint([], str(alike), recipe.head.__name__, layers, _pictures(recipe))


def _pictures(recipe: Recipe) -> str:
    match recipe.pictures:
        case "own":
            return data.fingerprint(recipe.dataset)
        case "uploads":
            return uploads.kept_at().name
        case "copies":
            return copies.key(recipe.dataset)
        case "taught":
            return teaching.answers_key(recipe.dataset)
