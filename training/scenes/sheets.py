"""Factors of the paper: shade, colour, light, lines, texture. All: (ink, rng) to pixels."""

import numpy as np

from serving.reading import Ink
from training.scenes.camera import Picture, develop
from training.scenes.clutter import glare
from training.scenes.digit import write
from training.scenes.paper import (
    PAPERS,
    PENS,
    Colour,
    clouds,
    equal_pair,
    fibres,
    gradient,
    grey,
    half_plane,
    mix,
    noise,
    pick,
    ruling,
    shade,
    sheet,
)

Rng = np.random.Generator


def plain(ink: Ink, rng: Rng) -> Picture:
    """Dark on white."""
    digit = write(ink, rng)
    return develop(rng, mix(sheet(digit.cover.shape, grey(rng, 225, 255)), grey(rng, 0, 70), digit.cover))


def light_on_dark(ink: Ink, rng: Rng) -> Picture:
    """Light on dark."""
    digit = write(ink, rng)
    return develop(rng, mix(sheet(digit.cover.shape, grey(rng, 0, 50)), grey(rng, 180, 255), digit.cover))


def grey_paper(ink: Ink, rng: Rng) -> Picture:
    """Paper between dark grey and light grey, the pen darker or, on dark paper, lighter by 70 to 140 levels."""
    digit = write(ink, rng)
    paper = rng.uniform(90, 200)
    pen = paper - rng.uniform(70, 140) if paper > 140 else paper + rng.uniform(70, 110)
    return develop(rng, mix(sheet(digit.cover.shape, float(paper)), float(max(pen, 0)), digit.cover))


def coloured(ink: Ink, rng: Rng) -> Picture:
    """A coloured pen on coloured paper with ordinary contrast."""
    digit = write(ink, rng)
    return develop(rng, mix(sheet(digit.cover.shape, pick(rng, PAPERS)), pick(rng, PENS), digit.cover))


def equally_light(ink: Ink, rng: Rng) -> Picture:
    """Colour on colour, nearly equally light: at most 14 grey levels apart, as red on grey-green."""
    digit = write(ink, rng)
    paper, pen = equal_pair(rng, 14)
    return develop(rng, mix(sheet(digit.cover.shape, paper), pen, digit.cover))


def light_falls(ink: Ink, rng: Rng) -> Picture:
    """A gradient of light over the paper: the darkest side has 20 to 50 % of the brightest's."""
    digit = write(ink, rng)
    canvas = mix(sheet(digit.cover.shape, grey(rng, 210, 250)), grey(rng, 20, 80), digit.cover)
    return develop(rng, shade(canvas, gradient(rng, digit.cover.shape, rng.uniform(0.2, 0.5))))


def shadow(ink: Ink, rng: Rng) -> Picture:
    """A hand's or a phone's shadow with a hard edge, that crosses the digit; it takes 35 to 65 % of the light."""
    digit = write(ink, rng)
    canvas = mix(sheet(digit.cover.shape, grey(rng, 215, 250)), grey(rng, 15, 70), digit.cover)
    point = (rng.uniform(digit.top, digit.bottom), rng.uniform(digit.left, digit.right))
    dark = half_plane(digit.cover.shape, point, rng.uniform(0, 2 * np.pi), rng.uniform(1, 0.06 * max(digit.cover.shape)))
    if rng.random() < 0.4:  # a phone's corner
        dark = dark * half_plane(digit.cover.shape, point, rng.uniform(0, 2 * np.pi), rng.uniform(1, 6))
    return develop(rng, shade(canvas, 1 - np.float32(rng.uniform(0.35, 0.65)) * dark))


def _line_colour(rng: Rng, pen: float) -> Colour:
    """Printed lines are blue or grey, and mostly paler than the pen."""
    if rng.random() < 0.5:
        return np.array([rng.uniform(90, 170), rng.uniform(140, 190), rng.uniform(200, 240)], np.float32)
    return np.full(3, rng.uniform(max(pen, 60), 205), np.float32)


