"""Folders of pictures, made once and kept in ~/.cache/digits/folders.

`mnist` is MNIST as PNGs, a folder a label: both splits, 70,000 pictures. `photos` are photos of digits on paper by a phone,
4000x3000 as JPEG, of MNIST's test digits.

    python -m benchmarks.predicting.sets NAME COUNT

makes one where it is not there yet, and says where: a program of its own, so that the one that sums up the memory of others
shares no library with them.
"""

import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training import data
from training.scenes import files, render

CACHE = Path.home() / ".cache" / "digits" / "folders"
PHONE = (4000, 3000)
GRAIN = 4.0
"""Of the enlarged photo, in grey levels: a file then has about 2.5 MB, as a phone's has."""


def _folder_of(name: str, count: int) -> Path:
    """The first so many pictures of a set; made where they are not there yet. Raises training.data.DataFault."""
    folder = CACHE / f"{name}-{count}"
    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        {"mnist": _write_mnist, "photos": _write_photos}[name](part, count)
        part.replace(folder)
    return folder


def _write_mnist(folder: Path, count: int) -> None:
    for index, (picture, label) in enumerate(itertools.islice(_digits("test", "train"), count)):
        path = folder / str(label) / f"{index:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)


def _write_photos(folder: Path, count: int) -> None:
    for index, (picture, label) in enumerate(itertools.islice(_digits("test"), count)):
        rng = np.random.default_rng([6, index])
        small = render("phone photo", picture, rng)
        large = cv2.resize(small, PHONE, interpolation=cv2.INTER_CUBIC).astype(np.int16)
        large += rng.normal(0, GRAIN, large.shape).astype(np.int16)
        path = folder / str(label) / f"{index:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files.jpeg(np.clip(large, 0, 255).astype(np.uint8), rng))


def _digits(*splits: data.Split) -> Iterator[tuple[np.ndarray, int]]:
    for split in splits:
        images = data.load("MNIST", split)
        yield from zip(images.pictures.numpy(), images.labels.tolist(), strict=True)


def main() -> None:
    """Make a set."""
    try:
        print(_folder_of(sys.argv[1], int(sys.argv[2])))
    except data.DataFault as fault:
        sys.exit(str(fault))


if __name__ == "__main__":
    main()
