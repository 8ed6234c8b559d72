"""One picture's whole way, drawn: every step from what was uploaded to the 28x28, and what the model answers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from serving import drawing
from serving.catalogue import Model
from serving.classifier import classify
from serving.drawing import BLACK, BLUE, GREEN, GREY, LINE, RED, Canvas, Shown
from serving.original import original
from serving.outcome import answer
from serving.reading import SIDE, How, Limits, Reading, read

PANEL, GAP, PER_ROW = 8 * SIDE, 16, 4
"""Pixels: of a panel's side, a whole multiple of 28, and between things. Panels in one row."""
TITLE = LINE + 4
NAMES, VALUES = 110, 70
"""Pixels: the columns of the bars' names, at most, and of their values."""
UPLOADED, SEEN = "uploaded", "what the network sees"


@dataclass(frozen=True, slots=True)
class Steps:
    """What one reading went through, in order: each step's name and picture."""

    panels: list[tuple[str, Shown]] = field(default_factory=list)

    def add(self, name: str, picture: Shown) -> None:
        """Take down one step; a copy, because what a reading works on may change afterwards."""
        self.panels.append((name, picture.copy()))


def look(data: bytes, source: str, model: Model, limits: Limits) -> tuple[Canvas, dict[str, Any]]:
    """Draw how one picture is read and answered, beside the answer object. Raises ImageRejected.

    source: the file's path, for the title.
    """
    steps = Steps()
    reading = read(data, model.card.reading, limits, steps.add)
    (outcome,) = classify([data], model, limits)
    told = answer(outcome, source, 0, model.identity, model.card)
    return draw(_panels(original(data, limits), steps, reading), reading, told, model.card.classes), told


def _panels(uploaded: Shown, steps: Steps, reading: Reading) -> list[tuple[str, Shown]]:
    """The steps between the uploaded picture and the 28x28, these two included, neither of them twice."""
    panels = steps.panels
    if not panels or not np.array_equal(panels[0][1], uploaded):
        panels = [(UPLOADED, uploaded), *panels]
    if not np.array_equal(panels[-1][1], reading.picture) or len(panels) == 1:
        panels = [*panels, (SEEN, reading.picture)]
    return panels


def draw(panels: Sequence[tuple[str, Shown]], reading: Reading, told: dict[str, Any], classes: Sequence[str]) -> Canvas:
    """The steps picture: the panels, PER_ROW in a row, and below them how it was read and what was answered."""
    rows = -(-len(panels) // PER_ROW)
    caption = [*_how(reading), *_answer(told)]
    above = GAP + TITLE + rows * (TITLE + LINE + PANEL + GAP)
    below = LINE * max(len(caption), len(classes) + 1) + 2 * GAP
    onto = drawing.canvas(above + below, GAP + PER_ROW * (PANEL + GAP))
    drawing.write(onto, f"{told['source']}, read for {told['model']}", GAP, GAP + 14, onto.shape[1] - 2 * GAP)
    for place, (name, picture) in enumerate(panels):
        left, top = GAP + place % PER_ROW * (PANEL + GAP), GAP + TITLE + place // PER_ROW * (TITLE + LINE + PANEL + GAP)
        height, width = picture.shape[:2]
        if reading.how is not None and not place:  # the uploaded picture may come smaller than it is
            height, width = reading.how.height, reading.how.width
        _panel(onto, f"{place + 1}. {name}", f"{width:,} x {height:,}", picture, left, top)
    if reading.how is not None and reading.how.box is not None:
        _box(onto, reading.how, reading.how.box, GAP, GAP + 2 * TITLE)
    half = (onto.shape[1] - 3 * GAP) // 2
    for line, (words, colour) in enumerate(caption):
        drawing.write(onto, words, GAP, above + GAP + line * LINE, half, colour)
    if told["probabilities"] is not None:
        _bars(onto, told, classes, 2 * GAP + half, above + GAP, half)
    return onto


def _panel(onto: Canvas, title: str, size: str, picture: Shown, left: int, top: int) -> None:
    drawing.write(onto, title, left, top + 16, PANEL)
    drawing.put(onto, drawing.fit(picture, PANEL), left, top + TITLE)
    drawing.outline(onto, left - 1, top + TITLE - 1, left + PANEL, top + TITLE + PANEL, drawing.PALE)
    drawing.write(onto, size, left, top + TITLE + PANEL + 16, PANEL, GREY)


def _box(onto: Canvas, how: How, box: tuple[float, float, float, float], left: int, top: int) -> None:
    """Outline what was read on the first panel, which is the uploaded picture, whatever size it was decoded to."""
    factor = PANEL / max(how.width, how.height)
    x, y = left + (PANEL - how.width * factor) / 2, top + (PANEL - how.height * factor) / 2
    near, far = (
        (round(x + box[0] * factor), round(y + box[1] * factor)),
        (round(x + box[2] * factor), round(y + box[3] * factor)),
    )
    drawing.outline(onto, *near, *far, RED)


def _how(reading: Reading) -> Iterator[tuple[str, drawing.Colour]]:
    if reading.how is not None:
        for words in _words(reading.how):
            yield words, BLACK
    if reading.is_clutter:
        yield "what was found is spread as no digit is", RED


def _words(how: How) -> Iterator[str]:
    turned = "upright" if how.orientation == 1 else f"EXIF orientation {how.orientation} undone"
    yield f"size: {how.width:,} x {how.height:,} pixels, {turned}"
    yield "ink: not looked for" if how.ink is None else f"ink: {how.ink}"
    if how.box is not None:
        left, top, right, bottom = how.box
        yield f"box: x {left:,.1f} to {right:,.1f}, y {top:,.1f} to {bottom:,.1f}"
    yield f"scale: {how.scale:.4g}, shifted to x {how.shift[0]:.2f}, y {how.shift[1]:.2f} of the 28x28"
    yield f"removed: {', '.join(sorted(how.removed)) or 'nothing'}"


def _answer(told: dict[str, Any]) -> Iterator[tuple[str, drawing.Colour]]:
    yield "", BLACK
    yield f"status: {told['status']}", GREEN if told["status"] == "digit" else RED
    if told["digit"] is None:
        yield "no ink was found on it", BLACK
    else:
        yield f"{'answer' if told['status'] == 'digit' else 'best guess'}: {told['name']}, {told['confidence']:.2%}", BLACK


def _bars(onto: Canvas, told: dict[str, Any], classes: Sequence[str], left: int, top: int, width: int) -> None:
    """A bar a class; the answer's own stands out."""
    names = min(NAMES, max(map(drawing.width_of, classes)) + 8)
    for label, (name, probability) in enumerate(zip(classes, told["probabilities"], strict=True)):
        baseline = top + label * LINE
        drawing.write(onto, name, left, baseline, names - 8)
        colour = BLUE if label == told["digit"] else GREY
        drawing.bar(onto, left + names, baseline - 12, width - names - VALUES, 14, probability, colour)
        drawing.write(onto, f"{probability:.2%}", left + width - VALUES + 8, baseline, VALUES - 8)
