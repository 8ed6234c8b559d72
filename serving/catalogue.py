"""The folders of models/, each checked against its card and loaded."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.card import Card, CardInvalid, read_card
from serving.runtime import ModelUnusable, Session


class ModelRefused(Exception):
    """A model cannot be served; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to answer: its card, and its session."""

    card: Card
    session: Session

    @property
    def identity(self) -> str:
        """What answers name: convnet@0123456789ab."""
        return f"{self.card.name}@{self.card.onnx_sha256[:12]}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every model of a folder that could be loaded, by name, and why the others could not."""

    models: Mapping[str, Model]
    refused: Mapping[str, str]

    def get(self, name: str) -> Model:
        """A model by name. Raises ModelRefused with the names there are, or with the reason it could not be loaded."""
        if name in self.models:
            return self.models[name]
        if name in self.refused:
            raise ModelRefused(self.refused[name])
        raise ModelRefused(f"There is no model {name!r}. Models: {', '.join(sorted(self.models)) or 'none'}")


def load_model(folder: Path) -> Model:
    """Load one model. Raises ModelRefused unless its model.onnx is the file that its card proves."""
    try:
        card = read_card(folder / "card.json")
        path = folder / "model.onnx"
        content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != card.onnx_sha256:
            raise ModelRefused(
                f"{path} is not the file that its card proves (sha256 {found[:12]}…, the card says {card.onnx_sha256[:12]}…)"
            )
        return Model(card, Session(path, content=content))  # the bytes that were hashed, whatever becomes of the file
    except (CardInvalid, ModelUnusable) as error:
        raise ModelRefused(str(error)) from error
    except OSError as error:
        raise ModelRefused(f"{error.filename}: {error.strerror}") from error


def load_catalogue(folder: Path) -> Catalogue:
    """Load every model of a folder. Raises ModelRefused where the folder has none at all."""
    if not folder.is_dir():
        raise ModelRefused(f"{folder} is not a folder of models")
    models, refused = {}, {}
    for path in sorted(path for path in folder.iterdir() if (path / "card.json").exists()):
        try:
            models[path.name] = load_model(path)
        except ModelRefused as error:
            # Shown to clients too, whom the place of the folder does not concern.
            refused[path.name] = str(error).replace(f"{folder}{os.sep}", "")
    if not models and not refused:
        raise ModelRefused(f"{folder} holds no models")
    return Catalogue(models, refused)
