"""What holds for every network of the project."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from serving.catalogue import load_model
from training import data, device, export, fit, prove
from training.evaluate import residual
from training.model import NearestDigit, flops, parameters
from training.recipe import Adam, Recipe, rate_at, squared_error
from training.recipes import RECIPES
from training.runs import Result

if TYPE_CHECKING:
    from serving.runtime import Pictures

CPU = torch.device("cpu")

PARAMETERS = {
    "single_neuron": 785, "ten_neurons": 7_861, "lab_cnn": 28_682, "elu_mlp": 407_050, "softmax_regression": 7_850,
    "logistic_regression": 7_850, "mlp_128_64": 109_386, "convnet": 789_718, "convnet_dropout": 789_718,
    "convnet_deep": 173_962, "convnet_batchnorm": 1_148_618, "fashion_linear": 95_410, "fashion_sigmoid": 95_410,
    "fashion_mlp": 101_770,
}  # fmt: skip


def some(recipe: Recipe, count: int) -> data.Images:
    return data.load(recipe.dataset, "train")[slice(count)]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    device.prepare_cpu(threads=1)


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_network_has_the_parameters_that_its_lab_gives_it(name: str) -> None:
    assert parameters(RECIPES[name].network()) == PARAMETERS[name]


def test_the_batch_norm_network_takes_the_operations_that_were_counted_by_hand() -> None:
    assert flops(fit.build(RECIPES["convnet_batchnorm"])) == pytest.approx(232.1e6, rel=1e-3)


@pytest.mark.parametrize(("name", "most"), [("reader", 6e6), ("champion", 6e6), ("fashion_champion", 45e6)])
def test_a_network_of_our_own_is_as_small_as_it_was_asked_to_be(name: str, most: float) -> None:
    assert parameters(RECIPES[name].network()) <= 300_000
    assert flops(fit.build(RECIPES[name])) <= most


def test_adam_has_the_memories_that_it_tells() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1))]
    for one in (Adam(0.01, betas=(0.7, 0.9)), Adam(0.01, 0.1, betas=(0.7, 0.9))):
        assert one.make(weights).param_groups[0]["betas"] == (0.7, 0.9)
        assert str(one).endswith(", betas 0.7 and 0.9")
    assert str(Adam(0.01)) == "Adam 0.01"


def test_one_cycle_rises_to_its_highest_and_ends_at_nothing() -> None:
    rates = [rate_at("one-cycle", step / 1000) for step in range(1001)]
    highest = rates.index(max(rates))
    assert rates[:highest] == sorted(rates[:highest])
    assert rates[highest:] == sorted(rates[highest:], reverse=True)
    assert max(rates) == 1.0
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert rate_at("one-cycle", 1.5) == rates[-1]
    assert {rate_at("constant", step / 10) for step in range(11)} == {1.0}


@pytest.mark.parametrize("name", RECIPES)
def test_one_seed_gives_the_same_bits_twice_and_another_seed_others(name: str) -> None:
    recipe, trained = RECIPES[name], []
    images = some(recipe, 256)
    for seed in (0, 0, 1):
        training = fit.begin(recipe, seed, CPU)
        (epoch,) = fit.fit(training, images, images[slice(64)], epochs=1)
        assert np.isfinite([epoch.train_loss, epoch.validation_loss]).all()
        trained.append(torch.cat([value.flatten().double() for value in training.model.network.state_dict().values()]))
    assert torch.equal(trained[0], trained[1])
    assert not torch.equal(trained[0], trained[2])


@pytest.mark.parametrize("name", RECIPES)
def test_every_network_exports_is_proved_and_can_be_served(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    training = fit.begin(recipe, 0, CPU)
    list(fit.fit(training, some(recipe, 256), some(recipe, 64), epochs=1))
    model = training.model.eval()
    pictures: Pictures = data.load(recipe.dataset, "test").pictures[:130].numpy()
    card = export.describe(name, recipe, model, [result(name)])
    export.build(model, prove.evaluate_reference(model, pictures), pictures, card, tmp_path / name)
    served = load_model(tmp_path / name)
    assert served.card.reading == recipe.reading
    rows = served.session.probabilities(pictures)
    assert rows.shape == (130, 10)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("name", RECIPES)
def test_every_network_trains_on_an_accelerator_and_is_proved(name: str, tmp_path: Path) -> None:
    if not torch.accelerator.is_available():
        pytest.skip("no accelerator on this machine")
    recipe, where = RECIPES[name], device.choose("auto")
    images = data.load(recipe.dataset, "train").to(where)
    training = fit.begin(recipe, 0, where)
    first, last = fit.fit(training, images[slice(3_000)], data.validation_part(images)[slice(500)], epochs=2)
    assert last.train_loss < first.train_loss
    assert next(training.model.parameters()).device.type == where.type
    pictures = data.load(recipe.dataset, "test").pictures[:130].numpy()
    card = export.describe(name, recipe, training.model, [result(name)])
    reference = prove.evaluate_reference(training.model, pictures)
    export.build(training.model, reference, pictures, card, tmp_path / name)


def result(name: str) -> Result:
    return Result(
        name=name, seed=0, recipe="", epochs=1, validation_correct=1, validation_total=2, test_correct=1, test_total=2,
        temperature=1.0, ece_before=0.0, ece_after=0.0, seconds=0.0, hardware="", versions={}, commit="",
    )  # fmt: skip


def test_a_regressed_digit_is_answered_rounded_and_clipped() -> None:
    values = torch.tensor([[-3.0], [0.4], [0.6], [4.49], [4.51], [8.7], [40.0]])
    for spread in (0.3, 2.0):
        head = NearestDigit()
        head.temperature.fill_(spread)
        assert head(values).argmax(1).tolist() == [0, 0, 1, 4, 5, 9, 9]


def test_the_spread_of_a_regression_is_its_residual_and_makes_its_probabilities_honest() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, 50_000)
    values = (labels + generator.normal(0, 1.5, labels.shape))[:, None]
    assert residual(values, labels) == pytest.approx(1.5, rel=0.02)
    head = NearestDigit().double()
    head.temperature.fill_(residual(values, labels))
    probabilities = head(torch.from_numpy(values)).numpy()
    right = probabilities.argmax(1) == labels
    for low in (0.2, 0.4, 0.6, 0.8):
        chosen = (probabilities.max(1) > low) & (probabilities.max(1) <= low + 0.2)
        if chosen.sum() > 500:
            assert right[chosen].mean() == pytest.approx(probabilities.max(1)[chosen].mean(), abs=0.03)


def test_the_squared_error_compares_each_value_with_its_own_label() -> None:
    values, labels = torch.tensor([[1.0], [5.0]]), torch.tensor([2, 5])
    assert float(squared_error(values, labels)) == 0.5


def test_a_lab_that_does_not_shuffle_gets_its_pictures_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    step = fit._step  # noqa: SLF001

    def watch(training: fit.Training, pixels: torch.Tensor, labels: torch.Tensor, weight: float) -> Any:
        seen.append(labels)
        return step(training, pixels, labels, weight)

    monkeypatch.setattr(fit, "_step", watch)
    images = some(RECIPES["elu_mlp"], 300)
    list(fit.fit(fit.begin(RECIPES["elu_mlp"], 0, CPU), images, images[slice(10)], epochs=1))
    assert torch.equal(torch.cat(seen), images.labels)
