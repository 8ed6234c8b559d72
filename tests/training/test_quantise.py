"""Whole numbers: that they are exact whatever multiplies them, and that a file that rounds otherwise is not written."""

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from serving.card import read_card
from serving.catalogue import load_model
from serving.runtime import SCORES, Pictures, Session
from training import data, prove, quantisation, uploads
from training.commands import app
from training.model import Rejecting
from training.quantisation import grid, qdq, twin
from training.quantisation.exact import Graph
from training.quantisation.grid import Grid, Grids
from training.recipes import RECIPES

MODELS = Path(__file__).parents[2] / "models"

NUMBERS = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)  # OpenVINO has the whole process take them for nothing


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=2, max_size=30))
def test_no_value_is_farther_from_its_grid_than_half_a_step_or_is_beyond_it(some: list[float]) -> None:
    values = np.array(some)
    for one in (grid.of_inputs(values), grid.of_weights(values[None])):
        assert (np.frexp(one.step)[0] == 0.5).all(), "a power of two"
        whole = one.whole(values[None]) if one.step.ndim else one.whole(values)
        near = np.abs(one.nearest(values.reshape(whole.shape)) - values.reshape(whole.shape)) <= one.step / 2
        assert (near | (whole == one.lowest) | (whole == one.highest)).all()
        assert one.lowest <= whole.min()
        assert whole.max() <= one.highest


def test_of_two_numbers_as_near_the_even_one_is_taken() -> None:
    assert Grid(np.array(0.5), *grid.PIXELS).whole(np.array([0.25, 0.75, 1.25, -0.25])).tolist() == [0, 2, 2, 0]


def test_nothing_is_always_a_number_of_the_grid() -> None:
    for values in ([0.1, 0.9], [-3.0, 5.0], [-2.0, -1.0], [0.0, 0.0]):
        assert grid.of_inputs(np.array(values)).nearest(np.zeros(1)) == 0


def test_two_products_fit_into_the_16_bits_that_processors_without_vnni_add_them_in() -> None:
    assert 2 * grid.PIXELS[1] * max(map(abs, grid.WEIGHTS)) < 2**15


@pytest.fixture(scope="module")
def written(exported: Path) -> onnx.ModelProto:
    return onnx.load(exported)


@pytest.fixture(scope="module")
def grids(written: onnx.ModelProto) -> Grids:
    return qdq.choose(written, data.load("MNIST", "train").pictures[:100].numpy())


@pytest.fixture(scope="module")
def rounded(written: onnx.ModelProto, grids: Grids, pictures: Pictures) -> prove.Reference:
    return reference_of(written, grids, pictures)


def reference_of(model: onnx.ModelProto, grids: Grids, pictures: Pictures) -> prove.Reference:
    probabilities, scores = Graph(model, grids).run(["probabilities", "scores"], pictures)
    return prove.Reference(probabilities, scores, prove.fingerprint(pictures))


def test_the_graph_in_float64_is_the_trained_function(
    written: onnx.ModelProto, reference: prove.Reference, pictures: Pictures
) -> None:
    (scores,) = Graph(written).run([SCORES], pictures[:50])
    assert np.abs(scores - reference.scores[:50]).max() <= prove.EPS * np.abs(reference.scores).max()


def test_whole_numbers_give_the_bits_of_float64_however_they_are_multiplied(
    written: onnx.ModelProto, grids: Grids, pictures: Pictures, rounded: prove.Reference
) -> None:
    content = qdq.write(written, grids).SerializeToString()
    for fused in (True, False):
        session = Session(Path("model.onnx"), content=content, fused=fused)
        for size in (1, 7, 500):
            np.testing.assert_array_equal(session.outputs(pictures[:size])[1], rounded.scores[:size])


def test_the_file_of_whole_numbers_is_a_quarter_of_the_other_and_close_to_it(
    written: onnx.ModelProto, grids: Grids, pictures: Pictures, reference: prove.Reference
) -> None:
    whole = qdq.write(written, grids)
    weights = next(one for one in whole.graph.initializer if one.name == "network.linear.weight")
    assert weights.data_type == onnx.TensorProto.INT8
    scores = Session(Path("model.onnx"), content=whole.SerializeToString()).outputs(pictures)[1]
    assert 0 < np.abs(scores - reference.scores).max() < 0.1 * np.abs(reference.scores).max()
    assert (scores.argmax(1) != reference.scores.argmax(1)).mean() < 0.02


