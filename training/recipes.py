"""RECIPES: every network of the project and how its lab trains it. The dict is the list."""

from functools import partial
from typing import Any

from torch import nn

from training.model import NearestDigit, Rejecting
from training.networks import lab_a, lab_b, lab_c, lab_d, lab_e
from training.networks.champion import Champion
from training.networks.fashion_champion import FashionChampion
from training.networks.perceptron import Perceptron
from training.networks.reader import Reader
from training.recipe import Adam, Kind, Part, Recipe, Sgd

LAB_A: dict[str, Any] = {
    "optimiser": Sgd(0.003, 0.9),
    "batch": 128,
    "epochs": 20,
    "images": 55_000,
    "mean": 0.1307,
    "std": 0.3081,
}
RATE_A = "learning rate 0.003, as the printed 0.01 diverges on this input (the limit is 0.0076)"
SHAPE_A = "the target has the shape (B, 1), as (B) broadcasts and learns the mean digit"

LAB_D: dict[str, Any] = {"batch": 32, "epochs": 2, "images": 48_000}

LAB_E: dict[str, Any] = {
    "dataset": "FashionMNIST",
    "reading": "plain",
    "optimiser": Sgd(0.001, 0.9),
    "batch": 512,
    "epochs": 1,
    "images": 10_000,
    "mean": 0.5,
    "std": 0.5,
}

# What the scenes of uploads have of each kind, before the reading takes most of it away: sensor noise and specks, out of
# focus and motion, other hands' slants and sizes, turned and tilted pictures, grey paper, light that falls and shadows,
# places off the centre, blots, rules and squares.
AUGMENTED_UPLOADS: tuple[Kind, ...] = (
    "shot noise", "impulse noise", "glass blur", "motion blur", "shear", "scale", "rotate", "brightness", "translate", "fog",
    "spatter", "dotted line",
)  # fmt: skip

# Copies have blocks that are reversed, and filters that leave outlines.
AUGMENTED_COPIES: tuple[Kind, ...] = (*AUGMENTED_UPLOADS, "stripe", "canny edges")

OURS: dict[str, Any] = {
    "lab": "none",
    "images": 55_000,
    "optimiser": Adam(0.004, decay=0.01),
    "schedule": "one-cycle",
    "batch": 256,
    "precision": "bf16",
    "threads": 2,
}
DIGITS: dict[str, Any] = OURS | {"head": Rejecting}
CLOTHES: dict[str, Any] = OURS | {"dataset": "FashionMNIST", "reading": "plain", "batch": 512}

RECIPES: dict[str, Recipe] = {
    "single_neuron": Recipe(
        **LAB_A,
        lab="A1",
        network=lab_a.SingleNeuron,
        head=NearestDigit,
        loss="squared error",
        lab_accuracy=0.2,
        corrected=f"{RATE_A}; {SHAPE_A}",
    ),
    "ten_neurons": Recipe(
        **LAB_A,
        lab="A2",
        network=lab_a.TenNeurons,
        head=NearestDigit,
        loss="squared error",
        lab_accuracy=0.4,
        corrected=f"{RATE_A}; {SHAPE_A}",
    ),
    "lab_cnn": Recipe(
        **LAB_A,
        lab="A3",
        network=lab_a.LabCnn,
        corrected=f"{RATE_A}; 32 features before the last layer, not 320; the test loader reads the test split",
    ),
    "elu_mlp": Recipe(
        lab="B",
        network=lab_b.EluPerceptron,
        optimiser=Sgd(0.01),
        batch=100,
        epochs=200,
        images=1_000,
        draw="first",
        shuffle=False,
        curves=(Part("next_500", "train", 1_000, 1_500), Part("test_500", "test", 0, 500)),
        corrected="losses are means over the pictures, not divided by the batch size once more",
    ),
    "softmax_regression": Recipe(
        lab="C",
        network=lab_c.SoftmaxRegression,
        optimiser=Adam(0.01),
        loss="negative log-likelihood",
        batch=64,
        epochs=5,
        images=55_000,
        shuffle=False,
        corrected="validates on training images, not on the test set; losses are divided by the pictures they are sums of",
    ),
    "logistic_regression": Recipe(
        **LAB_D,
        lab="D1",
        network=lab_d.LogisticRegression,
        optimiser=Sgd(0.001),
        lab_accuracy=0.83,
        corrected="the loss that is passed is the loss that is used, not a global",
    ),
    "mlp_128_64": Recipe(
        **LAB_D,
        lab="D2",
        network=lab_d.MultilayerPerceptron,
        optimiser=Sgd(0.001, 0.9),
        corrected="the test figure that the lab prints, 0.9826, is D3's copied: accuracy and loss agree to eight digits",
    ),
    "convnet": Recipe(
        **LAB_D,
        lab="D3",
        network=lab_d.ConvNet,
        optimiser=Adam(0.001),
        lab_accuracy=0.9826,
    ),
    "convnet_dropout": Recipe(
        **LAB_D,
        lab="D4",
        network=partial(lab_d.ConvNet, dropout=0.5),
        optimiser=Adam(0.001),
        lab_accuracy=0.983,
    ),
    "convnet_deep": Recipe(
        **LAB_D,
        lab="D5",
        network=lab_d.DeepConvNet,
        optimiser=Adam(0.001),
        lab_accuracy=0.989,
    ),
    "convnet_batchnorm": Recipe(
        **LAB_D,
        lab="D6",
        network=lab_d.BatchNormConvNet,
        optimiser=Adam(0.001),
        lab_accuracy=0.9912,
        precision="bf16",
        threads=2,
    ),
    "fashion_linear": Recipe(**LAB_E, lab="E1", network=partial(lab_e.FashionLinear, hidden=120)),
    "fashion_sigmoid": Recipe(**LAB_E, lab="E2", network=lab_e.FashionSigmoid),
    "fashion_mlp": Recipe(**LAB_E, lab="E3", network=partial(lab_e.FashionLinear, hidden=128)),
    "fashion_tanh": Recipe(
        **LAB_E | {"optimiser": Adam(0.001), "batch": 64, "epochs": 10},
        lab="E4",
        network=partial(Perceptron, (512, 256), nn.Tanh),
    ),
    "reader": Recipe(
        **DIGITS,
        network=Reader,
        pictures="uploads",
        augmented=AUGMENTED_UPLOADS,
        loss="smoothed cross-entropy",
        epochs=10,
    ),
    "champion": Recipe(
        **DIGITS,
        network=Champion,
        pictures="taught",
        augmented=AUGMENTED_COPIES,
        epochs=5,
    ),
    "fashion_champion": Recipe(**CLOTHES, network=FashionChampion, pictures="taught", epochs=4),
}
