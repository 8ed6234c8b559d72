"""How well pictures as people upload them are read, factor by factor; how often what is no digit is called one; how fast.

    python benchmarks/reading.py [--model convnet] [--pictures 200] [--seed 0] [--factors "box,table edge,letters"]
                                 [--ablate] [--sheet DIR] [--json OUT] [--no-speed]

Digits are MNIST's validation split, in turn; fonts, photos and pictures of the kinds that are no digits are those that
training never sees. Each picture has its own seed, so every run, model and ablation meets the same ones. A factor's
accuracy counts the best guess, promised or not; "wrong" is the share that was promised and is wrong.
"""

import argparse
import io
import json
import platform
import statistics
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import PIL
import torch
from PIL import Image, ImageDraw, ImageOps
from rich.console import Console
from rich.table import Table

sys.path[0] = str(Path(__file__).parents[1])  # benchmarks/training.py would hide the package of the same name

from serving.catalogue import Model, load_model  # noqa: E402
from serving.classifier import classify  # noqa: E402
from serving.evaluation.figures import Accuracy  # noqa: E402
from serving.outcome import Outcome, Prediction, Rejection, status  # noqa: E402
from serving.reading import Ink, Limits, prepare_process, read  # noqa: E402
from training import data, device  # noqa: E402
from training.scenes import FACTORS, NONDIGITS, files, render  # noqa: E402
from training.scenes.digit import write  # noqa: E402
from training.scenes.paper import mix, sheet  # noqa: E402

LIMITS = Limits()
STATUSES = ("digit", "unsure", "not_a_digit", "blank", "rejected")
APART = ("lookalikes",)
"""Kinds that are no digits but look like them; no mean counts them."""
SHEET_COLUMNS, SHEET_MOST, TILE = 8, 64, 112
ABLATIONS: dict[str, Callable[[], AbstractContextManager[object]]] = {}
"""The steps of the reading that can be left out: a step's name to what leaves it out for as long as it is entered."""


@dataclass
class Result:
    """What became of the pictures of one factor or kind."""

    name: str
    total: int = 0
    right: int = 0
    wrong: int = 0
    """Promised and wrong; of what is no digit, promised at all."""
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def accuracy(self) -> Accuracy:
        """Of the best guesses."""
        return Accuracy(self.right, self.total)

    @property
    def promised(self) -> Accuracy:
        """The share that was called a digit."""
        return Accuracy(self.statuses["digit"], self.total)

    def count(self, outcome: Outcome, truth: int | None) -> bool:
        """Count one outcome; truth is None where there is no digit. Returns whether it is as it should be."""
        told = status(outcome)
        right = isinstance(outcome, Prediction) and outcome.digit == truth
        self.total += 1
        self.right += right
        self.wrong += told == "digit" and not right
        self.statuses[told] += 1
        return right if truth is not None else told != "digit"

    def told(self) -> dict[str, Any]:
        """For a JSON file."""
        shares = {one: self.statuses[one] / self.total for one in STATUSES}
        return {"pictures": self.total, "accuracy": self.accuracy.value, "interval": self.accuracy.interval, **shares}


@dataclass(frozen=True)
class Miss:
    """One picture that was not answered as it should be."""

    file: bytes
    outcome: Outcome
    truth: str


