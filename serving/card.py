"""What a folder in models/ says of itself: card.json."""

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypedDict, get_args

from serving.reading import ReadingKind

SHA256 = re.compile("[0-9a-f]{64}")

CLASSES = 10

CONTRACT = 1
"""The version of the agreement between training and serving; a card of another version is refused."""


OPTIONAL = {"decision", "promise", "quantised"}
"""Keys that a card may lack."""


class CardInvalid(Exception):
    """A card cannot be used; the message names the file and what is wrong with it."""


class Decision(TypedDict):
    """What a model's promise of a digit takes; both chosen on validation data."""

    evidence: float
    """Below it, a picture is taken for no digit."""
    confidence: float
    """Below it, of what is taken for a digit, the answer is unsure; 0 to 1."""


@dataclass(frozen=True, slots=True)
class Card:
    """A model's description. Every value is measured or taken from the recipe, none typed by hand."""

    contract: int
    name: str
    lab: str
    dataset: dict[str, str]
    """name, and sha256 over its files."""
    reading: ReadingKind
    classes: list[str]
    """The names of the outputs, in order."""
    parameters: int
    flops: int
    """2 x multiply-adds, per picture."""
    recipe: str
    seed: int
    validation: dict[str, Any]
    """accuracy (a fraction), interval (95 % Wilson), mean and sd over the seeds run, the lab's own figure."""
    test: dict[str, Any]
    """As validation, on the official test split, which no choice has seen."""
    ece: dict[str, float]
    """Expected calibration error on the test split, before and after the temperature."""
    temperature: float
    hardware: str
    versions: dict[str, str]
    commit: str
    onnx_sha256: str
    """Of the model.onnx that the proof is about; serving refuses any other."""
    proof: dict[str, Any]
    """Per format: runtime version, batches, pictures, largest error in eps, differing answers."""
    decision: Decision | None = None
    """None where the model promises a digit whatever it is shown; an older card lacks the key."""
    promise: dict[str, Any] | None = None
    """What was measured of the decision."""
    quantised: dict[str, Any] | None = None
    """Of a model of whole numbers: the float32 model that it was made of, how, and beside it what became of the answers."""

    @property
    def trained_as(self) -> str:
        """The name of the model that was trained: its own, or that of the one it is made of."""
        return str(self.quantised["from"]) if self.quantised else self.name

    def essence(self) -> dict[str, str]:
        """What also stands in the ONNX file's own metadata, so that a file found alone can be identified."""
        keys = ("contract", "name", "lab", "dataset", "reading", "classes", "recipe", "seed", "temperature", "commit")
        return {key: json.dumps(getattr(self, key)) for key in keys}

    def to_json(self) -> str:
        """The text of card.json."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def read_card(path: Path) -> Card:
    """Read a card.json. Raises CardInvalid where it is missing, damaged, incomplete or of another contract."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CardInvalid(f"{path} is missing") from error
    except (OSError, ValueError) as error:
        raise CardInvalid(f"{path} cannot be read as JSON") from error
    if not isinstance(values, dict):
        raise CardInvalid(f"{path} is not a JSON object")
    if values.get("contract") != CONTRACT:
        raise CardInvalid(f"{path} has contract {values.get('contract')!r}; this version reads contract {CONTRACT}")
    known = {field.name for field in fields(Card)}
    missing, unknown = sorted(known - OPTIONAL - values.keys()), sorted(values.keys() - known)
    if missing or unknown:
        raise CardInvalid(f"{path} lacks {missing or 'nothing'} and has unknown keys {unknown or 'none'}")
    card = Card(**values)
    _check(card, path)
    return card


def _check(card: Card, path: Path) -> None:
    """What serving relies on; the rest is shown, not computed with."""
    if card.name != path.parent.name:
        raise CardInvalid(f"{path} names its model {card.name!r}, but its folder is {path.parent.name!r}")
    if card.reading not in get_args(ReadingKind):
        raise CardInvalid(f"{path} has an unknown reading {card.reading!r}")
    named = isinstance(card.classes, list) and all(isinstance(name, str) for name in card.classes)
    if not named or len(card.classes) != CLASSES:
        raise CardInvalid(f"{path} has no list of {CLASSES} class names")
    if not (isinstance(card.test, dict) and {"accuracy", "interval"} <= card.test.keys()):
        raise CardInvalid(f"{path} has no test accuracy with its interval")
    if not (isinstance(card.onnx_sha256, str) and SHA256.fullmatch(card.onnx_sha256)):
        raise CardInvalid(f"{path} has no sha256 of its model.onnx")
    if card.decision is not None and not _is_decision(card.decision):
        raise CardInvalid(
            f"{path} has a decision that is not an evidence, any number, and a confidence from 0 to 1: {card.decision!r}"
        )
    _check_measured(card, path)


def _check_measured(card: Card, path: Path) -> None:
    for key in ("promise", "quantised"):
        if not isinstance(getattr(card, key), dict | None):
            raise CardInvalid(f"{path} has a {key} that is not a JSON object")


def _is_decision(value: object) -> bool:
    if not isinstance(value, dict) or value.keys() != Decision.__annotations__.keys():
        return False
    numbers = all(type(number) in {int, float} and -math.inf < number < math.inf for number in value.values())
    return numbers and 0 <= value["confidence"] <= 1