def ruled(ink: Ink, rng: Rng) -> Picture:
    """Ruled paper: level blue or grey lines behind the digit, thinner and mostly paler than the pen."""
    digit = write(ink, rng)
    shape, pen = digit.cover.shape, rng.uniform(10, 70)
    canvas = sheet(shape, np.full(3, rng.uniform(225, 255), np.float32))
    colour, thickness = _line_colour(rng, pen), max(digit.size * rng.uniform(0.012, 0.04), 0.7)
    lines = ruling(rng, shape, digit.size * rng.uniform(0.3, 1.3), thickness, rng.normal(0, 0.015))
    return develop(rng, mix(mix(canvas, colour, lines), np.full(3, pen, np.float32), digit.cover))


def squared(ink: Ink, rng: Rng) -> Picture:
    """Squared paper: lines both ways behind the digit."""
    digit = write(ink, rng)
    shape, pen = digit.cover.shape, rng.uniform(10, 70)
    canvas = sheet(shape, np.full(3, rng.uniform(225, 255), np.float32))
    colour, thickness = _line_colour(rng, pen), max(digit.size * rng.uniform(0.012, 0.03), 0.7)
    gap, angle = digit.size * rng.uniform(0.22, 0.7), rng.normal(0, 0.015)
    lines = np.maximum(ruling(rng, shape, gap, thickness, angle), ruling(rng, shape[::-1], gap, thickness, -angle).T)
    return develop(rng, mix(mix(canvas, colour, lines), np.full(3, pen, np.float32), digit.cover))


def textured(ink: Ink, rng: Rng) -> Picture:
    """Paper with a grain: recycled paper, newsprint, card."""
    digit = write(ink, rng)
    colour = np.array([1.0, rng.uniform(0.9, 1), rng.uniform(0.75, 1)], np.float32) * np.float32(rng.uniform(170, 235))
    texture = fibres(rng, digit.cover.shape, rng.uniform(6, 18))
    canvas = sheet(digit.cover.shape, colour) + texture[:, :, None]
    return develop(rng, mix(canvas, np.full(3, rng.uniform(10, 60), np.float32), digit.cover))


def low_contrast(ink: Ink, rng: Rng) -> Picture:
    """A pale pen: 30 to 55 grey levels between ink and paper, either way."""
    digit = write(ink, rng)
    paper = rng.uniform(70, 240)
    apart = rng.uniform(30, 55) * (-1 if paper > 130 or rng.random() < 0.3 else 1)
    return develop(rng, mix(sheet(digit.cover.shape, float(paper)), float(paper + apart), digit.cover), grain=1.5)


def blackboard(ink: Ink, rng: Rng) -> Picture:
    """Chalk on a blackboard: a light, broken line on dark green or black with wiped chalk dust."""
    digit = write(ink, rng, weight=-0.15)
    shape = digit.cover.shape
    board = np.array([rng.uniform(20, 50), rng.uniform(40, 80), rng.uniform(30, 60)], np.float32)
    board = board if rng.random() < 0.7 else np.full(3, rng.uniform(25, 55), np.float32)
    smear = clouds(rng, shape, 0.15 * max(shape), 2.0) * np.float32(rng.uniform(2, 8)) + noise(rng, shape) * np.float32(3)
    chalk = np.clip(digit.cover * (np.float32(0.78) + np.float32(0.28) * noise(rng, shape)), 0, 1)
    colour = np.full(3, rng.uniform(195, 245), np.float32)
    return develop(rng, mix(sheet(shape, board) + smear[:, :, None], colour, chalk))


def whiteboard(ink: Ink, rng: Rng) -> Picture:
    """A marker on a whiteboard: streaky colour, traces of what was wiped off, a lamp's glare that washes out."""
    digit = write(ink, rng, weight=0.15)
    shape = digit.cover.shape
    pens = ((30, 30, 35), (30, 60, 170), (190, 35, 40), (20, 120, 60))
    board = sheet(shape, np.full(3, rng.uniform(175, 215), np.float32))
    board = board - np.clip(clouds(rng, shape, 0.12 * max(shape), 3.0), 0, 2)[:, :, None] * np.float32(rng.uniform(2, 9))
    streaks = np.clip(np.float32(0.88) + np.float32(0.12) * clouds(rng, shape, 2.5, 3.0), 0.5, 1)
    canvas = shade(mix(board, pick(rng, pens), digit.cover * streaks), gradient(rng, shape, rng.uniform(0.75, 1)))
    return develop(rng, mix(canvas, np.full(3, 255, np.float32), glare(rng, shape) * np.float32(rng.uniform(0.3, 0.75))))
