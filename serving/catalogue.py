"""The folders of models/, each checked against its card and loaded."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.card import Card, CardInvalid, read_card
from serving.runtime import ModelUnusable, Session, open_session
from serving.settings import CPU, Backend

Signature = tuple[tuple[int, ...] | None, ...]
"""How the files of a model lie on the disk: of each its inode, size and times, None for one that is not there."""


class ModelRefused(Exception):
    """A model cannot be served; the message names the file, as it lies in the folder of models, and says why."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model ready to answer: its card, and its session."""

    card: Card
    session: Session
    signature: Signature = ()
    """Its files' as they were before they were read."""

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
        raise _unknown(name, self.models)


def signature(folder: Path, backend: Backend = CPU) -> Signature:
    """How the files lie that a model would be loaded from, without opening any."""
    names = ("card.json", "model.onnx", "model.ts") if backend.runtime == "torchscript" else ("card.json", "model.onnx")
    return tuple(_placed(folder / name) for name in names)


def _placed(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def load_model(folder: Path, backend: Backend = CPU) -> Model:
    """Load one model. Raises ModelRefused unless its model.onnx is the file that its card proves."""
    with _refusing(folder):
        before = signature(folder, backend)
        card = read_card(folder / "card.json")
        # What is loaded are the bytes that were hashed, whatever becomes of the file.
        content = _proved(folder / "model.onnx", card)
        return Model(card, open_session(folder, content, card, backend), before)


def proved_file(folder: Path, card: Card) -> bytes:
    """A model's file. Raises ModelRefused where it is not, or no longer, the one that the card proves."""
    with _refusing(folder):
        return _proved(folder / "model.onnx", card)


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Whatever is wrong with a model's folder, as ModelRefused."""
    try:
        yield
    except (CardInvalid, ModelUnusable) as error:
        # Shown to clients too, whom the place of the folder does not concern.
        raise ModelRefused(str(error).replace(f"{folder}{os.sep}", f"{folder.name}{os.sep}")) from error
    except OSError as error:
        raise ModelRefused(f"{folder.name}{os.sep}{Path(error.filename or '').name}: {error.strerror}") from error


def _proved(path: Path, card: Card) -> bytes:
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != card.onnx_sha256:
        raise ModelUnusable(
            f"{path} is not the file that its card proves (sha256 {found[:12]}…, the card says {card.onnx_sha256[:12]}…)"
        )
    return content


def names_in(folder: Path) -> list[str]:
    """The names of the models in a folder, sorted, whether they can be loaded or not. Raises OSError."""
    with os.scandir(folder) as found:
        # What is hidden is being written: an export, a copy.
        names = sorted(entry.name for entry in found if not entry.name.startswith("."))
    return [name for name in names if _placed(folder / name / "card.json")]


def load_catalogue(folder: Path, backend: Backend = CPU) -> Catalogue:
    """Load every model of a folder. Raises ModelRefused where the folder has none at all."""
    models, refused = {}, {}
    for name in _some_names(folder):
        try:
            models[name] = load_model(folder / name, backend)
        except ModelRefused as error:
            refused[name] = str(error)
    return Catalogue(models, refused)


def load_named(name: str, folder: Path, backend: Backend = CPU) -> Model:
    """Load one model of a folder, and no other. Raises ModelRefused, with the names there are where it is none of them."""
    if name not in (names := _some_names(folder)):
        raise _unknown(name, names)
    return load_model(folder / name, backend)


def _some_names(folder: Path) -> list[str]:
    try:
        names = names_in(folder)
    except OSError:
        raise ModelRefused(f"{folder} is not a folder of models") from None
    if not names:
        raise ModelRefused(f"{folder} holds no models")
    return names


def _unknown(name: str, names: Iterable[str]) -> ModelRefused:
    return ModelRefused(f"There is no model {name!r}. Models: {', '.join(sorted(names)) or 'none'}")
