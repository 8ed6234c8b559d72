"""The speed record: what its clock measures, when it reads the test split, and what it tells."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from serving.evaluation.figures import Accuracy
from training import data
from training.commands import app
from training.model import parameters
from training.networks.example import ExampleNet
from training.networks.sprinter import Sprinter, cosines
from training.speedrun import entry, example, race, report
from training.speedrun.entry import ENTRY

TINY = replace(ENTRY, images=300, epochs=1, threads=1)


def speedrun(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["speedrun", *map(str, arguments)])


def laps(*accuracies: float) -> list[race.Lap]:
    return [
        race.Lap(seed, 2.0 + seed / 10, 3.0, Accuracy(round(10_000 * value), 10_000), "a machine")
        for seed, value in enumerate(accuracies)
    ]


def told_of(monkeypatch: pytest.MonkeyPatch, events: list[str], place: Any, name: str, event: Callable[..., str]) -> None:
    """Add what `event` makes of the arguments to the events whenever place.name is called."""
    before = getattr(place, name)

    def tell(*arguments: Any) -> Any:
        events.append(event(*arguments))
        return before(*arguments)

    monkeypatch.setattr(place, name, tell)


def test_only_reading_stands_before_the_clock_and_the_test_split_is_read_once_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    told_of(monkeypatch, events, data, "load", lambda _name, split: f"read {split}")
    told_of(monkeypatch, events, race, "now", lambda _where: "clock")
    told_of(monkeypatch, events, data.Images, "to", lambda images, _where: f"{len(images):,} to the device")
    told_of(monkeypatch, events, Sprinter, "__init__", lambda _network: "initialise")
    told_of(monkeypatch, events, race, "open_test", lambda _model, _where: "evaluate")
    race.run_lap(TINY, 0, "cpu")
    assert events == [
        "read train", "clock", "300 to the device", "initialise", "clock", "evaluate", "read test", "10,000 to the device",
    ]  # fmt: skip


def test_a_slow_initialisation_is_on_the_clock() -> None:
    def slow() -> Sprinter:
        time.sleep(0.5)
        return Sprinter()

    lap = race.run_lap(replace(TINY, network=slow), 0, "cpu")
    assert lap.seconds >= 0.5
    assert lap.test.total == 10_000


def test_no_step_is_left_out_of_a_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    told_of(monkeypatch, steps, torch.optim.Adam, "step", lambda _optimiser: "step")
    race.run_lap(replace(TINY, epochs=3), 0, "cpu")
    assert len(steps) == 3 * math.ceil(TINY.images / TINY.batch)


def test_all_layers_but_the_first_are_trained() -> None:
    torch.manual_seed(0)
    before = Sprinter().state_dict()
    after = entry.train(TINY, 0, data.load("MNIST", "train")[slice(300)], torch.device("cpu")).network.state_dict()
    assert {name for name in before if torch.equal(before[name], after[name])} == {"0.weight"}


def test_the_cosines_are_orthogonal_and_the_slowest_come_first() -> None:
    waves = cosines(5, 25).flatten(1)
    products = waves @ waves.T
    lengths = products.diag().sqrt()
    assert torch.allclose(products, torch.diag(products.diag()), atol=1e-6)
    assert torch.allclose(lengths, lengths.sort().values)
    assert torch.allclose(waves[0], torch.full((25,), 0.1))


def test_the_command_measures_both_and_says_what_is_missing_for_a_record(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = speedrun("--seeds", 1, "--images", 200, "--example-epochs", 1, "--threads", 1, "--device", "cpu", "--json", file)
    assert done.exit_code == 0, done.output
    assert "no record: 1 of 20 seeds; 200 of 55,000 images; the mean is" in done.output
    figures = json.loads(file.read_text(encoding="utf-8"))
    (lap,) = figures["laps"]
    assert figures["accuracy"]["mean"] == lap["correct"] / 10_000
    assert figures["seconds"] == {"mean": lap["seconds"], "sd": None, "interval": None}
    beside = figures["example"]
    assert (len(beside["epoch_seconds"]), beside["is_whole"], beside["accuracy"]) == (1, False, None)
    assert beside["seconds"] == pytest.approx(14 * beside["epoch_seconds"][0])
    assert beside["times_faster"] == pytest.approx(beside["seconds"] / lap["seconds"])
    assert figures["hardware"].endswith("1 thread")


def test_ctrl_c_tells_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_recipe: object, seed: int, _wanted: str) -> race.Lap:
        if seed == 2:
            raise KeyboardInterrupt
        return laps(0.991, 0.992)[seed]

    monkeypatch.setattr(race, "run_lap_apart", run)
    done = speedrun("--example-epochs", 0)
    assert done.exit_code == 130
    assert "test, mean of 2 seeds: 99.150 %" in done.output.replace("%", " %").replace("  ", " ")
    assert "Stopped." in done.output


def test_a_device_that_is_not_here_is_one_line() -> None:
    done = speedrun("--device", "mps")
    assert done.exit_code == 2
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    ("images", "accuracies", "missing"),
    [
        (55_000, [0.99] * 20, []),
        (55_000, [0.98, *[0.991] * 19], []),
        (55_000, [0.99] * 19, ["19 of 20 seeds"]),
        (54_999, [0.99] * 20, ["54,999 of 55,000 images"]),
        (55_000, [0.9899] * 20, ["the mean is 98.990%, not 99.0%"]),
    ],
)
def test_a_record_has_twenty_seeds_all_images_and_the_mean(images: int, accuracies: list[float], missing: list[str]) -> None:
    beside = example.Beside((2.0, 4.0), None)
    assert report.why_no_record(replace(ENTRY, images=images), laps(*accuracies), beside) == missing


def test_a_record_has_the_example_beside_it() -> None:
    missing = ["PyTorch's example was not timed beside"]
    assert report.why_no_record(ENTRY, laps(*[0.99] * 20), None) == missing
    assert report.sentences(ENTRY, laps(*[0.99] * 20), None)[-1] == f"no record: {missing[0]}"


@pytest.mark.parametrize(("count", "quantile"), [(5, 2.7764), (20, 2.0930), (30, 2.0452)])
def test_the_interval_of_a_mean_is_students(count: int, quantile: float) -> None:
    values = [float(value) for value in range(count)]
    spread = report.spread_of(values)
    assert spread.sd is not None
    assert spread.interval is not None
    low, high = spread.interval
    assert (low + high) / 2 == pytest.approx(spread.mean)
    assert (high - low) / 2 == pytest.approx(quantile * spread.sd / math.sqrt(count), rel=3e-3)


def test_a_whole_training_of_the_example_is_not_scaled() -> None:
    whole = example.Beside((2.0,) * 13 + (9.0,), 0.99)
    assert (whole.is_whole, whole.seconds) == (True, pytest.approx(35.0))
    assert "all measured" in report.sentences(ENTRY, laps(0.99), whole)[3]
    part = example.Beside((2.0, 4.0), None)
    assert (part.is_whole, part.seconds) == (False, pytest.approx(42.0))
    assert "14 times the mean of 2" in report.sentences(ENTRY, laps(0.99), part)[3]


def test_the_example_has_the_size_of_pytorchs() -> None:
    assert parameters(ExampleNet()) == 320 + 18_496 + 1_179_776 + 1_290
