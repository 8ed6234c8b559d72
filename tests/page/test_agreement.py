"""The service and the browser say the same of the same picture."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from agreeing import Pair, asked
from brokenfiles import BYTES
from handwriting import drawing
from visiting import Visit

from serving.reading import Ink, Limits, Reason
from serving.reading.refusal import MESSAGES
from training import data
from training.scenes import FACTORS, NONDIGITS, files

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("runtime", "matplotlibs_fonts_alone")]

JPEGS = ("low JPEG", "phone photo", "large photo", "EXIF", "CMYK")
LOSSY = ("WebP",)
UNREAD = ("float TIFF",)
"""Browsers do not read TIFF."""
EXACTLY = 1e-4
MOST_OTHERS = 0.01
"""Of JPEGs, which browsers decode otherwise, so many may be another digit."""


def pictures(of: Callable[[str], int], rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Kinds with pictures: the bytes of files, and strokes. of: how many of a kind."""
    inks = data.validation_part(data.load("MNIST", "train")).pictures.numpy()
    for name, factor in FACTORS.items():
        if name not in UNREAD:
            yield from ((name, factor(rng.choice(inks), rng)) for _ in range(of(name)))
    for name, other in NONDIGITS.items():
        yield from ((name, files.png(other(rng), rng)) for _ in range(of(name)))
    yield from (("large photo", large_photo(rng.choice(inks), rng)) for _ in range(of("large photo")))
    yield from (("MNIST", files.png(rng.choice(inks), rng)) for _ in range(of("MNIST")))
    yield from (("drawing", {"strokes": drawing(rng)}) for _ in range(of("drawing")))


def large_photo(ink: Ink, rng: np.random.Generator) -> bytes:
    """A photo so large that the service decodes it to a half, a quarter or an eighth."""
    photo, scale = FACTORS["phone photo"].draw(ink, rng), rng.choice([1.5, 3, 5])
    return files.jpeg(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), rng)


def check(pairs: list[Pair]) -> None:
    exact = [pair for pair in pairs if pair.kind not in JPEGS + LOSSY]
    assert [(pair.kind, pair.service, pair.browser) for pair in exact if not pair.is_same or pair.apart > EXACTLY] == []
    jpegs = [pair for pair in pairs if pair.kind in JPEGS]
    others = [pair for pair in jpegs if pair.service["digit"] != pair.browser["digit"]]
    assert len(others) <= MOST_OTHERS * len(jpegs), [(pair.kind, pair.service, pair.browser) for pair in others]


def test_one_picture_of_each_kind_is_answered_alike(desk: Visit) -> None:
    pairs = asked(desk.page, pictures(lambda kind: int(not kind.endswith("photo")), np.random.default_rng(0)))
    assert len(pairs) > 60
    check(pairs)


@pytest.mark.slow
def test_a_thousand_pictures_are_answered_alike(desk: Visit) -> None:
    counts = {"phone photo": 20, "large photo": 20, "low JPEG": 60, "EXIF": 60, "CMYK": 60, "MNIST": 60, "drawing": 110}
    counts |= dict.fromkeys(("GIF", "BMP", "WebP"), 10) | dict.fromkeys(NONDIGITS, 8)
    pairs = asked(desk.page, pictures(lambda kind: counts.get(kind, 12), np.random.default_rng(1)))
    assert len(pairs) >= 1000
    statuses = Counter(pair.service["status"] for pair in pairs)
    assert min(statuses[one] for one in ("digit", "unsure", "not_a_digit")) >= 10, "all kinds of answers are among them"
    check(pairs)


def test_what_cannot_be_read_is_refused_alike(desk: Visit, digits: list[bytes]) -> None:
    desk.failures_are_expected = True  # 422, where all of a request's files are refused
    blank = files.png(np.full((40, 60), 255, np.uint8), np.random.default_rng(0))
    refused = [(kind, make(digits[7])) for kind, (_, make) in BYTES.items() if "tiff" not in kind]
    pairs = asked(desk.page, [*refused, ("fat", digits[7] + bytes(Limits().max_bytes)), ("blank", blank)])
    assert [(pair.kind, pair.service["reason"], pair.browser["reason"]) for pair in pairs if not pair.is_same] == []
    assert {pair.browser["reason"] for pair in pairs} == {*MESSAGES} - {Reason.UNREADABLE, Reason.CRASHED} | {None}
    assert pairs[-1].browser["status"] == "blank"
