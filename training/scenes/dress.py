"""Something drawn, a layer, made into a picture that might be uploaded: some paper, some pen, some camera."""

import numpy as np

from training.scenes.camera import Picture, develop, jpeged
from training.scenes.digit import Layer
from training.scenes.paper import PAPERS, PENS, Canvas, fibres, gradient, grey, mix, pick, ruling, shade, sheet

Rng = np.random.Generator


def dress(cover: Layer, rng: Rng) -> Picture:
    """A layer, (H, W), in some ink on some paper through some camera."""
    canvas = _inked(cover, rng)
    if rng.random() < 0.25:
        canvas = shade(canvas, gradient(rng, cover.shape, rng.uniform(0.5, 0.95)))
    picture = develop(rng, canvas, blur=1.0, grain=5.0)
    return jpeged(picture, int(rng.integers(30, 95))) if rng.random() < 0.25 else picture


def _inked(cover: Layer, rng: Rng) -> Canvas:
    shape, kind = (cover.shape[0], cover.shape[1]), rng.random()
    if kind < 0.35:
        return mix(sheet(shape, grey(rng, 200, 255)), grey(rng, 0, 90), cover)
    if kind < 0.6:
        return mix(sheet(shape, grey(rng, 0, 60)), grey(rng, 160, 255), cover)
    if kind < 0.8:
        return mix(sheet(shape, pick(rng, PAPERS)), pick(rng, PENS), cover)
    if kind < 0.9:
        paper = sheet(shape, grey(rng, 170, 240)) + fibres(rng, shape, rng.uniform(4, 14))
        return mix(paper, grey(rng, 0, 70), cover)
    lines = ruling(rng, shape, max(shape) * rng.uniform(0.08, 0.3), 1.0)
    return mix(mix(sheet(shape, grey(rng, 220, 255)), grey(rng, 120, 200), lines), grey(rng, 0, 70), cover)
