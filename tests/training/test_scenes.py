"""Every factor and every kind: pictures that can be opened, the same for a seed, others for another seed."""

import io
import string
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from serving.reading import Ink
from training import data
from training.scenes import FACTORS, NONDIGITS, fonts, lettering, render, shapes
from training.scenes.digit import as_ink, deform
from training.scenes.hand import draw
from training.scenes.trace import middle_line, traced

pytestmark = pytest.mark.usefixtures("matplotlibs_fonts_alone")

LEAST_CONTRAST = 18
"""Levels of a colour between all but the lightest and the darkest pixels: a hair-thin pen covers one in a thousand."""


@pytest.fixture(scope="module")
def inks() -> Ink:
    return data.validation_part(data.load("MNIST", "train")).pictures[:20].numpy()


def _opened(file: bytes) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deep = image.mode.startswith(("I", "F"))
        pixels = np.asarray(image if deep else image.convert("RGBA"), np.float32)
    return pixels * (255 / pixels.max()) if deep else pixels


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_gives_a_picture_with_contrast_that_can_be_opened(name: str, inks: Ink):
    for seed, ink in enumerate(inks):
        pixels = _opened(FACTORS[name](ink, np.random.default_rng(seed)))
        assert min(pixels.shape[:2]) >= 8
        flat = pixels.reshape(pixels.shape[0] * pixels.shape[1], -1)
        low, high = np.percentile(flat, [0.02, 99.98], axis=0)
        assert (high - low).max() >= LEAST_CONTRAST


@pytest.mark.parametrize("name", FACTORS)
def test_every_factor_is_the_same_for_a_seed_and_another_for_another(name: str, inks: Ink):
    one, again = (FACTORS[name](inks[0], np.random.default_rng(7)) for _ in range(2))
    assert one == again
    if name != "28x28 inverted":
        assert len({FACTORS[name](inks[0], np.random.default_rng(seed)) for seed in range(8)}) > 1


@pytest.mark.parametrize("name", FACTORS)
def test_what_is_rendered_is_what_the_file_holds(name: str, inks: Ink):
    pixels = render(name, inks[3], np.random.default_rng(3))
    opened = _opened(FACTORS[name](inks[3], np.random.default_rng(3)))
    assert opened.shape[:2] == pixels.shape[:2]


@pytest.mark.parametrize("name", NONDIGITS)
@pytest.mark.parametrize("held_out", [False, True])
def test_every_kind_gives_pixels_the_same_for_a_seed(name: str, held_out: bool):
    seen = set()
    for seed in range(12):
        one, again = (NONDIGITS[name](np.random.default_rng(seed), held_out=held_out) for _ in range(2))
        assert one.dtype == np.uint8
        assert one.ndim == 2 or one.shape[2] == 3
        assert min(one.shape[:2]) >= 5
        np.testing.assert_array_equal(one, again)
        seen.add(one.tobytes())
    assert len(seen) == 12


@pytest.mark.parametrize("name", ["clothes", "photos", "several digits"])
def test_a_finite_source_has_other_pictures_held_out(name: str):
    shown, held = (
        {NONDIGITS[name](np.random.default_rng(s), held_out=h).tobytes() for s in range(8)} for h in (False, True)
    )
    assert shown != held


def test_matplotlibs_fonts_are_found_and_its_symbols_are_not():
    families = {font.family for font in fonts.find_fonts()}
    assert {"DejaVu Sans", "DejaVu Serif", "STIXGeneral", "cmr10"} <= families
    assert not {"cmsy10", "cmex10", "STIXNonUnicode", "DejaVu Sans Display", "Last Resort High-Efficiency"} & families


def test_no_maker_is_on_both_sides_of_the_split():
    shown, held = ({font.maker for font in side} for side in (fonts.training_fonts(), fonts.held_out_fonts()))
    assert not shown & held
    assert len(fonts.training_fonts()) + len(fonts.held_out_fonts()) == len(fonts.find_fonts())


def test_no_two_fonts_have_the_very_same_digits():
    drawn = [
        b"".join(fonts.render_glyph(font, digit, 40).tobytes() for digit in string.digits) for font in fonts.find_fonts()
    ]
    assert len(set(drawn)) == len(drawn)


def test_lookalikes_are_not_among_the_letters():
    assert not set(lettering.LOOKALIKES) & set(lettering.LETTERS)
    assert set(lettering.LOOKALIKES) | set(lettering.LETTERS) == set(string.ascii_letters)


def test_without_deformation_the_digit_stays_in_its_place(inks: Ink):
    for ink in inks:
        drawn = deform(ink, np.random.default_rng(0), 0.0) * 255
        assert np.corrcoef(drawn.ravel(), ink.ravel())[0, 1] > 0.93


def test_a_heavier_pen_covers_more(inks: Ink):
    for ink in inks:
        areas = [deform(ink, np.random.default_rng(0), 0.5, 112, weight).sum() for weight in (-0.3, 0.0, 0.3, 0.9)]
        assert areas == sorted(areas)


def test_a_middle_line_lies_on_the_digit_and_is_thin(inks: Ink):
    for ink in inks:
        mask = deform(ink, np.random.default_rng(0), 0.0, 56) > 0.5
        points, links = middle_line(mask)
        places = np.rint(points).astype(int)
        assert mask[places[:, 0], places[:, 1]].mean() > 0.95
        assert len(points) < mask.sum() / 2
        assert len(links) >= len(points) - 5


def test_a_traced_digit_has_the_size_asked_for(inks: Ink):
    for ink in inks:
        assert max(traced(ink, np.random.default_rng(0), 100, 4.0).shape) == pytest.approx(104, abs=6)


@pytest.mark.parametrize("name", shapes.SHAPES)
def test_every_shape_becomes_ink_in_28x28(name: str):
    rng = np.random.default_rng(0)
    ink = as_ink(draw(rng, shapes.SHAPES[name](rng), 60, 4))
    assert ink.shape == (28, 28)
    assert ink.max() > 200
