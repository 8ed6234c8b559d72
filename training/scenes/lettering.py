"""Letters, signs, words and pages that are no digits, from fonts, as if by hand at times."""

import string

import numpy as np

from serving.reading import Ink
from training.scenes import fonts
from training.scenes.digit import Layer, as_ink, stroke
from training.scenes.trace import traced

Rng = np.random.Generator

LOOKALIKES = "OoDQIlijJSsZzBbGqgyYT"
"""Letters that are digits to a reader who sees them alone: 0, 1, 2, 5, 8, 6, 9, 4 and 7, in this order."""
LETTERS = "".join(letter for letter in string.ascii_letters if letter not in LOOKALIKES)
SIGNS = '!?&%#@$*+=<>"~^:'
"""No bar, slash, bracket, dash, quote or dot, which are strokes that a one may be."""
FAINTEST = 0.5
"""Signs that a font lacks are left blank; the least coverage that is a sign at all."""


def _glyph_ink(rng: Rng, characters: str, *, held_out: bool) -> Ink:
    """One of the characters in a random font, as MNIST would have it."""
    for _ in range(20):
        glyph = fonts.render_glyph(fonts.choose(rng, held_out=held_out), characters[int(rng.integers(len(characters)))], 64)
        if glyph.max() > FAINTEST and min(glyph.shape) > 2:
            break
    return as_ink(glyph)


def letter(rng: Rng, *, held_out: bool = False) -> Ink:
    """A letter that is not like a digit. (28, 28) uint8."""
    return _glyph_ink(rng, LETTERS, held_out=held_out)


def lookalike(rng: Rng, *, held_out: bool = False) -> Ink:
    """A letter that is like a digit. (28, 28) uint8."""
    return _glyph_ink(rng, LOOKALIKES, held_out=held_out)


def sign(rng: Rng, *, held_out: bool = False) -> Ink:
    """A punctuation mark or a sign of arithmetic. (28, 28) uint8."""
    return _glyph_ink(rng, SIGNS, held_out=held_out)


def printed_digit(rng: Rng, digit: int, *, held_out: bool = False) -> Ink:
    """A digit in a random font, as MNIST would have it. (28, 28) uint8."""
    return _glyph_ink(rng, str(digit), held_out=held_out)


def by_hand(ink: Ink, rng: Rng, size: float) -> Layer:
    """An ink enlarged as digits are, or drawn anew along its middle with an even pen."""
    if rng.random() < 0.5:
        return traced(ink, rng, size, max(size * rng.uniform(0.04, 0.14), 1.0), 1.0)
    return stroke(ink, rng, size, 1.0, rng.uniform(-0.3, 0.3))


def row(layers: list[Layer], gaps: list[float]) -> Layer:
    """Layers beside each other on one base line, with gaps in pixels, that may be negative; overlaps stay as dark."""
    lefts, place = [], 0.0
    for layer, gap in zip(layers, [0.0, *gaps], strict=True):
        place += gap
        lefts.append(max(round(place), 0))
        place = lefts[-1] + layer.shape[1]
    height = max(layer.shape[0] for layer in layers)
    width = max(left + layer.shape[1] for left, layer in zip(lefts, layers, strict=True))
    whole = np.zeros((height, width), np.float32)
    for left, layer in zip(lefts, layers, strict=True):
        part = whole[height - layer.shape[0] :, left : left + layer.shape[1]]
        np.maximum(part, layer, out=part)
    return whole


def word(rng: Rng, *, held_out: bool = False) -> Layer:
    """Two to seven letters: set in a font, or each as by hand."""
    count = int(rng.integers(2, 8))
    letters = _some(rng, string.ascii_letters if rng.random() < 0.3 else string.ascii_lowercase, count)
    if rng.random() < 0.6:
        return fonts.render_glyph(fonts.choose(rng, held_out=held_out), letters, int(rng.integers(2, 9)) * 8)
    size = rng.uniform(20, 60)
    drawn = [by_hand(letter(rng, held_out=held_out), rng, size * rng.uniform(0.7, 1)) for _ in letters]
    return row(drawn, [size * rng.uniform(-0.05, 0.25) for _ in drawn[1:]])


def page(rng: Rng, *, held_out: bool = False) -> Layer:
    """Lines of text from border to border, as of a book's page, cut anywhere. 100 to 260 pixels a side."""
    height, width = int(rng.integers(100, 260)), int(rng.integers(100, 260))
    font, size = fonts.choose(rng, held_out=held_out), int(rng.integers(9, 22))
    step = max(round(size * rng.uniform(1.2, 1.6)), 1)
    cover = np.zeros((height, width), np.float32)
    printed = [fonts.render_glyph(font, _sentence(rng, width // 4), size) for _ in range(4)]
    for top in range(int(rng.integers(-step, 4)), height, step):
        line = printed[int(rng.integers(len(printed)))][:, :width]
        first, last = max(top, 0), min(top + line.shape[0], height)
        if first < last:
            cover[first:last, : line.shape[1]] = line[first - top : last - top]
    return cover


def _sentence(rng: Rng, count: int) -> str:
    """So many letters and spaces, one of six a space."""
    return _some(rng, string.ascii_lowercase + " " * 5, count).strip() or "a"


def _some(rng: Rng, characters: str, count: int) -> str:
    return "".join(characters[place] for place in rng.integers(len(characters), size=count))