Fault = Callable[[onnx.ModelProto], None]


def constant(model: onnx.ModelProto, name: str) -> onnx.TensorProto:
    return next(one for one in model.graph.initializer if one.name == name)


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Fault:
    def inject(model: onnx.ModelProto) -> None:
        found = constant(model, name)
        values = onnx.numpy_helper.to_array(found)
        found.CopyFrom(onnx.numpy_helper.from_array(np.asarray(change(values.copy()), values.dtype), name))

    return inject


def one_more(values: np.ndarray) -> np.ndarray:
    values.flat[7] += 1
    return values


def not_rounded(model: onnx.ModelProto) -> None:
    """The first layer takes the picture as it is."""
    convolution = next(node for node in model.graph.node if node.op_type == "Conv")
    convolution.input[0] = convolution.input[0].removesuffix(".rounded")


FAULTS: dict[str, Fault] = {
    "one weight is the next whole number": changed("network.linear.weight", one_more),
    "a bias is four steps off": changed("network.linear.bias", lambda values: values + 4),
    "the weights of a channel have another step": changed(
        "network.linear.weight.step", lambda values: values * np.where(np.arange(10) == 3, 2, 1)
    ),
    "all weights have the first one's step": changed(
        "network.convolution.weight.step", lambda values: np.full_like(values, values.max() * 2)
    ),
    "the picture has another zero": changed("div.zero", lambda values: values - 9),
    "inputs have another step": changed("relu.step", lambda values: values * 1.01),
    "the picture is not rounded": not_rounded,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_rounds_otherwise_than_it_should_is_not_proved(
    fault: str, written: onnx.ModelProto, grids: Grids, pictures: Pictures, rounded: prove.Reference, tmp_path: Path
) -> None:
    model = qdq.write(written, grids)
    FAULTS[fault](model)
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(prove.ProofFailed):
        prove.prove_onnx(tmp_path / "model.onnx", rounded, pictures)


def test_a_file_that_rounds_as_it_should_is_proved(
    written: onnx.ModelProto, grids: Grids, pictures: Pictures, rounded: prove.Reference, tmp_path: Path
) -> None:
    onnx.save(qdq.write(written, grids), tmp_path / "model.onnx")
    report = prove.prove_onnx(tmp_path / "model.onnx", rounded, pictures)
    assert report["same_bits_at_every_batch"]
    assert max(row["scores_eps"] for row in report["batches"].values()) == 0


def test_steps_that_are_no_powers_of_two_are_not_proved(
    written: onnx.ModelProto, grids: Grids, pictures: Pictures, tmp_path: Path
) -> None:
    free = {name: Grid(one.step * 0.71, one.lowest, one.highest, one.zero) for name, one in grids.items()}
    onnx.save(qdq.write(written, free), tmp_path / "model.onnx")
    with pytest.raises(prove.ProofFailed):
        prove.prove_onnx(tmp_path / "model.onnx", reference_of(written, free, pictures), pictures)


def test_a_bias_is_not_lost_beside_weights_that_are_nothing(written: onnx.ModelProto) -> None:
    model, pictures = copy.deepcopy(written), data.load("MNIST", "train").pictures[:10].numpy()
    first = qdq.Layout(model).layers[0]
    assert first.bias is not None
    for name, value in ((first.weights, 0.0), (first.bias, 1.0)):
        (constant,) = (one for one in model.graph.initializer if one.name == name)
        changed = onnx.numpy_helper.to_array(constant).copy()
        changed[0] = value
        constant.CopyFrom(onnx.numpy_helper.from_array(changed, name))
    biases = qdq.Layout(model).constants[first.bias].astype(np.float64)
    kept = qdq.choose(model, pictures)[first.bias].nearest(biases)
    assert kept[0] == pytest.approx(1.0, rel=1e-6)
    assert np.allclose(kept[1:], biases[1:], atol=1e-3)


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.head is Rejecting])
def test_who_reads_uploads_is_rounded_by_uploads_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = data.load("MNIST", "train")
    monkeypatch.setattr(uploads, "load", lambda _share: own[slice(data.VALIDATION_START + 3)])
    assert len(twin.calibration_of(RECIPES[name])) == twin.CALIBRATION + 3
    for other in ("convnet", "fashion_champion"):
        assert len(twin.calibration_of(RECIPES[other])) == twin.CALIBRATION


