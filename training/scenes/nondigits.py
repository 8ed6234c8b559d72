"""Kinds of pictures that hold no digit, or no single one. The dict is the list.

Where a source is finite, its held-out part is another one: fonts of other makers, other pictures of MNIST and
Fashion-MNIST, the other halves of photos.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from serving.reading import Ink
from training.scenes import lettering, shapes, surfaces
from training.scenes.camera import Picture
from training.scenes.digit import Layer, as_ink, canvas_shape, settle, stroke
from training.scenes.dress import dress
from training.scenes.factors import render

Rng = np.random.Generator
DRESSINGS = (
    "plain", "light on dark", "grey paper", "coloured", "low contrast", "light falls", "shadow", "ruled", "squared",
    "textured", "blackboard", "whiteboard", "table edge", "box", "open box", "grid cell", "specks", "hairline", "marker",
    "pencil", "fills frame", "turned", "perspective", "sensor noise", "out of focus", "low JPEG", "28x28 inverted",
    "1-bit 32x32",
)  # fmt: skip
"""Factors that letters, signs and shapes go through as digits do, so that only what is drawn tells them apart."""


class Draw(Protocol):
    """A kind's pictures; held_out: from what training never sees, where the source is finite."""

    def __call__(self, rng: Rng, *, held_out: bool = False) -> Picture:
        """(H, W) or (H, W, 3) RGB uint8."""
        ...


@dataclass(frozen=True, slots=True)
class Unlimited:
    """A kind whose every picture is drawn anew, so that none needs to be held out."""

    draw: Callable[[Rng], Picture]

    def __call__(self, rng: Rng, *, held_out: bool = False) -> Picture:
        """(H, W) or (H, W, 3) RGB uint8."""
        del held_out
        return self.draw(rng)


def _as_digits_are(ink: Ink, rng: Rng) -> Picture:
    """An ink through one of the factors; one in eight as 28x28, as the data set has its digits."""
    if rng.random() < 1 / 8:
        return ink
    return np.asarray(render(DRESSINGS[int(rng.integers(len(DRESSINGS)))], ink, rng), np.uint8)


def _laid(cover: Layer, rng: Rng, room: float = 0.35) -> Picture:
    """Something drawn, on a canvas up to `room` larger on each side, dressed."""
    high, wide = (round(side * (1 + rng.uniform(0.06, 2 * room))) + 4 for side in cover.shape)
    return dress(settle(cover, rng, (high, wide), (0.02, 0.02, 0.02, 0.02)).cover, rng)


def letters(rng: Rng, *, held_out: bool = False) -> Picture:
    """One letter that is not like a digit."""
    return _character(rng, lettering.letter(rng, held_out=held_out))


def lookalikes(rng: Rng, *, held_out: bool = False) -> Picture:
    """One letter that is like a digit; counted apart."""
    return _character(rng, lettering.lookalike(rng, held_out=held_out))


def symbols(rng: Rng, *, held_out: bool = False) -> Picture:
    """One punctuation mark or sign of arithmetic."""
    return _character(rng, lettering.sign(rng, held_out=held_out))


def _character(rng: Rng, ink: Ink) -> Picture:
    if rng.random() < 0.4:
        return _laid(lettering.by_hand(ink, rng, rng.uniform(30, 120)), rng)
    return _as_digits_are(ink, rng)


def words(rng: Rng, *, held_out: bool = False) -> Picture:
    """Several letters."""
    return _laid(lettering.word(rng, held_out=held_out), rng, 0.2)


def text_page(rng: Rng, *, held_out: bool = False) -> Picture:
    """Lines of text."""
    return dress(lettering.page(rng, held_out=held_out), rng)


def drawn_shapes(rng: Rng) -> Picture:
    """A drawing that is no digit."""
    if rng.random() < 0.5:
        return _as_digits_are(as_ink(shapes.shape(rng, 60)), rng)
    return _laid(shapes.shape(rng, float(np.exp(rng.uniform(np.log(30), np.log(180))))), rng)


