"""Training pictures as `serving.reading` makes them of what people upload: digits through every factor, and other things.

What a network meets in service is never the data set's own picture but what was read of a file. So each picture here is
drawn, made a file of, and read by the code that serving runs; what the reading leaves of frames and shadows is in it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

import serving.reading
from serving.reading import SIDE, ImageRejected, Ink, Limits, read
from training import data, kept, scenes
from training.data import Images
from training.scenes import digit, files, fonts, lettering
from training.scenes.factors import FACTORS, Factor
from training.scenes.nondigits import NONDIGITS

OTHER = 10
"""The label of what is no digit."""
CHUNK = 500
"""Pictures that one process makes at a time, from random numbers of their own: how many processes there are changes
nothing."""
GROUP = 40
"""Chunks that are kept together while the rest is made."""

Rng = np.random.Generator
Sample = Callable[[Ink, int, Rng], tuple[bytes, int]]
"""An ink of the data set, its label and random numbers to a file and the label of what is on it."""

Progress = Callable[[float], object]
"""Told how much is done, 0 to 1."""

FACTOR_NAMES = tuple(FACTORS)
SELDOM = ("phone photo",)
UNSEEN = ("photos", "lookalikes")
"""Kinds of other things that no network is trained on: one to measure, one that is as much a digit as not."""


def _any_factor(rng: Rng) -> Factor:
    """Each as often as another, but for the large photos, which take as long to make as thirty others."""
    name = FACTOR_NAMES[int(rng.integers(len(FACTOR_NAMES)))]
    if name in SELDOM and rng.random() > 0.2:
        return _any_factor(rng)
    return FACTORS[name]


def through_a_factor(ink: Ink, label: int, rng: Rng) -> tuple[bytes, int]:
    """The digit as somebody may have uploaded it."""
    return _any_factor(rng)(ink, rng), label


def deformed(ink: Ink, label: int, rng: Rng) -> tuple[bytes, int]:
    """The digit as another hand and pen might have written it, placed as the data set places it."""
    weight = float(rng.choice([0.0, 0.0, 0.45, -0.35, 0.9]))
    layer = digit.deform(ink, rng, rng.uniform(0.4, 1.1), int(rng.choice([28, 56])), weight)
    return files.png(digit.as_ink(layer) if len(layer) != SIDE else (layer * 255).astype(np.uint8), rng), label


def printed(_ink: Ink, _label: int, rng: Rng) -> tuple[bytes, int]:
    """A digit of some font, through a factor."""
    label = int(rng.integers(10))
    return _any_factor(rng)(lettering.printed_digit(rng, label), rng), label


def other(_ink: Ink, _label: int, rng: Rng) -> tuple[bytes, int]:
    """Something that is no digit."""
    shares = np.array(list(WEIGHTS.values()), float)
    kind = list(WEIGHTS)[int(rng.choice(len(shares), p=shares / shares.sum()))]
    return files.png(NONDIGITS[kind](rng), rng), OTHER


WEIGHTS = {
    "letters": 26, "shapes": 18, "several digits": 16, "symbols": 8, "words": 7, "clothes": 9, "noise": 7, "blobs": 5,
    "text page": 3, "blank": 1,
}  # fmt: skip
"""How often each kind of other things comes, in parts of all."""
PARTS: dict[Sample, float] = {through_a_factor: 3.0, deformed: 1.5, printed: 1.0, other: 1.8}
"""How many pictures of each sort there are, in times of the data set's 55,000; these come as they are, once, too."""


def load(share: float = 1.0, progress: Progress = lambda _done: None) -> Images:
    """The training pictures: the data set's own first 55,000, and PARTS of them; the same whatever the training's seed.

    share: of PARTS, for less than all. progress: is told where they have to be made. They are kept in ~/.cache/digits, under
    a name that changes with the code that makes them and the fonts that are there. Raises data.DataFault.
    """
    own = data.load("MNIST", "train")[slice(data.VALIDATION_START)]
    path = kept_at(share)
    parts = path.with_suffix(".parts")
    made = kept.images(path, lambda: _make(own, share, progress, parts))
    if path.exists():
        shutil.rmtree(parts, ignore_errors=True)
    return Images(torch.cat([own.pictures, made.pictures]), torch.cat([own.labels, made.labels]))


def _make(own: Images, share: float, progress: Progress, parts: Path) -> Images:
    """All pictures; each group of chunks is kept in a folder, where a making that was stopped goes on."""
    tasks = list(_tasks(own, share))
    groups, made = [tasks[start : start + GROUP] for start in range(0, len(tasks), GROUP)], []
    progress(0.0)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"), initializer=_begin) as pool:
        for number, group in enumerate(groups):
            made.append(kept.images(parts / f"{number}.npz", partial(_made_of, group, pool)))
            progress((number + 1) / len(groups))
    return Images(torch.cat([one.pictures for one in made]), torch.cat([one.labels for one in made]))


def _made_of(group: list["Task"], pool: ProcessPoolExecutor) -> Images:
    pictures, labels = zip(*pool.map(_chunk, group), strict=True)
    return Images(torch.from_numpy(np.concatenate(pictures)), torch.from_numpy(np.concatenate(labels)))


@dataclass(frozen=True, slots=True)
class Task:
    """One chunk: inks (N, 28, 28), labels (N,), how their files come about, and the seed of its random numbers."""

    inks: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    sample: Sample
    seed: tuple[int, ...]


def _tasks(own: Images, share: float) -> Iterator[Task]:
    for part, (sample, times) in enumerate(PARTS.items()):
        count = round(times * share * len(own))
        rows = np.arange(count) % len(own)
        for start in range(0, count, CHUNK):
            some = rows[start : start + CHUNK]
            yield Task(own.pictures[some].numpy(), own.labels[some].numpy(), sample, (part, start))


def _begin() -> None:
    serving.reading.prepare_process()
    torch.set_num_threads(1)


def _chunk(task: Task) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    rng = np.random.default_rng(task.seed)
    drawn = [_one(ink, int(label), task.sample, rng) for ink, label in zip(task.inks, task.labels, strict=True)]
    return np.stack([picture for picture, _ in drawn]), np.array([label for _, label in drawn], np.int64)


def _one(ink: Ink, label: int, sample: Sample, rng: Rng) -> tuple[Ink, int]:
    """One picture that reaches the network: what is found blank does not, and is drawn again."""
    while True:
        data, told = sample(ink, label, rng)
        try:
            reading = read(data, "digit", Limits())
        except ImageRejected:
            continue
        if not reading.is_blank:
            return reading.picture, told


def kept_at(share: float = 1.0) -> Path:
    """Where pictures are kept that this code makes with these fonts."""
    folders = (Path(str(package.__file__)).parent for package in (serving.reading, scenes))
    code = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    names = sorted(font.path.name for font in fonts.find_fonts())
    return kept.place(f"uploads-{kept.fingerprint([*code, Path(__file__)], names, share)}")