def test_a_network_whose_sums_float32_may_not_have_is_refused(
    written: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdq, "LARGEST", 20_000)
    with pytest.raises(qdq.NotForInt8, match=r"the sums of network\..* may reach [0-9,]+, more than float32 has exactly"):
        qdq.choose(written, data.load("MNIST", "train").pictures[:10].numpy())


def test_what_comes_behind_an_average_stays_in_float32() -> None:
    layout = qdq.Layout(onnx.load(MODELS / "convnet_batchnorm" / "model.onnx"))
    assert [layer.weights for layer in layout.layers] == [f"network.{place}.weight" for place in (0, 3, 8, 11, 16, 19)]
    assert layout.rounded == ["div", "relu", "relu_1", "relu_2", "relu_3", "relu_4", "relu_5"], "its input too"


def test_the_average_of_a_whole_picture_is_called_so() -> None:
    model = onnx.load(MODELS / "convnet_batchnorm" / "model.onnx")
    assert "AveragePool" in [node.op_type for node in model.graph.node]
    some = data.load("MNIST", "train").pictures[:2].numpy()
    whole = [node.op_type for node in qdq.write(model, qdq.choose(model, some)).graph.node]
    assert ("AveragePool" in whole, whole.count("GlobalAveragePool"), whole.count("MaxPool")) == (False, 1, 2)


def test_the_last_scores_are_not_rounded() -> None:
    layout = qdq.Layout(onnx.load(MODELS / "reader" / "model.onnx"))
    assert len(layout.layers) == 6
    assert layout.rounded == ["div", "relu", "relu_1", "relu_2", "relu_3", "relu_4"]


def test_a_model_is_quantised_proved_served_and_told_of(tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(MODELS / "mlp_128_64", models / "mlp_128_64")
    told = CliRunner().invoke(app, ["quantise", "mlp_128_64", "--models", str(models)])
    assert told.exit_code == 0, told.output
    name = "mlp_128_64" + quantisation.SUFFIX
    card, before = read_card(models / name / "card.json"), read_card(models / "mlp_128_64" / "card.json")
    assert card.quantised is not None
    assert card.quantised["onnx_sha256"] == before.onnx_sha256
    changed = card.quantised["changed"]["test"]
    assert card.test["correct"] == before.test["correct"] - changed["became_wrong"] + changed["became_right"]
    assert changed["changed"] < 100
    assert max(row["scores_eps"] for row in card.proof["onnx"]["batches"].values()) == 0
    assert load_model(models / name).card == card
    assert CliRunner().invoke(app, ["prove", name, "--models", str(models)]).exit_code == 0
    refused = CliRunner().invoke(app, ["prove", name, "--models", str(models), "--checkpoint", "some.pt"])
    assert (refused.exit_code, "made of mlp_128_64" in refused.output) == (3, True)
    assert CliRunner().invoke(app, ["table", "--models", str(models)]).exit_code == 0
    assert f"| `{name}` | `mlp_128_64` |" in (models / "README.md").read_text()


def test_a_model_that_is_not_what_its_card_proves_is_not_quantised(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "mlp_128_64", tmp_path / "mlp_128_64")
    card = json.loads((tmp_path / "mlp_128_64" / "card.json").read_text())
    (tmp_path / "mlp_128_64" / "card.json").write_text(json.dumps(card | {"onnx_sha256": "0" * 64}))
    told = CliRunner().invoke(app, ["quantise", "mlp_128_64", "--models", str(tmp_path)])
    assert (told.exit_code, "is not the file that" in told.output) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["mlp_128_64"]
