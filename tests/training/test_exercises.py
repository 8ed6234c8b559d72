"""What the exercises rest on: a fixed order of pixels, a layer made anew, one change at a time, the L1 penalty."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from training import data, device, export, fit, prove
from training.exercises import EXERCISES
from training.model import Model
from training.networks.lab_d import ConvNet, LogisticRegression
from training.networks.lab_e import FashionFreshLayer
from training.networks.permuted import Permuted
from training.recipes import RECIPES

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    device.prepare_cpu(threads=1)


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_takes_a_step_and_is_compared_with_something_else(name: str) -> None:
    exercise = EXERCISES[name]
    assert exercise.against in RECIPES
    assert name not in RECIPES
    assert exercise.asked
    images = data.load(exercise.recipe.dataset, "train")[slice(200)]
    training = fit.begin(exercise.recipe, 0, CPU)
    before = [weight.clone() for weight in training.model.network.parameters()]
    list(fit.fit(training, images, images[slice(50)], epochs=1))
    assert any(not torch.equal(a, b) for a, b in zip(before, training.model.network.parameters(), strict=True))


def test_a_permuted_network_sees_every_pixel_once_in_an_order_that_no_seed_changes() -> None:
    orders = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        orders.append(Permuted(LogisticRegression()).order)
    assert torch.equal(*orders)
    assert torch.equal(orders[0].sort().values, torch.arange(784))
    assert (orders[0] == torch.arange(784)).sum() < 10


def test_a_permuted_perceptron_can_be_the_same_function_and_a_convolution_cannot() -> None:
    pixels = torch.rand(4, 1, 28, 28)
    for network, same in ((LogisticRegression(), True), (ConvNet(), False)):
        expected = network(pixels)
        permuted = Permuted(network)
        linear = next(layer for layer in network if isinstance(layer, torch.nn.Linear))
        if same:
            linear.weight.data = linear.weight.data[:, permuted.order]
        assert torch.allclose(permuted(pixels), expected, atol=1e-5) is same


def test_a_layer_made_anew_answers_otherwise_at_each_call_and_is_not_exported(tmp_path: Path) -> None:
    network, pixels = FashionFreshLayer(), torch.rand(8, 1, 28, 28)
    assert not torch.equal(network(pixels), network(pixels))
    kept = RECIPES[EXERCISES["fashion_fresh_layer"].against].network()
    assert torch.equal(kept(pixels), kept(pixels))

    model = Model(network, 0.5, 0.5).eval()
    with pytest.raises(prove.ProofFailed, match="uniform"):
        export.write_onnx(model, tmp_path / "model.onnx", {})


def test_the_l1_penalty_is_the_sum_of_absolute_values_in_the_gradient_alone() -> None:
    recipe = replace(RECIPES["logistic_regression"], batch=100)
    images = data.load("MNIST", "train")[slice(100)]
    moved, losses = [], []
    for penalty in (0.0, 0.01):
        training = fit.begin(replace(recipe, l1=penalty), 0, CPU)
        before = training.model.network[1].weight.detach().clone()  # type: ignore[index]
        (epoch,) = fit.fit(training, images, images, epochs=1)
        moved.append(training.model.network[1].weight.detach() - before)  # type: ignore[index]
        losses.append(epoch.train_loss)
    rate = recipe.optimiser.rate
    torch.testing.assert_close(moved[1] - moved[0], -rate * 0.01 * before.sign(), atol=1e-8, rtol=1e-3)
    assert losses[0] == losses[1], "the loss that is told is without the penalty, to be compared with others'"