def seeded(seed: int, name: str, index: int) -> np.random.Generator:
    """A picture's own randomness, whatever else is measured."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), index])


def digit_files(name: str, images: data.Images, count: int, seed: int) -> Iterator[tuple[bytes, int]]:
    """The files of one factor with their labels; another factor begins at other pictures."""
    start = zlib.crc32(name.encode()) % len(images)
    for index in range(count):
        row = (start + index) % len(images)
        yield FACTORS[name](images.pictures[row].numpy(), seeded(seed, name, index)), int(images.labels[row])


def other_files(name: str, count: int, seed: int) -> Iterator[tuple[bytes, None]]:
    """The files of one kind that is no digit, as PNG."""
    for index in range(count):
        rng = seeded(seed, name, index)
        yield files.png(NONDIGITS[name](rng, held_out=True), rng), None


def measure(name: str, contents: Iterator[tuple[bytes, int | None]], model: Model) -> tuple[Result, list[Miss]]:
    """Answer each file, alone, as an upload is."""
    result, misses = Result(name), []
    for content, truth in contents:
        (outcome,) = classify([content], model, LIMITS)
        if not result.count(outcome, truth):
            misses.append(Miss(content, outcome, "none" if truth is None else str(truth)))
    return result, misses


def mean(values: list[float]) -> float:
    """Their mean; 0 of none."""
    return statistics.fmean(values) if values else 0.0


def factor_table(results: list[Result]) -> Table:
    """Accuracy and statuses of each factor, and their means."""
    table = Table(title="digits")
    for column in ("factor", "right", "95 %", "wrong", *STATUSES):
        table.add_column(column, justify="left" if column == "factor" else "right")
    for one in results:
        low, high = one.accuracy.interval
        shares = (one.statuses[told] / one.total for told in STATUSES)
        interval = f"{low:.1%} to {high:.1%}"
        table.add_row(one.name, f"{one.accuracy.value:.1%}", interval, f"{one.wrong / one.total:.1%}", *map(_share, shares))
    table.add_section()
    shares = (mean([one.statuses[told] / one.total for one in results]) for told in STATUSES)
    wrong = mean([one.wrong / one.total for one in results])
    table.add_row("mean", f"{mean([one.accuracy.value for one in results]):.1%}", "", f"{wrong:.1%}", *map(_share, shares))
    return table


def other_table(results: list[Result]) -> Table:
    """How often each kind that is no digit is called one, and the mean without look-alikes."""
    table = Table(title="no digits")
    for column in ("kind", "called a digit", "95 %", *STATUSES[1:]):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for one in results:
        low, high = one.promised.interval
        shares = (one.statuses[told] / one.total for told in STATUSES[1:])
        table.add_row(one.name, f"{one.promised.value:.1%}", f"{low:.1%} to {high:.1%}", *map(_share, shares))
    counted = [one for one in results if one.name not in APART]
    table.add_section()
    shares = (mean([one.statuses[told] / one.total for one in counted]) for told in STATUSES[1:])
    called = mean([one.promised.value for one in counted])
    table.add_row(f"mean without {', '.join(APART)}", f"{called:.1%}", "", *map(_share, shares))
    return table


def _share(value: float) -> str:
    return f"{value:.1%}" if value else "-"


def speed_files(ink: Ink) -> dict[str, bytes]:
    """Files of one digit in the sizes and formats that are timed."""
    rng = np.random.default_rng(0)
    cover = write(ink, rng, (280, 280)).cover
    drawn = np.rint(mix(sheet(cover.shape, 235.0), 40.0, cover)).astype(np.uint8)
    photo = render("phone photo", ink, rng)
    million = cv2.resize(photo, (1152, 864), interpolation=cv2.INTER_CUBIC)
    phone = cv2.resize(photo, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    return {
        "28x28 PNG, as MNIST has it": files.png(ink, rng),
        "28x28 PNG, dark on light": files.png(255 - ink, rng),
        "280x280 PNG": files.png(drawn, rng),
        "280x280 JPEG": files.jpeg(drawn, rng),
        "1 MP PNG": files.png(million, rng),
        "1 MP JPEG": files.jpeg(million, rng),
        "1 MP WebP": files.webp(million, rng),
        "12 MP JPEG": files.jpeg(phone, rng),
    }


def median_ms(run: Callable[[], object], seconds: float = 0.6, least: int = 5) -> tuple[float, int]:
    """The median milliseconds of a call and how often it was made."""
    run()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < until:
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times), len(times)


def speed(ink: Ink, model: Model) -> tuple[Table, dict[str, Any]]:
    """Milliseconds a picture, decoding included: the reading alone, and the whole answer."""
    table = Table(title="milliseconds a picture, one core, median")
    for column in ("picture", "KB", "read", "answer", "runs"):
        table.add_column(column, justify="left" if column == "picture" else "right")
    told: dict[str, Any] = {}
    for name, content in speed_files(ink).items():
        reading, _ = median_ms(lambda content=content: read(content, model.card.reading, LIMITS))
        answer, runs = median_ms(lambda content=content: classify([content], model, LIMITS))
        table.add_row(name, f"{len(content) / 1e3:,.1f}", f"{reading:.2f}", f"{answer:.2f}", str(runs))
        told[name] = {"bytes": len(content), "read_ms": reading, "answer_ms": answer, "runs": runs}
    return table, told


def ablation_table(names: list[str], images: data.Images, model: Model, options: argparse.Namespace) -> Table:
    """Accuracy of each factor with all steps, and with each step left out in turn."""
    columns = {"all steps": _accuracies(names, images, model, options)}
    for step, left_out in ABLATIONS.items():
        with left_out():
            columns[f"without {step}"] = _accuracies(names, images, model, options)
    table = Table(title="accuracy with steps left out")
    table.add_column("factor")
    for column in columns:
        table.add_column(column, justify="right")
    for name in names:
        table.add_row(name, *(f"{column[name]:.1%}" for column in columns.values()))
    table.add_section()
    table.add_row("mean", *(f"{mean(list(column.values())):.1%}" for column in columns.values()))
    return table


def _accuracies(names: list[str], images: data.Images, model: Model, options: argparse.Namespace) -> dict[str, float]:
    return {
        name: measure(name, digit_files(name, images, options.pictures, options.seed), model)[0].accuracy.value
        for name in names
    }


def thumbnail(content: bytes, side: int) -> Image.Image:
    """An uploaded picture in RGB, upright, within side x side; what is transparent shows grey-green."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float32)
        image = Image.fromarray((values * (255 / max(float(values.max()), 1e-6))).astype(np.uint8))
    seen = image.convert("RGBA")
    ground = Image.new("RGBA", seen.size, (125, 150, 125, 255))
    ground.alpha_composite(seen)
    return ImageOps.contain(ground.convert("RGB"), (side, side))


