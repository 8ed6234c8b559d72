"""How well pictures as people upload them are read, factor by factor; how often what is no digit is called one; how fast.

    python benchmarks/reading.py [--model NAME] [--pictures 200] [--seed 0] [--factors "box,table edge,letters"]
                                 [--ablate] [--sheet DIR] [--json OUT] [--no-speed]

Digits are MNIST's validation split, in turn; fonts, photos and pictures of the kinds that are no digits are those that
training never sees. Each picture has its own seed, so every run, model and ablation meets the same ones. A factor's
accuracy counts the best guess, promised or not; "wrong" is the share that was promised and is wrong.

With --ablate each step of the reading is left out in turn, over all factors and two kinds that the reading alone refuses, or
over those that are named. A step's accuracy is the mean of the factors'; the standard error is that of the same pictures'
differences. Every step is left out alone, so what two do together is not seen.
"""

import argparse
import importlib
import io
import json
import platform
import statistics
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt
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
from serving.reading import ink as ink_module  # noqa: E402
from serving.reading import paper as paper_module  # noqa: E402
from serving.reading import pieces as pieces_module  # noqa: E402
from serving.reading.grey import luminance  # noqa: E402
from serving.reading.lines import Mask  # noqa: E402
from serving.reading.paper import Polarity  # noqa: E402
from serving.reading.pieces import Pieces  # noqa: E402
from serving.reading.place import SIDE, centre_of_mass  # noqa: E402
from serving.settings import DEFAULT_MODEL  # noqa: E402
from training import data, device  # noqa: E402
from training.scenes import FACTORS, NONDIGITS, files, render  # noqa: E402
from training.scenes.digit import write  # noqa: E402
from training.scenes.paper import mix, sheet  # noqa: E402

LIMITS = Limits()
STATUSES = ("digit", "unsure", "not_a_digit", "blank", "rejected")
APART = ("lookalikes",)
"""Kinds that are no digits but look like them; no mean counts them."""
SHEET_COLUMNS, SHEET_MOST, TILE = 8, 64, 112


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


def _contents(name: str, images: data.Images, options: argparse.Namespace) -> Iterator[tuple[bytes, int | None]]:
    if name in FACTORS:
        return digit_files(name, images, options.pictures, options.seed)
    return other_files(name, options.pictures, options.seed)


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


LeftOut = Callable[[], AbstractContextManager[object]]
"""What leaves a step out for as long as it is entered."""
place_module = importlib.import_module("serving.reading.place")  # the package has a function of that name


def _dark(_pixels: Ink) -> tuple[Polarity, bool]:
    return "dark", False


def _by_border(_small: object, _light: object, _share: float, around: float) -> float:
    return around - 0.5


def _from_even_paper(pixels: Ink, polarity: Polarity, *, is_filled: bool) -> Ink:
    """Ink as its difference from one level of paper, the picture's median."""
    del is_filled
    lit = pixels if polarity == "dark" else cv2.bitwise_not(pixels)
    level = max(float(np.median(lit)), float(paper_module.DARKEST_PAPER))
    return np.rint((level - np.minimum(lit, level)) * (255 / level)).astype(np.uint8)


def _no_lines(strength: Ink) -> tuple[Ink, Mask]:
    return strength, np.zeros_like(strength)


def _no_frame(_strength: Ink, _mask: Mask) -> None:
    return None


def _all_of_it(strength: Ink, mask: Mask) -> Mask:
    del strength
    return mask


def _every_piece(found: Pieces, _lines: Mask | None) -> tuple[list[int], set[str]]:
    return list(range(len(found))), set()


def _middle(strength: Ink) -> tuple[float, float]:
    """The box's middle; of a whole 28x28 the centre of mass all the same, which tells whether MNIST made it."""
    height, width = strength.shape
    return centre_of_mass(strength) if (height, width) == (SIDE, SIDE) else (height / 2, width / 2)


def instead(module: ModuleType, **others: Any) -> LeftOut:
    """Has the reading find others under the names by which one of its modules calls its steps."""
    return lambda: patch.multiple(module, **others)


ABLATIONS: dict[str, LeftOut] = {
    "colour: luminance": instead(ink_module, contrast=luminance),
    "polarity: always dark": instead(ink_module, polarity=_dark),
    "doubt: the border decides": instead(paper_module, _doubt=_by_border),
    "corners: not looked at": instead(paper_module, HALF=256),
    "thick pens: as others": instead(paper_module, FILLED=-1.0),
    "flatten: even paper": instead(ink_module, flatten=_from_even_paper),
    "clear: never asked": instead(ink_module, LEAST_CLEARNESS=-1.0),
    "lines: they stay": instead(ink_module, without_lines=_no_lines),
    "frame: it stays": instead(ink_module, inside_frame=_no_frame),
    "stronger: all ink": instead(ink_module, stronger=_all_of_it),
    "gaps: not bridged": instead(pieces_module, BRIDGED=10**9),
    "choose: every piece": instead(ink_module, choose=_every_piece),
    "contrast: any": instead(ink_module, LEAST_CONTRAST=-1.0),
    "centre: the box's middle": instead(place_module, centre_of_mass=_middle),
}
"""The steps of the reading: a step and what is done instead, to what leaves it out."""
REFUSED_BY_READING = ("noise", "blank")
"""Kinds that the reading is to find nothing in."""
Steps = dict[str, npt.NDArray[np.float64]]
"""With all steps, under "all steps", and with each left out: 1 or 0 for each picture."""


