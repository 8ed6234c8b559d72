"""What takes minutes to make is made once: arrays in ~/.cache/digits, under names that tell what they were made of."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from training.data import Images

Arrays = dict[str, npt.NDArray[np.generic]]


def fingerprint(files: Iterable[Path], *values: object) -> str:
    """Sixteen hex digits for the code in these files and for what else decides, by its repr."""
    code = hashlib.sha256()
    for path in files:
        code.update(path.read_bytes())
    code.update(repr(values).encode())
    return code.hexdigest()[:16]


def place(name: str) -> Path:
    """Where arrays of that name are kept, or would be."""
    return Path.home() / ".cache" / "digits" / f"{name}.npz"


@contextmanager
def _moved_to(path: Path) -> Iterator[Path]:
    """A file beside, moved there at the end: neither a crash nor a full disk may cost the old one."""
    part = path.with_name(path.name + ".part")
    try:
        yield part
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def replace(path: Path, content: bytes | memoryview) -> None:
    """Write a file whole or not at all. Raises OSError."""
    with _moved_to(path) as part:
        part.write_bytes(content)


def keep(path: Path, arrays: Arrays) -> None:
    """Keep the arrays. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _moved_to(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its parameter allow_pickle is in the way


def images(path: Path, make: Callable[[], Images]) -> Images:
    """The pictures and labels that are kept there, else made and kept; where the disk is full they are made each time."""
    if path.exists():
        with np.load(path) as found:
            return Images(torch.from_numpy(found["pictures"]), torch.from_numpy(found["labels"]))
    made = make()
    with suppress(OSError):
        keep(path, {"pictures": made.pictures.numpy(), "labels": made.labels.numpy()})
    return made
