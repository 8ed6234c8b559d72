"""The labs' demonstrations, checked number by number."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from training import data
from training.commands import app
from training.lessons import (
    LESSONS,
    activations,
    autograd,
    convolution,
    gradient_descent,
    learning_rate,
    linear_layer,
    overfitting,
    squared_error,
)

PRINTED_BY_THE_LAB = {
    10: 0.150094673037529,
    50: 3.279230440966785e-05,
    100: 8.74024408403784e-10,
    150: 1.2789769243681803e-13,
}
FLOAT64_EPS = 2.0**-52


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_speaks_and_draws(name: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["lesson", name, "--folder", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert len(told.stdout.splitlines()) > 5
    assert "NOT equal" not in told.stdout
    for path in tmp_path.iterdir():
        assert path.name.startswith(name)
        pixels = np.asarray(Image.open(path).convert("L"))
        assert min(pixels.shape) > 250
        assert pixels.std() > 10, "an empty picture"


def test_a_lesson_that_does_not_exist_is_answered_with_those_that_do() -> None:
    told = CliRunner().invoke(app, ["lesson", "backpropagation"])
    assert told.exit_code == 2
    assert "There is no lesson 'backpropagation'. Lessons: gradient_descent, autograd" in told.output


def test_gradient_descent_prints_the_labs_losses() -> None:
    losses = gradient_descent.descend(gradient_descent.LAB_RATE)
    assert {step: losses[step - 1] for step in PRINTED_BY_THE_LAB} == PRINTED_BY_THE_LAB


def test_the_fastest_rate_converges_in_one_step_and_no_other_is_as_fast() -> None:
    assert gradient_descent.curvature() == pytest.approx(1 / gradient_descent.FASTEST_RATE)
    assert gradient_descent.descend(gradient_descent.FASTEST_RATE, 3)[1:] == [0, 0]
    for factor in (0.5, 0.9, 1.1, 1.5):
        assert gradient_descent.descend(factor * gradient_descent.FASTEST_RATE, 3)[1] > 0
    assert gradient_descent.descend(2.1 * gradient_descent.FASTEST_RATE, 50)[-1] > 1


def test_autograd_agrees_with_the_formulas() -> None:
    generator = np.random.default_rng(1)
    hand, machine = autograd.mean_of_squares(generator.normal(size=(5, 7)))
    np.testing.assert_allclose(hand, machine, rtol=4 * FLOAT64_EPS)
    shapes = ((6, 4), (3, 4), (3,), (6, 3))
    for first, second in autograd.linear_layer(*(generator.normal(size=shape) for shape in shapes)).values():
        np.testing.assert_allclose(first, second, atol=16 * FLOAT64_EPS)


def test_a_linear_layer_differs_from_numpys_in_a_few_last_bits() -> None:
    distances = linear_layer.differences()
    assert set(distances) == {"torch to numpy", "torch to float64", "numpy to float64"}
    assert all(0 < distance < 20 for distance in distances.values())


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", [convolution.KERNEL, convolution.LARGE_KERNEL])
def test_convolution_by_hand_equals_torchs(kernel: convolution.Picture, stride: int) -> None:
    picture = data.load("MNIST", "train").pictures[3].numpy().astype(np.float32)
    np.testing.assert_array_equal(
        convolution.convolve(picture, kernel, stride), convolution.by_torch(picture, kernel, stride)
    )


@pytest.mark.parametrize(("size", "stride"), [(4, None), (4, 2), (2, None), (3, 1)])
def test_max_pooling_by_hand_equals_torchs(size: int, stride: int | None) -> None:
    picture = data.load("MNIST", "train").pictures[3].numpy().astype(np.float32)
    np.testing.assert_array_equal(
        convolution.max_pool(picture, size, stride), convolution.pool_by_torch(picture, size, stride)
    )


@pytest.mark.parametrize("name", activations.ACTIVATIONS)
def test_an_activation_and_its_derivative_are_torchs(name: str) -> None:
    x = np.random.default_rng(2).normal(scale=3, size=500)
    activation = activations.ACTIVATIONS[name]
    value, slope = activations.torch_values(activation, x)
    np.testing.assert_allclose(activation.function(x), value, atol=4 * FLOAT64_EPS, rtol=4 * FLOAT64_EPS)
    np.testing.assert_allclose(activation.derivative(x), slope, atol=4 * FLOAT64_EPS, rtol=4 * FLOAT64_EPS)


def test_softmax_sums_to_one_and_is_torchs_even_for_large_scores() -> None:
    scores = np.random.default_rng(3).normal(scale=400, size=(50, 10))
    np.testing.assert_allclose(activations.softmax(scores).sum(1), 1, rtol=8 * FLOAT64_EPS)
    np.testing.assert_allclose(activations.softmax(scores), torch.softmax(torch.from_numpy(scores), 1).numpy(), rtol=1e-12)


def test_gradients_vanish_through_sigmoids_and_less_through_relus() -> None:
    sigmoid, relu = activations.gradient_by_layer(nn.Sigmoid), activations.gradient_by_layer(nn.ReLU)
    assert len(sigmoid) == len(relu) == 10
    assert sigmoid[-1] / sigmoid[0] > 1e6
    assert relu[-1] / relu[0] < 1e3


def test_a_dead_relu_has_no_gradient() -> None:
    assert activations.dead_neurons(0.0)[0] < 0.1
    share, norm = activations.dead_neurons(-1.0)
    assert share > 0.9
    assert norm == 0


def test_one_step_by_hand_is_torchs() -> None:
    loss, torch_loss, difference = squared_error.compare(images=32)
    assert loss == pytest.approx(torch_loss, rel=1e-12)
    assert difference < 4 * FLOAT64_EPS
    assert squared_error.one_hot(np.array([3, 0])).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0], [1] + [0] * 9]


def test_the_labs_rate_diverges_and_ours_is_below_the_limit() -> None:
    images = data.load("MNIST", "train")
    limit = learning_rate.limit(images)
    assert 0.003 < limit < 0.01
    assert limit == pytest.approx(0.0076, abs=1e-4), "the recipes of lab A tell this figure"
    assert not math.isfinite(learning_rate.losses(0.01, images)[-1])
    assert learning_rate.losses(0.003, images)[-1] < 12


def test_the_validation_loss_turns_while_the_training_loss_falls() -> None:
    epochs = overfitting.course()
    best, last = overfitting.turn(epochs), epochs[-1]
    assert 1 < best.epoch < last.epoch / 2
    assert last.validation_loss > 1.2 * best.validation_loss
    assert last.train_loss < 0.1 * best.train_loss
    assert last.train_accuracy == 1.0
