"""digits benchmark: what it measures is so, and what cannot be measured is said."""

import csv
import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from serving.benchmark import measure, plot, testset, ways
from serving.benchmark.measure import Measured
from serving.benchmark.plot import spread
from serving.benchmark.ways import Way
from serving.card import Card, read_card
from serving.cli import app
from serving.runtime import Output, Pictures

MODELS = Path(__file__).parents[2] / "models"
OURS = ["onnx-1", "onnx-2", "cuda", "openvino-1", "openvino-2"]
ONNX = ("--runtime", "onnx-1", "--runtime", "onnx-2")
QUICK = ("--rounds", 1, "--seconds", 0.001, "--batch", "1,8")


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """A model whose card names a data set of fifty test pictures that lies here: models, data, labels."""
    rng = np.random.default_rng(5)
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pictures, labels = rng.integers(0, 256, (50, 28, 28), np.uint8), rng.integers(0, 10, 50).astype(np.uint8)
    for name, head, values in (
        ("train-images-idx3-ubyte", 16, pictures[:1]), ("train-labels-idx1-ubyte", 8, labels[:1]),
        ("t10k-images-idx3-ubyte", 16, pictures), ("t10k-labels-idx1-ubyte", 8, labels),
    ):  # fmt: skip
        (raw / name).write_bytes(bytes(head) + values.tobytes())
    digests = [hashlib.sha256((raw / name).read_bytes()).hexdigest() for name in testset.FILES]
    sha256 = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    folder = tmp_path / "models" / "mlp_128_64"
    folder.mkdir(parents=True)
    card = replace(read_card(MODELS / "mlp_128_64" / "card.json"), dataset={"name": "MNIST", "sha256": sha256})
    (folder / "card.json").write_text(card.to_json(), encoding="utf-8")
    (folder / "model.onnx").symlink_to(MODELS / "mlp_128_64" / "model.onnx")
    return tmp_path / "models", tmp_path / "data", labels


def benchmark(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["benchmark", *map(str, arguments)], env={"DIGITS_DATA": "/nowhere"})


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_way_and_batch_has_a_row(small: tuple[Path, Path, np.ndarray], tmp_path: Path) -> None:
    models, data, labels = small
    result = benchmark("--models", models, "--data", data, *ONNX, *QUICK, "-o", tmp_path / "out.csv")
    assert result.exit_code == 0, result.stderr
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["way"], row["batch"]) for row in rows] == [
        ("onnx-1", "1"),
        ("onnx-1", "8"),
        ("onnx-2", "1"),
        ("onnx-2", "8"),
    ]
    session = ways.makers(models / "mlp_128_64", read_card(models / "mlp_128_64" / "card.json"), print)[ways.PROVED]().run
    known = testset.load(data, read_card(models / "mlp_128_64" / "card.json"))
    right = int((session(known.pictures).argmax(1) == labels).sum())
    for row in rows:
        assert (int(row["correct"]), int(row["pictures"]), float(row["accuracy"])) == (right, 50, right / 50)
        assert int(row["bytes"]) == (MODELS / "mlp_128_64" / "model.onnx").stat().st_size
        seconds = float(row["latency_us"]) / 1e6
        assert float(row["images_per_second"]) == pytest.approx(int(row["batch"]) / seconds, rel=0.01)
    assert "interleaved rounds" in result.stderr
    assert f"{right / 50:.2%}" in result.output


def test_without_the_test_set_accuracy_is_empty_and_it_says_so(small: tuple[Path, Path, np.ndarray], tmp_path: Path) -> None:
    models, data, _ = small
    for where in (tmp_path / "nowhere", None):
        option = ("--data", where) if where else ()
        result = benchmark("--models", models, *option, *ONNX, *QUICK, "-o", tmp_path / "out.csv")
        assert result.exit_code == 0, result.stderr
        assert {row["accuracy"] for row in rows_of(tmp_path / "out.csv")} == {""}
        assert "no accuracy on MNIST: " in result.stderr
    (data / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(bytes(58))
    result = benchmark("--models", models, "--data", data, *ONNX, *QUICK)
    assert "does not hold the files that the cards name" in result.stderr


def test_the_plot_is_drawn_and_without_accuracy_is_not(small: tuple[Path, Path, np.ndarray], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    models, data, _ = small
    command = ("--models", models, *ONNX, *QUICK, "--plot", tmp_path / "plot.png")
    assert benchmark(*command, "--data", data).exit_code == 0
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    result = benchmark(*command)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (3, "Without the test set there is no accuracy to draw")


def test_a_plot_without_matplotlib_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setattr("serving.benchmark.run.makers", None)
    result = benchmark("--models", MODELS, "--plot", "plot.png")
    assert result.exit_code == 3
    assert result.stderr == "A plot needs matplotlib, which is not installed: pip install 'digits[train]'\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--batch", "1,x"), "--batch takes numbers from 1 to 10,000, separated by commas, not '1,x'"),
        (("--batch", "0"), "--batch takes numbers"),
        (("--batch", "20000"), "--batch takes numbers"),
        (("--model", "convnot"), "There is no model 'convnot'. Models: champion, "),
        (("--model", "single_neuron", "--runtime", "abacus"), "Nothing of abacus can be measured here"),
    ],
)
def test_a_mistake_gets_a_clear_line(arguments: tuple[str, ...], line: str) -> None:
    result = benchmark("--models", MODELS, *arguments)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(line)