def write_sheet(misses: list[Miss], path: Path) -> None:
    """A contact sheet of the first misses: the upload, what was read of it, the truth and the answer."""
    shown = misses[:SHEET_MOST]
    wide, high = 2 * TILE + 8, TILE + 18
    whole = Image.new("RGB", (SHEET_COLUMNS * wide, -(-len(shown) // SHEET_COLUMNS) * high), (60, 60, 90))
    pen = ImageDraw.Draw(whole)
    for place, miss in enumerate(shown):
        left, top = place % SHEET_COLUMNS * wide, place // SHEET_COLUMNS * high
        whole.paste(thumbnail(miss.file, TILE), (left, top))
        if not isinstance(miss.outcome, Rejection):
            picture = Image.fromarray(miss.outcome.picture).resize((TILE, TILE), Image.Resampling.NEAREST)
            whole.paste(picture, (left + TILE + 2, top))
        answer = f"{miss.outcome.digit} " if isinstance(miss.outcome, Prediction) else ""
        pen.text((left + 2, top + TILE + 2), f"{miss.truth} -> {answer}{status(miss.outcome)}", fill="white")
    whole.save(path)


def arguments() -> argparse.Namespace:
    """What the command line asks for; names are checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="convnet")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--pictures", type=int, default=200, help="of every factor and kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--factors", help="these alone, of factors and of kinds that are no digits; separated by commas")
    parser.add_argument("--ablate", action="store_true", help="leave out each step of the reading in turn")
    parser.add_argument("--sheet", type=Path, metavar="DIR", help="write contact sheets of what was answered wrongly")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures, too")
    parser.add_argument("--no-speed", action="store_true", help="do not time")
    options = parser.parse_args()
    options.names = [name.strip() for name in options.factors.split(",")] if options.factors else [*FACTORS, *NONDIGITS]
    if unknown := [name for name in options.names if name not in FACTORS and name not in NONDIGITS]:
        parser.error(f"no factor {', '.join(unknown)}; there are: {', '.join([*FACTORS, *NONDIGITS])}")
    if options.ablate and not ABLATIONS:
        parser.error("no step of the reading can be left out yet")
    return options


def hardware() -> str:
    """The line that a figure is worth nothing without."""
    versions = f"onnxruntime {onnxruntime.__version__}, OpenCV {cv2.__version__}, Pillow {PIL.__version__}"
    cpu = device.describe(torch.device("cpu"))
    return f"{cpu}, {versions}, numpy {np.__version__}, Python {platform.python_version()}"


def run(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Measure all that is asked for, print the tables, and return the figures."""
    model = load_model(options.models / options.model)
    images = data.validation_part(data.load("MNIST", "train"))
    told: dict[str, Any] = {"hardware": hardware(), "model": model.identity, "pictures": options.pictures}
    console.print(f"{told['hardware']}\n{model.identity}, {options.pictures} pictures each, seed {options.seed}")
    factors = [name for name in options.names if name in FACTORS]
    if options.ablate:
        console.print(ablation_table(factors, images, model, options))
        return told
    for title, names, tabled in (
        ("factors", factors, factor_table),
        ("kinds", [name for name in options.names if name in NONDIGITS], other_table),
    ):
        results = [_measured(name, images, model, options) for name in names]
        if results:
            console.print(tabled(results))
        told[title] = {one.name: one.told() for one in results}
    if not options.no_speed:
        table, told["speed"] = speed(images.pictures[0].numpy(), model)
        console.print(table)
    return told


def _measured(name: str, images: data.Images, model: Model, options: argparse.Namespace) -> Result:
    """One factor or kind, its contact sheet written where one is asked for."""
    digits = name in FACTORS
    contents = (digit_files(name, images, options.pictures, options.seed) if digits
                else other_files(name, options.pictures, options.seed))  # fmt: skip
    result, misses = measure(name, contents, model)
    if options.sheet and misses:
        options.sheet.mkdir(parents=True, exist_ok=True)
        write_sheet(misses, options.sheet / f"{name.replace(' ', '_')}.png")
    return result


def main() -> None:
    """Measure and print."""
    options = arguments()
    prepare_process()
    device.prepare_cpu(1)
    told = run(options, Console(width=140))
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
