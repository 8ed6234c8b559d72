"""How the exported models that read digits bear corrupted and turned pictures, and doubtful labels: models/robustness.json.

The pictures are those of the official test split, which is opened for this once a run, for models that are finished:
exported, with a card. Nothing is chosen by what comes of it.
"""

import hashlib
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from serving import runtime
from serving.card import Card, read_card
from serving.reading import ImageRejected, Ink, Limits, png, prepare_process, read
from serving.runtime import Session
from training import data, measured, runs
from training.corruptions import ANGLES, CORRUPTIONS, corrupted, turned
from training.label_errors import DOUBTED
from training.recipe import Kind
from training.recipes import RECIPES

FILE = "robustness.json"
DATASET: data.DatasetName = "MNIST"
CLEAN = "as it is"
BATCH = 64
WRONG = ("network", "reading", "doubted")
"""What is told of a model beside its file and what it was trained on."""

Tell = Callable[[str], object]
Labels = npt.NDArray[np.int64]
"""(N,), 0 to 9."""


@dataclass(frozen=True, slots=True)
class Shown:
    """All pictures of the test split as a network is shown them, spoiled in one way."""

    how: Literal["network", "reading"]
    """Whether they are shown as they are, or as the reading makes them of files of these."""
    name: str
    pictures: Ink
    """(N, 28, 28)."""
    is_there: npt.NDArray[np.bool_]
    """(N,): what the reading refuses or finds blank is never answered rightly."""

    @property
    def sha256(self) -> str:
        """Of all of it: figures are of these very pictures."""
        return hashlib.sha256(self.pictures.tobytes() + self.is_there.tobytes()).hexdigest()


def spoiled_name(angle: int) -> str:
    """What pictures turned by an angle are called."""
    return f"turned by {angle}"


def write(models: Path, tell: Tell) -> Path:
    """Measure each model of a folder that reads digits, and write what is wrong of each as JSON, model by model.

    What was measured of the same files and pictures before stands. tell: is told what is done. Raises
    serving.card.CardInvalid, serving.runtime.ModelUnusable, data.DataFault, and runs.RunFault where no recipe is known.
    """
    cards = [read_card(path) for path in sorted(models.glob("*/card.json"))]
    digits = sorted((card for card in cards if card.dataset["name"] == DATASET), key=lambda card: card.flops)
    augmented = {card.name: trained_on(card) for card in digits}
    path = models / FILE
    tell(f"opening the official test split of {DATASET}, for figures of finished models alone")
    images = data.load(DATASET, "test")
    labels = images.labels.numpy()
    shown = list(_shown(images.pictures.numpy(), tell))
    sets = {f"{one.how}: {one.name}": one.sha256 for one in shown}
    wrong = _before(path, sets)
    for card in digits:
        if card.onnx_sha256 not in wrong:
            wrong[card.onnx_sha256] = _wrong(card, models, shown, labels, tell)
        told = {
            one.name: {"onnx_sha256": one.onnx_sha256, "augmented": list(augmented[one.name]), **wrong[one.onnx_sha256]}
            for one in digits
            if one.onnx_sha256 in wrong
        }
        measured.write(path, {"pictures": len(labels), "sets": sets, "versions": _versions(), "models": told})
    return path


def trained_on(card: Card) -> tuple[Kind, ...]:
    """The kinds that a model's training pictures were varied by. Raises runs.RunFault where no recipe of it is known."""
    if card.trained_as not in RECIPES:
        raise runs.RunFault(f"{card.name} is made by no recipe that is known here, so what it was trained on is not known")
    return RECIPES[card.trained_as].augmented


def _shown(pictures: Ink, tell: Tell) -> Iterator[Shown]:
    prepare_process()
    yield from _both(CLEAN, pictures)
    for kind in CORRUPTIONS:
        tell(f"making and reading pictures: {kind}")
        yield from _both(kind, corrupted(kind, pictures))
    for angle in ANGLES:
        yield _as_they_are(spoiled_name(angle), turned(angle, pictures))


def _both(name: str, pictures: Ink) -> Iterator[Shown]:
    yield _as_they_are(name, pictures)
    found, is_there = np.zeros_like(pictures), np.zeros(len(pictures), np.bool_)
    for index, picture in enumerate(pictures):
        try:
            reading = read(png(picture), "digit", Limits())
        except ImageRejected:
            continue
        if not reading.is_blank:
            found[index], is_there[index] = reading.picture, True
    yield Shown("reading", name, found, is_there)


def _as_they_are(name: str, pictures: Ink) -> Shown:
    return Shown("network", name, pictures, np.ones(len(pictures), np.bool_))


def _before(path: Path, sets: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What a file says that these libraries found wrong of these very pictures, by the model's sha256; else nothing."""
    try:
        told = measured.read(path)
        wrong = {one["onnx_sha256"]: {key: one[key] for key in WRONG} for one in told["models"].values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return wrong if (told.get("sets"), told.get("versions")) == (sets, _versions()) else {}


def _wrong(card: Card, models: Path, shown: Iterable[Shown], labels: Labels, tell: Tell) -> dict[str, Any]:
    """How many answers are wrong, of each set, by the network alone and after the reading; and of doubtful labels."""
    session = Session(models / card.name / "model.onnx")
    wrong: dict[str, Any] = {"network": {}, "reading": {}}
    for one in shown:
        is_wrong = (_answers(session, one.pictures) != labels) | ~one.is_there
        wrong[one.how][one.name] = int(is_wrong.sum())
        tell(f"{card.name}, {one.how}, {one.name}: {is_wrong.mean():.2%} wrong")
        if (one.how, one.name) == ("network", CLEAN):
            wrong["doubted"] = int(is_wrong[list(DOUBTED)].sum())
    return wrong


def _answers(session: Session, pictures: Ink) -> Labels:
    parts = range(0, len(pictures), BATCH)
    return np.concatenate([session.probabilities(pictures[at : at + BATCH]).argmax(1) for at in parts])


def _versions() -> dict[str, str]:
    return {
        "onnxruntime": runtime.VERSION.split()[-1],
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "python": platform.python_version(),
    }