def blobs(rng: Rng) -> Picture:
    """One to four filled spots."""
    canvas = canvas_shape(rng)
    cover = np.zeros(canvas, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        spot = shapes.blob(rng, min(canvas) * rng.uniform(0.1, 0.6))
        cover = np.maximum(cover, settle(spot, rng, canvas, (0.0, 0.0, 0.0, 0.0)).cover)
    return dress(cover, rng)


def several_digits(rng: Rng, *, held_out: bool = False) -> Picture:
    """Two to five digits, of MNIST or of a font, apart or touching, in a row or two of them one above the other."""
    count, size = int(rng.choice([2, 3, 4, 5], p=[0.5, 0.25, 0.15, 0.1])), rng.uniform(24, 70)
    printed = rng.random() < 0.3
    inks = [
        lettering.printed_digit(rng, int(rng.integers(10)), held_out=held_out) if printed else _mnist(rng, held_out=held_out)
        for _ in range(count)
    ]
    drawn = [stroke(ink, rng, size * rng.uniform(0.8, 1), 0.5) for ink in inks]
    if count == 2 and rng.random() < 0.2:
        turned = [np.ascontiguousarray(one.T) for one in drawn]
        return _laid(np.ascontiguousarray(lettering.row(turned, [size * rng.uniform(0.1, 0.5)]).T), rng)
    gap = rng.uniform(-0.08, 0.02) if rng.random() < 0.3 else rng.uniform(0.08, 0.6)
    return _laid(lettering.row(drawn, [size * gap * rng.uniform(0.6, 1.2) for _ in drawn[1:]]), rng)


def clothes(rng: Rng, *, held_out: bool = False) -> Picture:
    """A picture of Fashion-MNIST, as it is or inverted, 28x28, enlarged, or laid on an even ground."""
    pictures = _pictures("FashionMNIST", held_out=held_out)
    picture = pictures[int(rng.integers(len(pictures)))]
    if rng.random() < 0.4:
        side = int(rng.integers(56, 224))
        picture = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    if rng.random() < 0.3:
        pad = [int(rng.integers(0, picture.shape[0] // 2)) for _ in range(4)]
        picture = np.pad(picture, ((pad[0], pad[1]), (pad[2], pad[3])))
    return np.asarray(255 - picture if rng.random() < 0.5 else picture, np.uint8)


def photos(rng: Rng, *, held_out: bool = False) -> Picture:
    """A part of a photo, 28 to 300 pixels a side, coloured or grey: of its left half or, held out, of its right."""
    photo = _photos()[int(rng.integers(len(_photos())))]
    middle = photo.shape[1] // 2
    half = photo[:, middle:] if held_out else photo[:, :middle]
    large = int(np.exp(rng.uniform(np.log(28), np.log(300))))
    part = cv2.resize(_part(rng, half), (large, large), interpolation=cv2.INTER_AREA)
    part = part[:, ::-1] if rng.random() < 0.5 else part
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY) if rng.random() < 0.5 else part, np.uint8)


def _part(rng: Rng, photo: Picture) -> Picture:
    """A square of a photo with something on it: not sky alone."""
    for _ in range(10):
        side = int(rng.uniform(0.15, 1) * min(photo.shape[:2]))
        top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
        part = photo[top : top + side, left : left + side]
        if float(part[::4, ::4].std()) > 20:
            break
    return part


NONDIGITS: dict[str, Draw] = {
    "noise": Unlimited(surfaces.pattern),
    "blank": Unlimited(surfaces.empty),
    "shapes": Unlimited(drawn_shapes),
    "blobs": Unlimited(blobs),
    "letters": letters,
    "lookalikes": lookalikes,
    "symbols": symbols,
    "words": words,
    "text page": text_page,
    "several digits": several_digits,
    "clothes": clothes,
    "photos": photos,
}


def _mnist(rng: Rng, *, held_out: bool) -> Ink:
    pictures = _pictures("MNIST", held_out=held_out)
    return np.asarray(pictures[int(rng.integers(len(pictures)))], np.uint8)


@lru_cache(maxsize=4)
def _pictures(name: str, *, held_out: bool) -> npt.NDArray[np.uint8]:
    """Of the training split: the first 55,000 pictures or, held out, the validation part; never the test split."""
    from training import data

    images = data.load("MNIST" if name == "MNIST" else "FashionMNIST", "train")
    part = data.validation_part(images) if held_out else images[slice(data.VALIDATION_START)]
    return np.asarray(part.pictures.numpy(), np.uint8)


@lru_cache(maxsize=1)
def _photos() -> tuple[npt.NDArray[np.uint8], ...]:
    """The photos that scikit-learn and matplotlib bring along."""
    from matplotlib import cbook
    from sklearn.datasets import load_sample_images

    portrait = Image.open(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return (*load_sample_images().images, np.asarray(portrait.convert("RGB")))
