"""EXERCISES: what the labs ask their readers to try, each a recipe beside the one that it changes.

They are trained and compared, not exported. `write` puts what their runs measured into models/exercises.json.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from training import measured, runs
from training.evaluate import accuracies
from training.model import NearestDigit, parameters
from training.networks import lab_b, lab_e
from training.networks.perceptron import Perceptron
from training.networks.permuted import Permuted
from training.recipe import Adam, Recipe, Sgd
from training.recipes import LAB_A, LAB_E, RECIPES


@dataclass(frozen=True, slots=True)
class Exercise:
    """What is asked, the recipe that answers it, and the name of the recipe or exercise it is compared with."""

    asked: str
    against: str
    recipe: Recipe


def _lab_a(*hidden: int) -> Exercise:
    asked = f"add more layers: {', '.join(map(str, hidden))} neurons"
    network = partial(Perceptron, hidden, outputs=1)
    return Exercise(asked, "ten_neurons", Recipe(**LAB_A, lab="A", network=network, head=NearestDigit, loss="squared error"))


def _lab_b(asked: str, **changes: Any) -> Exercise:
    return Exercise(asked, "elu_mlp", replace(RECIPES["elu_mlp"], curves=(), corrected="", **changes))


def _lab_e(asked: str, hidden: tuple[int, ...], activation: type[nn.Module] = nn.Tanh) -> Exercise:
    network = partial(Perceptron, hidden, activation)
    return Exercise(asked, "fashion_tanh", replace(RECIPES["fashion_tanh"], network=network))


def _permuted(name: str) -> Exercise:
    def network() -> nn.Module:
        return Permuted(RECIPES[name].network())

    recipe = replace(RECIPES[name], network=network, curves=(), corrected="", lab_accuracy=None)
    return Exercise("the pixels in another order, the same for each picture", name, recipe)


EXERCISES: dict[str, Exercise] = {
    "more_layers_1": _lab_a(128),
    "more_layers_2": _lab_a(128, 64),
    "more_layers_3": _lab_a(256, 128, 64),
    "elu_mlp_kaiming": _lab_b(
        "Kaiming's initialisation", network=partial(lab_b.EluPerceptron, initialise=nn.init.kaiming_normal_)
    ),
    "elu_mlp_two_layers": _lab_b("an extra layer", network=partial(lab_b.EluPerceptron, hidden=(512, 512))),
    "elu_mlp_relu": _lab_b("ReLU", network=partial(lab_b.EluPerceptron, activation=nn.ReLU)),
    "elu_mlp_momentum": _lab_b("momentum", optimiser=Sgd(0.01, 0.9)),
    "elu_mlp_adam": _lab_b("Adam", optimiser=Adam(0.001)),
    "elu_mlp_l1": _lab_b("L1 regularisation", l1=1e-4),
    "elu_mlp_l2": _lab_b("L2 regularisation", optimiser=Sgd(0.01, decay=1e-2)),
    "elu_mlp_dropout": _lab_b("dropout", network=partial(lab_b.EluPerceptron, dropout=0.5)),
    "elu_mlp_batchnorm": _lab_b("batch norm", network=partial(lab_b.EluPerceptron, batch_norm=True)),
    "elu_mlp_permuted": _permuted("elu_mlp"),
    "convnet_deep_permuted": _permuted("convnet_deep"),
    "softmax_regression_fashion": Exercise(
        "the network on Fashion-MNIST",
        "fashion_linear",
        replace(RECIPES["softmax_regression"], dataset="FashionMNIST", reading="plain", corrected=""),
    ),
    "fashion_relu": _lab_e("another activation: ReLU", (512, 256), nn.ReLU),
    "fashion_elu": _lab_e("another activation: ELU", (512, 256), nn.ELU),
    "fashion_gelu": _lab_e("another activation: GELU", (512, 256), nn.GELU),
    "fashion_deep_sigmoid": _lab_e("another activation: sigmoid", (512, 256), nn.Sigmoid),
    "fashion_tanh_120": _lab_e("another size: 120", (120,)),
    "fashion_tanh_512": _lab_e("another size: 512", (512,)),
    "fashion_tanh_deep": _lab_e("another size: 512, 256, 128", (512, 256, 128)),
    "fashion_fresh_layer": Exercise(
        "a layer that is made anew at each call, against the one that is kept",
        "fashion_mlp",
        Recipe(**LAB_E, lab="E", network=lab_e.FashionFreshLayer),
    ),
}


FILE = "exercises.json"


def write(runs_folder: Path, path: Path) -> None:
    """Write what the finished runs of all exercises measured, as JSON. Raises runs.RunFault where one is missing."""
    figures = {name: _figures(exercise, runs.read_finished(name, runs_folder)) for name, exercise in EXERCISES.items()}
    measured.write(path, figures)


def _figures(exercise: Exercise, results: list[runs.Result]) -> dict[str, Any]:
    first = results[0]
    return {
        "lab": exercise.recipe.lab,
        "asked": exercise.asked,
        "against": exercise.against,
        "recipe": first.recipe,
        "parameters": parameters(exercise.recipe.network()),
        "validation": accuracies([one.validation for one in results]),
        "test": accuracies([one.test for one in results]),
        "hardware": first.hardware,
        "versions": first.versions,
        "commit": first.commit,
    }