def way(name: str, run: Callable[[Pictures], Output]) -> Way:
    return Way(name, "hand", 1, run)


def saying(offset: int) -> Callable[[Pictures], Output]:
    """Answers each picture with its first pixel; an offset is added to that of the first picture of all."""

    def run(pictures: Pictures) -> Output:
        digits = pictures[:, 0, 0].astype(int)
        digits[pictures[:, 0, 1] == 1] += offset
        return np.eye(10, dtype=np.float32)[digits]

    return run


def test_right_and_differing_answers_are_counted() -> None:
    pictures = np.zeros((130, 28, 28), np.uint8)
    pictures[:, 0, 0] = np.arange(130) % 9
    pictures[[0, 1, 129], 0, 1] = 1
    measured = [Measured("m", "d", way(ways.PROVED, saying(0))), Measured("m", "d", way("other", saying(1)))]
    labels = (np.arange(130) % 9).astype(np.uint8)
    measure.answer(measured, pictures, labels)
    assert [(one.correct, one.differing, one.pictures) for one in measured] == [(130, 0, 130), (127, 3, 130)]
    measure.answer(measured, pictures, None)
    assert measured[1].accuracy is None


def test_the_median_of_the_rounds_is_told() -> None:
    one = Measured("m", "d", way("w", saying(0)), seconds={8: [1.0, 100.0, 2.0]})
    assert (one.latency(8), one.speed(8)) == (2.0, 4.0)


def test_ways_of_others_are_found_where_what_they_need_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        name = "by hand"

        def __init__(self, missing: str = "") -> None:
            self.missing = missing

        def load(self) -> Callable[[Path, Card], dict[str, Callable[[], Way]]]:
            if self.missing:
                raise ModuleNotFoundError(self.missing, name=self.missing)
            return lambda _folder, _card: {"hand": lambda: way("hand", saying(0))}

    folder, said = MODELS / "single_neuron", []
    card = read_card(folder / "card.json")
    monkeypatch.setattr("serving.benchmark.ways.entry_points", lambda **_group: [Point()])
    assert list(ways.makers(folder, card, lambda *line: said.append(line))) == [*OURS, "hand"]
    monkeypatch.setattr("serving.benchmark.ways.entry_points", lambda **_group: [Point("torch")])
    assert list(ways.makers(folder, card, lambda *line: said.append(line))) == OURS
    assert said == [("by hand", "torch is not installed: pip install 'digits[train]'")]


@pytest.mark.parametrize("heights", [[0.1, 0.9], [0.5, 0.5, 0.5], [0.0, 0.01, 0.5, 0.52, 0.53, 0.9], [0.3]])
def test_labels_are_moved_apart_and_no_further(heights: list[float]) -> None:
    moved = spread(heights, 0.05)
    assert all(above - below >= 0.05 - 1e-9 for below, above in pairwise(moved))
    assert sum(moved) == pytest.approx(sum(heights))
    if all(above - below >= 0.05 for below, above in pairwise(heights)):
        assert moved == heights


def test_the_plot_needs_something_to_draw(tmp_path: Path) -> None:
    with pytest.raises(plot.PlotImpossible):
        plot.draw([], 1, "", tmp_path / "plot.png")


@pytest.mark.parametrize("option", ["-o", "--plot"])
def test_what_cannot_be_written_is_said_before_anything_is_measured(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if option == "--plot":
        pytest.importorskip("matplotlib")
    monkeypatch.setattr("serving.benchmark.run.makers", None)
    result = benchmark("--models", MODELS, option, tmp_path / "nowhere" / "out.png")
    assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
    assert "No such file or directory" in result.stderr
