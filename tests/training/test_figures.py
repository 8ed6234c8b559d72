"""The labs' plots and the report per class, of trainings that are over in a moment."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from training import figures, history, runs
from training.commands import app
from training.recipes import RECIPES

ALWAYS = {"samples.png", "curves.png", "confusion.png", "mistakes.png", "report.txt"}
OF_A_LINEAR_NETWORK = {"weights.png"}
OF_A_CONVOLUTIONAL_NETWORK = {"filters.png", "feature_maps.png"}


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("single_neuron", OF_A_LINEAR_NETWORK),
        ("softmax_regression", OF_A_LINEAR_NETWORK),
        ("fashion_linear", OF_A_LINEAR_NETWORK),
        ("fashion_sigmoid", set()),
        ("elu_mlp", set()),
        ("convnet", OF_A_CONVOLUTIONAL_NETWORK),
    ],
)
def test_a_finished_run_is_drawn(name: str, more: set[str], tmp_path: Path) -> None:
    assert invoke("run", name, "--epochs", 1, "--runs", tmp_path / "runs").exit_code == 0
    told = invoke("figures", name, "--runs", tmp_path / "runs", "--folder", tmp_path / "out")
    assert told.exit_code == 0, told.output
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == ALWAYS | more
    for path in (tmp_path / "out").glob("*.png"):
        assert np.asarray(Image.open(path).convert("L")).std() > 5, f"{path.name} is empty"
    assert "precision" in told.stdout


def test_figures_of_nothing_say_how_to_make_it(tmp_path: Path) -> None:
    told = invoke("figures", "convnet", "--runs", tmp_path)
    assert told.exit_code == 3
    assert "digits-train run convnet" in " ".join(told.output.split())


def test_the_report_takes_the_truth_first() -> None:
    truth = np.array([0] * 8 + [1] * 2)
    answers = np.array([0] * 4 + [1] * 6)
    lines = figures.report(truth, answers, [str(digit) for digit in range(10)]).splitlines()
    zero = next(line.split() for line in lines if line.split()[:1] == ["0"])
    one = next(line.split() for line in lines if line.split()[:1] == ["1"])
    assert (zero[1], zero[2], zero[4]) == ("1.0000", "0.5000", "8"), (
        "all that were called 0 are one; half of them were found"
    )
    assert (one[1], one[2], one[4]) == ("0.3333", "1.0000", "2")


def test_lab_bs_curves_are_of_its_own_five_hundred_and_of_the_first_test_pictures(tmp_path: Path) -> None:
    recipe = RECIPES["elu_mlp"]
    assert [(part.split, part.first, part.last) for part in recipe.curves] == [("train", 1_000, 1_500), ("test", 0, 500)]
    assert invoke("run", "elu_mlp", "--epochs", 2, "--runs", tmp_path).exit_code == 0
    lines = history.read(runs.locate("elu_mlp", 0, tmp_path).history)
    for line in lines:
        assert set(line["curves"]) == {"next_500", "test_500"}
        for point in line["curves"].values():
            assert point["accuracy"] * 500 == pytest.approx(round(point["accuracy"] * 500))
            assert point["loss"] > 0


def test_tensorboard_reads_the_history_of_a_run_that_was_continued(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = runs.locate("elu_mlp", 0, tmp_path)
    for epochs in (2, 3):
        assert invoke("run", "elu_mlp", "--epochs", epochs, "--resume", "--runs", tmp_path).exit_code == 0
    events = EventAccumulator(str(run.events))
    events.Reload()
    told = {tag: [scalar.value for scalar in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    lines = history.read(run.history)
    assert told["loss/train"] == pytest.approx([line["train_loss"] for line in lines])
    assert told["accuracy/validation"] == pytest.approx([line["validation_accuracy"] for line in lines])
    assert told["accuracy/test_500"] == pytest.approx([line["curves"]["test_500"]["accuracy"] for line in lines])
    assert len(lines) == 3