def ablate(name: str, images: data.Images, model: Model, options: argparse.Namespace) -> Steps:
    """One factor's or kind's pictures with each step left out: whether the best guess is right, or a digit was promised."""
    contents = list(_contents(name, images, options))
    steps = {"all steps": nullcontext, **ABLATIONS}
    return {step: _hits(contents, model, left_out) for step, left_out in steps.items()}


def _hits(contents: Iterable[tuple[bytes, int | None]], model: Model, left_out: LeftOut) -> npt.NDArray[np.float64]:
    hits = []
    # Clean paper goes a short way round the steps; each is left out of the long one.
    with patch.multiple(ink_module, on_clean_paper=lambda _pixels, _margin: None), left_out():
        for content, truth in contents:
            (outcome,) = classify([content], model, LIMITS)
            guessed = isinstance(outcome, Prediction) and outcome.digit == truth
            hits.append(status(outcome) == "digit" if truth is None else guessed)
    return np.array(hits, np.float64)


@dataclass(frozen=True)
class Left:
    """What becomes of the factors and kinds with one step left out."""

    factors: dict[str, float]
    """Accuracies, 0 to 1."""
    kinds: dict[str, float]
    """How often each is called a digit, 0 to 1."""
    difference: float
    """Of the factors' mean accuracy from that with all steps."""
    error: float
    """The difference's standard error: pictures are drawn anew, factors are these."""

    @property
    def accuracy(self) -> float:
        """The factors' mean."""
        return mean(list(self.factors.values()))

    def told(self) -> dict[str, Any]:
        """For a JSON file."""
        numbers = {"accuracy": self.accuracy, "difference": self.difference, "standard_error": self.error}
        return {**numbers, "factors": self.factors, "called_digits": self.kinds}


def without(step: str, factors: dict[str, Steps], kinds: dict[str, Steps]) -> Left:
    """What becomes of all the pictures without one step."""
    apart = [steps[step] - steps["all steps"] for steps in factors.values()]
    variances = [float(one.var(ddof=1)) / len(one) for one in apart if len(one) > 1]
    return Left(
        {name: float(steps[step].mean()) for name, steps in factors.items()},
        {name: float(steps[step].mean()) for name, steps in kinds.items()},
        mean([float(one.mean()) for one in apart]),
        float(np.sqrt(sum(variances))) / max(len(apart), 1),
    )


def ablation_table(rows: dict[str, Left]) -> Table:
    """A row for each step: the mean accuracy, what it lost, where it lost most, and what is called a digit."""
    whole = rows["all steps"]
    table = Table(title="steps of the reading left out; differences in points")
    table.add_column("without")
    for column in ("right", "difference", "s.e.", *(f"{kind}: digit" for kind in whole.kinds)):
        table.add_column(column, justify="right")
    table.add_column("loses most")
    for step, row in rows.items():
        apart = ("", "") if row is whole else (f"{100 * row.difference:+.2f}", f"{100 * row.error:.2f}")
        right = f"{row.accuracy:.2%}" if row.factors else "-"
        table.add_row(step, right, *apart, *map(_share, row.kinds.values()), _worst(whole, row))
    return table


def _worst(whole: Left, row: Left, most: int = 3) -> str:
    lost = {name: 100 * (accuracy - whole.factors[name]) for name, accuracy in row.factors.items()}
    return ", ".join(f"{name} {lost[name]:+.1f}" for name in sorted(lost, key=lost.__getitem__)[:most] if lost[name] < 0)


def ablations(images: data.Images, model: Model, options: argparse.Namespace) -> dict[str, Left]:
    """All the pictures that are asked for, with all steps and with each left out."""
    made = {name: ablate(name, images, model, options) for name in options.names}
    factors = {name: steps for name, steps in made.items() if name in FACTORS}
    kinds = {name: steps for name, steps in made.items() if name in NONDIGITS}
    return {step: without(step, factors, kinds) for step in ("all steps", *ABLATIONS)}


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
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--pictures", type=int, default=200, help="of every factor and kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--factors", help="these alone, of factors and of kinds that are no digits; separated by commas")
    parser.add_argument("--ablate", action="store_true", help="leave out each step of the reading in turn")
    parser.add_argument("--sheet", type=Path, metavar="DIR", help="write contact sheets of what was answered wrongly")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures, too")
    parser.add_argument("--no-speed", action="store_true", help="do not time")
    options = parser.parse_args()
    everything = [*FACTORS, *(REFUSED_BY_READING if options.ablate else NONDIGITS)]
    options.names = [name.strip() for name in options.factors.split(",")] if options.factors else everything
    if unknown := [name for name in options.names if name not in FACTORS and name not in NONDIGITS]:
        parser.error(f"no factor {', '.join(unknown)}; there are: {', '.join([*FACTORS, *NONDIGITS])}")
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
        rows = ablations(images, model, options)
        console.print(ablation_table(rows))
        return told | {"ablations": {step: row.told() for step, row in rows.items()}}
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
    result, misses = measure(name, _contents(name, images, options), model)
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
