"""What went wrong, as pictures to look at: beside each uploaded picture what was read of it, the truth and the answer."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from serving import drawing
from serving.drawing import BLACK, GREY, LINE, RED, Canvas
from serving.evaluation.answers import Answered
from serving.folder.sources import contents
from serving.original import original
from serving.outcome import Rejection
from serving.reading import ImageRejected, Limits

MOST = 200
"""Wrong answers that are shown."""
COLUMNS, ROWS = 3, 20
"""Of one page; 60 wrong answers, read row by row."""
SIDE, GAP, WORDS = 96, 8, 232
"""Pixels: of a picture, between things, and of the words' column."""
WIDTH, HEIGHT, HEADER = 2 * SIDE + WORDS + 4 * GAP, SIDE + 2 * GAP, 32
"""Pixels: of one wrong answer with the gaps around it, and the height of a page's header."""


def wrong_ones(answered: Iterable[Answered]) -> list[Answered]:
    """The wrong answers, the most confident first; those without a guess are the last. At most 200."""
    wrong = [one for one in answered if not one.is_right]
    return sorted(wrong, key=lambda one: -(one.told["confidence"] or 0))[:MOST]


def name(page: int) -> str:
    """The name of a page's file: wrong.png, wrong-2.png, ..."""
    return "wrong.png" if page == 1 else f"wrong-{page}.png"


def is_page(path: Path) -> bool:
    """Whether a file has the name of a page."""
    number = path.stem.removeprefix("wrong-")
    return path.suffix == ".png" and (path.stem == "wrong" or (number != path.stem and number.isdecimal()))


def pages(wrong: Sequence[Answered], classes: Sequence[str], limits: Limits, total: int) -> Iterator[Canvas]:
    """Draw the wrong answers, as many pages as they need. total: how many there are, those not shown included."""
    for first in range(0, len(wrong), COLUMNS * ROWS):
        shown = wrong[first : first + COLUMNS * ROWS]
        title = f"{shown[0].told['model']}: {first + 1:,} to {first + len(shown):,} of {total:,} wrong, most confident first"
        yield _page(shown, classes, limits, title)


def _page(shown: Sequence[Answered], classes: Sequence[str], limits: Limits, title: str) -> Canvas:
    page = drawing.canvas(HEADER + -(-len(shown) // COLUMNS) * HEIGHT, COLUMNS * WIDTH)
    drawing.write(page, title, GAP, HEADER - 10, page.shape[1] - 2 * GAP)
    for place, one in enumerate(shown):
        left, top = place % COLUMNS * WIDTH, HEADER + place // COLUMNS * HEIGHT
        page[top : top + HEIGHT, left : left + WIDTH] = _entry(one, classes, limits)
    return page


def _entry(one: Answered, classes: Sequence[str], limits: Limits) -> Canvas:
    """(HEIGHT, WIDTH, 3): the uploaded picture, what was read, and the words."""
    entry = drawing.canvas(HEIGHT, WIDTH)
    entry[0] = drawing.PALE
    drawing.put(entry, _original(one, limits), GAP, GAP)
    read = _nothing() if one.picture is None else drawing.fit(one.picture, SIDE)
    drawing.put(entry, read, SIDE + 2 * GAP, GAP)
    for line, (words, colour) in enumerate(_words(one, classes)):
        drawing.write(entry, words, 2 * SIDE + 3 * GAP, GAP + 14 + line * (LINE + 3), WORDS, colour)
    return entry


def _original(one: Answered, limits: Limits) -> Canvas:
    data = contents(one.labelled.path, limits)
    if isinstance(data, Rejection):
        return _nothing()
    try:
        return drawing.fit(original(data, limits), SIDE)
    except ImageRejected:
        return _nothing()


def _nothing() -> Canvas:
    """In the place of a picture that there is none of: a crossed square."""
    square = drawing.canvas(SIDE, SIDE, drawing.PALE)
    diagonal = np.arange(SIDE)
    square[diagonal, diagonal] = square[diagonal, SIDE - 1 - diagonal] = GREY
    return square


def _words(one: Answered, classes: Sequence[str]) -> Iterator[tuple[str, drawing.Colour]]:
    yield f"truth: {classes[one.labelled.label]}", BLACK
    if one.told["digit"] is None:
        yield "no guess", RED
        yield one.told["reason"] or one.told["status"], RED
    else:
        yield f"guess: {one.told['name']}, {one.told['confidence']:.1%}", RED
        yield one.told["status"], RED if one.told["status"] == "digit" else GREY
    yield one.labelled.path.name, GREY
