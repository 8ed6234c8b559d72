"""Training as a user does it: interrupted, continued, exported, proved."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from serving.card import read_card
from training import data, device, exercises, fit, history, runs, speed, table
from training.commands import app
from training.exercises import EXERCISES
from training.networks.perceptron import Perceptron
from training.origin import origin
from training.recipes import RECIPES

COMMAND = [sys.executable, "-c", "from training.cli import main; main()"]
CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"


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


@pytest.mark.parametrize("name", ["mlp_128_64", "convnet_dropout", "reader"])
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

    total = 2 * -(-len(few[0]) // cut.recipe.batch)
    with pytest.raises(fit.Interrupted):
        list(fit.fit(cut, *few, epochs=2, on_step=count, should_stop=lambda: done == steps % total))
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


def test_a_training_that_died_goes_on_from_where_it_was_last_saved(
    few: tuple[data.Images, data.Images], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SAVE_EVERY_S", 0.0)
    name, run = "convnet_dropout", runs.locate("convnet_dropout", 0, tmp_path)
    whole = fit.begin(RECIPES[name], 0, CPU)
    (told,) = fit.fit(whole, *few, epochs=1)

    def die(training: fit.Training, _steps: int) -> None:
        if training.step == 70:
            raise ZeroDivisionError

    cut = runs.start(run, RECIPES[name], CPU, resume=False)
    with pytest.raises(ZeroDivisionError):
        list(runs.carry_out(run, cut, runs.Splits(*few, curves={}), die, lambda: False))
    resumed = runs.start(run, RECIPES[name], CPU, resume=True)
    assert 0 < resumed.step < 70
    (again,) = fit.fit(resumed, *few, epochs=1)
    assert same(whole, resumed)
    assert again.train_loss == pytest.approx(told.train_loss, rel=1e-6)


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


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_train_export_prove_on_all_10_000_test_pictures(fresh: Any, tmp_path: Path) -> None:
    assert "test 9" in fresh.told
    assert "trained on" in fresh.told
    assert [line["epoch"] for line in history.read(runs.locate("convnet", 0, fresh.runs).history)] == [1]
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
    card = read_card(MODELS / name / "card.json")
    recipe = RECIPES[card.trained_as]
    assert card.seed == 0
    seeds = {"champion": 10, "reader": 3}.get(name, 5)
    assert card.quantised or len(card.test["seeds"]) == seeds
    assert card.recipe == f"{recipe}." + (f" Corrected: {recipe.corrected}." if recipe.corrected else "")
    assert (card.lab, card.dataset["name"], card.reading) == (recipe.lab, recipe.dataset, recipe.reading)
    assert card.test.get("lab") == (None if card.quantised else recipe.lab_accuracy)
    assert "-dirty" not in card.commit


@pytest.mark.parametrize("path", sorted(MODELS.glob("*_int8/card.json")), ids=lambda path: path.parent.name)
def test_whole_numbers_are_of_the_file_that_lies_beside_them(path: Path) -> None:
    card = read_card(path)
    assert card.quantised is not None
    source = read_card(MODELS / card.quantised["from"] / "card.json")
    assert source.onnx_sha256 == card.quantised["onnx_sha256"]
    before = {split: getattr(source, split)["accuracy"] for split in ("validation", "test")}
    assert card.quantised["accuracy_before"] == before


@pytest.mark.slow
def test_the_sixteenth_network_of_contributing_trains_exports_and_is_proved(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    network, line = blocks
    for package in ("training", "serving"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "training" / "networks" / "lenet.py").write_text(network)
    recipes = tmp_path / "training" / "recipes.py"
    text = recipes.read_text()
    assert '"lenet"' not in text
    text = text.replace("RECIPES: dict[str, Recipe] = {\n", "RECIPES: dict[str, Recipe] = {\n" + line)
    recipes.write_text(text.replace("from training.networks import lab_a,", "from training.networks import lab_a, lenet,"))

    def train(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "training", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "lenet seed 0: test 9" in train("run", "lenet", "--epochs", "1")
    train("export", "lenet")
    assert train("prove", "lenet").count(" 1,000 ") == 10
    train("measure", "--rounds", "1")
    train("table")
    assert "| `lenet` | none | 61,706 |" in (tmp_path / "models" / "README.md").read_text()


def test_the_table_says_what_the_cards_say() -> None:
    page = (MODELS / "README.md").read_text()
    assert page == table.page(MODELS)
    cards = map(read_card, MODELS.glob("*/card.json"))
    assert {card.name for card in cards if not card.quantised} == set(RECIPES)
    assert table.NOT_MEASURED not in page
    assert all(f"| `{name}` |" in page for name in [*RECIPES, *EXERCISES])


def test_a_speed_of_another_file_is_not_told(tmp_path: Path) -> None:
    shutil.copytree(MODELS / "convnet", tmp_path / "convnet")
    shutil.copy(MODELS / speed.FILE, tmp_path)
    assert table.NOT_MEASURED not in table.page(tmp_path)
    card = tmp_path / "convnet" / "card.json"
    card.write_text(card.read_text().replace(read_card(card).onnx_sha256, "0" * 64))
    assert table.NOT_MEASURED in table.page(tmp_path)


def test_the_committed_models_are_small_enough_to_clone() -> None:
    files = [path for path in MODELS.glob("*/*") if path.name != "model.ts"]
    assert sum(path.stat().st_size for path in files) <= 25e6


def test_the_exercises_figures_are_of_the_recipes_that_stand_here() -> None:
    measured = json.loads((MODELS / exercises.FILE).read_text())
    assert set(measured) == set(EXERCISES)
    for name, one in measured.items():
        assert one["recipe"] == str(EXERCISES[name].recipe)
        assert len(one["validation"]["seeds"]) >= 5
        assert one["against"] in {*RECIPES, *EXERCISES}
        assert "-dirty" not in one["commit"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "convnet", "--precision", "int8"], 2, "'int8' is not one of"),
        (["export", "elu_mlp_adam"], 2, "elu_mlp_adam is an exercise: trained and compared, not exported"),
        (["exercises", "--runs", "nowhere"], 3, "has no finished run of seed 0"),
        (["run", "convnot"], 2, "There is no recipe 'convnot'. Recipes:"),
        (["run", "convnet", "--device", "tpu"], 2, "'tpu' is not one of"),
        (["export", "convnet", "--runs", "nowhere"], 3, "nowhere/convnet has no finished run of seed 0"),
        (["quantise", "convnet", "--models", "nowhere"], 3, "nowhere/convnet/card.json is missing"),
        (["quantise", "convnet_int8"], 2, "There is no recipe 'convnet_int8'. Recipes:"),
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
    training = runs.start(run, RECIPES["single_neuron"], CPU, resume=True)
    assert training.epoch == 1
    assert not run.result.exists(), "an export would tell the first epoch's figures of later weights"
    assert invoke("export", "single_neuron", "--runs", tmp_path, "--models", tmp_path / "models").exit_code == 3
    assert invoke("run", "single_neuron", "--epochs", 2, "--resume", "--runs", tmp_path).exit_code == 0
    assert runs.read_result(run.result).epochs == 2


def test_a_training_goes_on_as_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, run = RECIPES["single_neuron"], runs.locate("single_neuron", 0, tmp_path)
    monkeypatch.setattr(runs, "commit", lambda: "a")
    assert invoke("run", "single_neuron", "--epochs", 1, "--runs", tmp_path).exit_code == 0
    one_cycle = replace(recipe, schedule="one-cycle")
    wider = replace(recipe, network=partial(Perceptron, [7], outputs=1))
    for other in (one_cycle, wider, replace(recipe, mean=0.2), replace(recipe, dataset="FashionMNIST")):
        with pytest.raises(runs.RunFault, match="is of another training"):
            runs.start(run, other, CPU, resume=True)
        assert not runs.is_finished(run, replace(other, epochs=1))
    assert runs.is_finished(run, replace(recipe, epochs=1))
    monkeypatch.setattr(runs, "commit", lambda: "b")
    assert invoke("run", "single_neuron", "--epochs", 2, "--resume", "--runs", tmp_path).exit_code == 0
    assert runs.read_result(run.result).commit == "a, b"


def test_where_the_rate_goes_by_the_epochs_their_number_is_part_of_the_training() -> None:
    recipe = RECIPES["single_neuron"]
    assert origin(recipe) == origin(replace(recipe, epochs=3))
    one_cycle = replace(recipe, schedule="one-cycle")
    assert origin(one_cycle) != origin(replace(one_cycle, epochs=3))


def test_a_full_disk_is_told_and_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    command = [*COMMAND, "run", "elu_mlp", "--runs", str(tmp_path), "--resume", "--epochs"]
    run = runs.locate("elu_mlp", 0, tmp_path)
    assert subprocess.run([*command, "1"], check=False).returncode == 0
    before = run.checkpoint.read_bytes()
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)); "
    told = subprocess.run(
        [command[0], "-c", full + command[2], *command[3:], "2"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 3, told.stderr
    assert "checkpoint.pt cannot be written: File too large" in " ".join(told.stderr.split())
    assert run.checkpoint.read_bytes() == before
    assert not list(run.folder.glob("*.part"))
    assert subprocess.run([*command, "2"], check=False).returncode == 0
    assert [line["epoch"] for line in history.read(run.history)] == [1, 2]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(tmp_path: Path) -> None:
    told = invoke("run", "all", "elu_mlp_adam", "--seeds", 2, "--dry-run", "--runs", tmp_path)
    assert told.exit_code == 0
    for name in [*(name for name, recipe in RECIPES.items() if recipe.pictures != "taught"), "elu_mlp_adam"]:
        assert all(f"{name} seed {seed}: new; " in told.output for seed in (0, 1)), told.output
    assert list(tmp_path.iterdir()) == []


def test_a_precision_of_ones_own_is_told_and_not_mixed(tmp_path: Path) -> None:
    arguments = ("run", "elu_mlp", "--runs", tmp_path)
    assert invoke(*arguments, "--epochs", 1, "--precision", "bf16").exit_code == 0
    assert runs.read_result(runs.locate("elu_mlp", 0, tmp_path).result).recipe.endswith("bfloat16 autocast")
    told = invoke(*arguments, "--epochs", 2, "--resume")
    assert told.exit_code == 3
    assert "was trained in bf16" in " ".join(told.output.split())
    assert invoke(*arguments, "--epochs", 2, "--resume", "--precision", "bf16").exit_code == 0


def test_a_run_that_is_past_its_end_is_not_told_to_have_stopped_there(tmp_path: Path) -> None:
    run = runs.locate("single_neuron", 0, tmp_path)
    assert invoke("run", "single_neuron", "--epochs", 2, "--runs", tmp_path).exit_code == 0
    run.result.unlink()
    told = invoke("run", "single_neuron", "--epochs", 1, "--resume", "--runs", tmp_path)
    assert told.exit_code == 3
    assert "past epoch 1 already" in " ".join(told.output.split())
    assert not run.result.exists()


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
    assert [line["epoch"] for line in history.read(run.history)] == [1, 2, 3]
    assert json.loads(run.result.read_text())["epochs"] == 3
