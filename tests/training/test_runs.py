"""Training as a user does it: interrupted, continued, exported, proved."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from serving.card import read_card
from training import data, device, fit, runs, table
from training.commands import app
from training.recipes import RECIPES

COMMAND = [sys.executable, "-c", "from training.cli import main; main()"]
CPU = torch.device("cpu")
MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    device.prepare_cpu(threads=1)


@pytest.fixture(scope="module")
def few() -> tuple[data.Images, data.Images]:
    images = data.load("MNIST", "train")
    return images[slice(3_000)], data.validation_part(images)[slice(500)]


def weights(training: fit.Training) -> list[torch.Tensor]:
    return list(training.model.network.state_dict().values())


def same(first: fit.Training, second: fit.Training) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


@pytest.mark.parametrize("name", ["mlp_128_64", "convnet_dropout"])
@pytest.mark.parametrize("steps", [0, 1, 31, 32, 94, 130])
def test_an_interrupted_training_continues_to_the_same_bits(
    name: str, steps: int, few: tuple[data.Images, data.Images], tmp_path: Path
) -> None:
    whole = fit.begin(RECIPES[name], 0, CPU)
    history = list(fit.fit(whole, *few, epochs=2))

    cut = fit.begin(RECIPES[name], 0, CPU)
    done = 0

    def count(_training: fit.Training, _steps: int) -> None:
        nonlocal done
        done += 1

    with pytest.raises(fit.Interrupted):
        list(fit.fit(cut, *few, epochs=2, on_step=count, should_stop=lambda: done == steps))
    torch.save(cut.state(), tmp_path / "state")

    resumed = fit.begin(RECIPES[name], 123, CPU)
    resumed.restore(torch.load(tmp_path / "state", weights_only=True))
    torch.rand(7)  # whatever else draws from the generator before the training goes on
    resumed.restore(torch.load(tmp_path / "state", weights_only=True))
    rest = list(fit.fit(resumed, *few, epochs=2))
    assert same(whole, resumed)
    assert rest[-1].validation_loss == history[-1].validation_loss
    assert rest[-1].train_accuracy == history[-1].train_accuracy
    assert rest[-1].train_loss == pytest.approx(history[-1].train_loss, rel=1e-6)


def test_the_network_learns(few: tuple[data.Images, data.Images]) -> None:
    training = fit.begin(RECIPES["convnet"], 0, CPU)
    first, second = fit.fit(training, *few, epochs=2)
    assert second.validation_accuracy > 0.85
    assert second.train_loss < first.train_loss


def test_a_device_that_is_missing_is_not_replaced_silently() -> None:
    if torch.accelerator.is_available():
        pytest.skip("this machine has an accelerator")
    with pytest.raises(device.DeviceFault, match="--device cuda: torch finds no such device here"):
        device.choose("cuda")


@pytest.mark.gpu
def test_the_convnet_trains_on_an_accelerator(few: tuple[data.Images, data.Images]) -> None:
    if not torch.accelerator.is_available():
        pytest.skip("no accelerator on this machine")
    where = device.choose("auto")
    training = fit.begin(RECIPES["convnet"], 0, where)
    *_, last = fit.fit(training, *(images.to(where) for images in few), epochs=2)
    assert last.validation_accuracy > 0.85
    assert next(training.model.parameters()).device.type == where.type


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_train_export_prove_on_all_10_000_test_pictures(fresh: Any, tmp_path: Path) -> None:
    assert "test 9" in fresh.told
    assert "trained on" in fresh.told
    assert [line["epoch"] for line in runs.read_history(runs.locate("convnet", 0, fresh.runs))] == [1]
    proof = json.loads((fresh.models / "convnet" / "card.json").read_text())["proof"]
    assert set(proof) == {"onnx", "torchscript"}
    for report in proof.values():
        assert {row["pictures"] for row in report["batches"].values()} == {10_000}
    assert proof["onnx"]["same_bits_at_every_batch"], "an image's bits must not depend on the batch it comes in"

    assert invoke("prove", "convnet", "--models", fresh.models).exit_code == 0
    assert invoke("prove", "convnet", "--checkpoint", fresh.checkpoint, "--models", fresh.models).exit_code == 0
    assert invoke("run", "convnet", "--epochs", 1, "--resume", "--runs", fresh.runs).output.count("already finished") == 1

    shutil.copytree(fresh.models / "convnet", tmp_path / "convnet")
    with (tmp_path / "convnet" / "model.onnx").open("ab") as file:
        file.write(b"\0")
    told = invoke("prove", "convnet", "--models", tmp_path)
    assert told.exit_code == 3
    assert "is not the file that" in told.output


@pytest.mark.slow
def test_every_way_from_png_to_answer_gives_the_same_digits(fresh: Any) -> None:
    command = [sys.executable, "benchmarks/parity.py", "--pictures", "256"]
    told = subprocess.run(
        [*command, "--checkpoint", fresh.checkpoint, "--models", fresh.models],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    assert len(re.findall(r"^(?!accuracy).* 256 +256 ", told.stdout, re.MULTILINE)) == 6, told.stdout


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/card.json")))
def test_a_committed_model_still_equals_its_reference_and_its_recipe(name: str) -> None:
    told = invoke("prove", name, "--models", MODELS)
    assert told.exit_code == 0, told.output
    assert told.output.count(" 1,000 ") == (10 if (MODELS / name / "model.ts").exists() else 5), "of five batch sizes"
    card, recipe = read_card(MODELS / name / "card.json"), RECIPES[name]
    assert card.seed == 0
    assert len(card.test["seeds"]) >= 5
    assert card.recipe.startswith(recipe.note)
    assert (card.lab, card.dataset["name"], card.reading) == (recipe.lab, recipe.dataset, recipe.reading)
    assert card.test.get("lab") == recipe.lab_accuracy
    assert "-dirty" not in card.commit


def test_the_table_says_what_the_cards_say() -> None:
    assert (MODELS / "README.md").read_text() == table.page(MODELS)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "convnot"], 2, "There is no recipe 'convnot'. Recipes:"),
        (["run", "convnet", "--device", "tpu"], 2, "'tpu' is not one of"),
        (["export", "convnet", "--runs", "nowhere"], 3, "nowhere/convnet has no finished run of seed 0"),
        (["prove", "convnet", "--models", "nowhere"], 3, "nowhere/convnet/card.json is missing"),
        (["data", "png", "out", "--dataset", "CIFAR"], 2, "'CIFAR' is not one of"),
    ],
)
def test_a_mistake_gets_one_clear_line(
    arguments: list[str], code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = invoke(*arguments)
    assert told.exit_code == code
    assert message in " ".join(told.output.replace("│", "").split())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_goes_on_is_not_finished_until_it_ends_again(tmp_path: Path) -> None:
    run = runs.locate("single_neuron", 0, tmp_path)
    assert invoke("run", "single_neuron", "--epochs", 1, "--runs", tmp_path).exit_code == 0
    assert run.result.exists()
    training = runs.start(run, CPU, resume=True)
    assert training.epoch == 1
    assert not run.result.exists(), "an export would tell the first epoch's figures of later weights"
    assert invoke("export", "single_neuron", "--runs", tmp_path, "--models", tmp_path / "models").exit_code == 3
    assert invoke("run", "single_neuron", "--epochs", 2, "--resume", "--runs", tmp_path).exit_code == 0
    assert runs.read_result(run.result).epochs == 2


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_checkpoint_that_cannot_be_used_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    if content is None:
        torch.save({"name": "single_neuron"}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(runs.RunFault, match=str(path)):
        runs.read_checkpoint(path, "convnet")


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_that_resume_finishes(tmp_path: Path) -> None:
    command = [*COMMAND, "run", "mlp_128_64", "--epochs", "3", "--runs", str(tmp_path)]
    run = runs.locate("mlp_128_64", 0, tmp_path)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    until = time.monotonic() + 60
    while not run.history.exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "continue with --resume" in " ".join(told.split())
    assert not run.result.exists()
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "epoch 3/3" in done.stderr
    assert [line["epoch"] for line in runs.read_history(run)] == [1, 2, 3]
    assert json.loads(run.result.read_text())["epochs"] == 3
