"""A sheet to look at: digits of the validation part, and below each what every corruption makes of it."""

from collections.abc import Iterator
from pathlib import Path

import cv2

from serving import drawing
from serving.reading import Ink
from training import data
from training.corruptions import CORRUPTIONS, corrupted

SIDE, GAP, WORDS = 56, 4, 124
"""Pixels: of a picture, between pictures, and of a row's name."""


def write(path: Path) -> None:
    """Write the first validation picture of each digit, as it is and corrupted, a row for each kind. Raises OSError."""
    images = data.validation_part(data.load("MNIST", "train"))
    first = [int((images.labels == digit).nonzero()[0]) for digit in range(10)]
    rows = list(_rows(images.pictures[first].numpy()))
    page = drawing.canvas(GAP + len(rows) * (SIDE + GAP), WORDS + 10 * (SIDE + GAP))
    for line, (name, pictures) in enumerate(rows):
        top = GAP + line * (SIDE + GAP)
        drawing.write(page, name, GAP, top + SIDE // 2 + 5, WORDS - 2 * GAP)
        for column, picture in enumerate(pictures):
            drawing.put(page, drawing.fit(picture, SIDE), WORDS + column * (SIDE + GAP), top)
    _, encoded = cv2.imencode(".png", page)
    path.write_bytes(encoded.tobytes())


def _rows(pictures: Ink) -> Iterator[tuple[str, Ink]]:
    yield "as it is", pictures
    for kind in CORRUPTIONS:
        yield kind, corrupted(kind, pictures)
