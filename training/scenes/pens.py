"""Factors of the pen, of the digit's size and place, and of the camera. All: (ink, rng) to pixels."""

import numpy as np

from serving.reading import Ink
from training.scenes.camera import Picture, blurred, develop, eight_bits, jpeged, noisy, shaken, tilted
from training.scenes.digit import Placed, canvas_shape, lay, settle, stroke, write
from training.scenes.paper import Canvas, clouds, fibres, gradient, grey, mix, noise, shade, sheet
from training.scenes.trace import traced

Rng = np.random.Generator
MARGIN = (0.06, 0.06, 0.06, 0.06)


def _dark_on_light(rng: Rng, digit: Placed) -> Canvas:
    return mix(sheet(digit.cover.shape, grey(rng, 205, 255)), grey(rng, 10, 80), digit.cover)


def hairline(ink: Ink, rng: Rng) -> Picture:
    """A hair-thin pen: one or two pixels on a large canvas."""
    shape = canvas_shape(rng, 110, 300)
    digit = traced(ink, rng, min(shape) * rng.uniform(0.45, 0.75), float(rng.choice([1, 1, 2])))
    return develop(rng, _dark_on_light(rng, settle(digit, rng, shape, MARGIN)), blur=0.4)


def marker(ink: Ink, rng: Rng) -> Picture:
    """A thick marker; small loops nearly close."""
    digit = write(ink, rng, share=(0.5, 0.8), weight=rng.uniform(0.4, 1.0))
    return develop(rng, _dark_on_light(rng, digit))


def pencil(ink: Ink, rng: Rng) -> Picture:
    """A pencil: thin, grey, grainy on paper that shows its own grain."""
    shape = canvas_shape(rng, 90, 240)
    size = min(shape) * rng.uniform(0.45, 0.75)
    digit = settle(traced(ink, rng, size, max(size * rng.uniform(0.02, 0.045), 1)), rng, shape, MARGIN)
    grain = np.clip(
        np.float32(0.75) + np.float32(0.3) * noise(rng, shape) + np.float32(0.12) * clouds(rng, shape, 6.0), 0, 1
    )
    paper = sheet(shape, grey(rng, 215, 250)) + fibres(rng, shape, rng.uniform(1, 4))
    return develop(rng, mix(paper, grey(rng, 70, 125), digit.cover * grain))


def fills_frame(ink: Ink, rng: Rng) -> Picture:
    """The digit touches the picture's border, or nearly."""
    digit = stroke(ink, rng, float(np.exp(rng.uniform(np.log(40), np.log(200)))))
    pad = rng.integers(0, 4, 4) * (rng.random(4) < 0.6)
    shape = (digit.shape[0] + int(pad[0] + pad[1]), digit.shape[1] + int(pad[2] + pad[3]))
    return develop(rng, _dark_on_light(rng, lay(digit, shape, int(pad[0]), int(pad[2]))))


def tiny(ink: Ink, rng: Rng) -> Picture:
    """A digit of 3 to 8 % of the width of a wide canvas, at least 11 pixels."""
    width = int(rng.integers(250, 520))
    shape = (int(width * rng.uniform(0.4, 0.8)), width)
    digit = settle(stroke(ink, rng, max(width * rng.uniform(0.03, 0.08), 11.0)), rng, shape, MARGIN)
    return develop(rng, _dark_on_light(rng, digit), blur=0.4, grain=1.5)


def turned(ink: Ink, rng: Rng) -> Picture:
    """Turned by 5 to 15 degrees either way."""
    angle = np.deg2rad(rng.uniform(5, 15)) * rng.choice([-1, 1])
    return develop(rng, tilted(rng, _dark_on_light(rng, write(ink, rng, margin=(0.12,) * 4)), 0.0, float(angle)))


def perspective(ink: Ink, rng: Rng) -> Picture:
    """Seen from aside."""
    return develop(rng, tilted(rng, _dark_on_light(rng, write(ink, rng, margin=(0.16,) * 4)), 0.13))


def sensor_noise(ink: Ink, rng: Rng) -> Picture:
    """A dark room: noise of 12 to 32 grey levels."""
    return eight_bits(noisy(rng, _dark_on_light(rng, write(ink, rng)), rng.uniform(12, 32)))


def out_of_focus(ink: Ink, rng: Rng) -> Picture:
    """Gaussian blur, sigma 2.5 to 6 % of the digit."""
    digit = write(ink, rng)
    return develop(rng, blurred(_dark_on_light(rng, digit), digit.size * rng.uniform(0.025, 0.06)), blur=0)


def motion(ink: Ink, rng: Rng) -> Picture:
    """Moved while the shutter was open, by 6 to 15 % of the digit."""
    digit = write(ink, rng)
    return develop(rng, shaken(rng, _dark_on_light(rng, digit), digit.size * rng.uniform(0.06, 0.15)), blur=0)


def low_jpeg(ink: Ink, rng: Rng) -> Picture:
    """Through JPEG at quality 10 to 40."""
    return jpeged(develop(rng, _dark_on_light(rng, write(ink, rng))), int(rng.integers(10, 41)))


def phone_photo(ink: Ink, rng: Rng) -> Picture:
    """A phone's photo, about 600x800: all of it mildly: light that falls, colour cast, grain, turn, blur, noise, JPEG."""
    shape = (800, 600) if rng.random() < 0.6 else (600, 800)
    digit = write(ink, rng, shape, (0.25, 0.7))
    cast = np.array([rng.uniform(0.9, 1.08), 1.0, rng.uniform(0.8, 1.05)], np.float32)
    pen = np.array([rng.uniform(15, 70), rng.uniform(15, 70), rng.uniform(20, 120)], np.float32)
    # Of even paper only the pen's coverage has to be turned and blurred, which is a third of the work.
    cover = np.clip(blurred(tilted(rng, digit.cover, 0.03, rng.normal(0, 0.06)), rng.uniform(0.5, 2)), 0, 1)
    light = gradient(rng, shape, rng.uniform(0.55, 0.9)) + noise(rng, shape) * np.float32(rng.uniform(0.005, 0.025))
    canvas = shade(mix(sheet((1, 1), cast * np.float32(rng.uniform(190, 235))), pen * cast, cover), light)
    return jpeged(eight_bits(canvas), int(rng.integers(60, 92)))


def off_centre(ink: Ink, rng: Rng) -> Picture:
    """28x28 as the data set has it, but shifted by two to four pixels, as far as the border allows."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    down, right = (int(rng.integers(2, 5)) * int(rng.choice([-1, 1])) for _ in range(2))
    down = int(np.clip(down, -rows[0], 27 - rows[-1])) if len(rows) else 0
    right = int(np.clip(right, -columns[0], 27 - columns[-1])) if len(columns) else 0
    return np.roll(ink, (down, right), (0, 1))


def inverted(ink: Ink, rng: Rng) -> Picture:
    """28x28 as the data set has it, dark on white."""
    del rng
    return 255 - ink
