import io
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image

from serving.reading import Limits, Reading, read
from serving.reading import ink as ink_module
from serving.reading.frame import has_frame, inside_frame
from serving.reading.paper import DARKEST_PAPER, flatten, on_clean_paper, polarity
from serving.reading.pieces import Pieces, parted, pieces_of

LIMITS = Limits()
PAPER, PEN = 235, 25
STROKES = {
    0: [[(50 + 26 * np.cos(turn), 50 + 40 * np.sin(turn)) for turn in np.linspace(0, 2 * np.pi, 40)]],
    4: [[(60, 90), (60, 10), (20, 62), (82, 62)]],
    5: [[(30, 12), (28, 45), (55, 40), (74, 58), (66, 82), (40, 90), (24, 80)], [(30, 12), (75, 12)]],
    7: [[(20, 12), (80, 12), (45, 90)]],
}
"""Pen strokes of digits, in a square of 100."""
DIGITS = sorted(STROKES)
SAME = 2.0
"""Mean grey levels between two readings of one digit; those of two digits are more than 20 apart."""
ALIKE = 7.0
"""The same where something was taken away that had touched the digit."""


def on(
    shape: tuple[int, int], digit: int, size: float, at: tuple[float, float], pen: int = 10, paper: int = PAPER
) -> np.ndarray:
    """A sheet, (H, W) uint8, with a digit on it; at: x and y of its square's left top corner."""
    sheet = np.full(shape, paper, np.uint8)
    for stroke in STROKES[digit]:
        places = np.rint((np.array(stroke) * size / 100 + at) * 16).astype(np.int32)
        cv2.polylines(sheet, [places], isClosed=False, color=PEN, thickness=pen, lineType=cv2.LINE_AA, shift=4)
    return sheet


def written(digit: int) -> np.ndarray:
    """A digit in the middle of a large enough sheet, (200, 200)."""
    return on((200, 200), digit, 100, (50, 50))


def bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Of what is true: left, top, right, bottom, the ends excluded."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def encode(picture: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def look(picture: np.ndarray) -> Reading:
    return read(encode(picture), "digit", LIMITS)


def apart(first: Reading, second: Reading) -> float:
    """Mean grey levels between two readings, where they lie best on each other; a pixel to any side is a rounding's."""
    shifts = (np.roll(first.picture.astype(int), (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1))
    return min(float(np.abs(shifted - second.picture).mean()) for shifted in shifts)


def removed(reading: Reading) -> set[str]:
    assert reading.how is not None
    return set(reading.how.removed)


def box(reading: Reading) -> tuple[float, float, float, float]:
    assert reading.how is not None
    assert reading.how.box is not None
    return reading.how.box


def pieces(reading: Reading) -> int:
    """How many pieces the ink of a reading is in."""
    return int(cv2.connectedComponents((reading.picture > 64).astype(np.uint8))[0]) - 1


def reads_as_written(picture: np.ndarray, digit: int, most: float = SAME) -> None:
    assert apart(look(picture), look(written(digit))) < most


def test_the_measure_of_these_tests_tells_digits_apart() -> None:
    readings = [look(written(digit)) for digit in DIGITS]
    assert min(apart(one, other) for place, one in enumerate(readings) for other in readings[:place]) > 10 * SAME


# Which of the two is the ink


@pytest.mark.parametrize("digit", DIGITS)
def test_dark_on_light_and_light_on_dark_are_told_apart(digit: int) -> None:
    dark, light = look(written(digit)), look(255 - written(digit))
    assert (dark.how and dark.how.ink, light.how and light.how.ink) == ("dark", "light")
    np.testing.assert_array_equal(dark.picture, light.picture)


@pytest.mark.parametrize("digit", DIGITS)
def test_a_thick_pen_that_fills_the_frame_is_ink(digit: int) -> None:
    sheet = on((100, 100), digit, 94, (3, 3), pen=20)
    assert (sheet < 128).mean() > 0.3
    for picture, ink in ((sheet, "dark"), (255 - sheet, "light")):
        reading = look(picture)
        assert reading.how
        assert reading.how.ink == ink


@pytest.mark.parametrize("depth", [10, 20, 30])
@pytest.mark.parametrize("digit", DIGITS)
def test_a_dark_table_on_three_sides_is_not_the_paper(digit: int, depth: int) -> None:
    sheet = written(digit)
    sheet[:depth] = sheet[:, :depth] = sheet[:, -depth:] = 40
    reads_as_written(sheet, digit)


@pytest.mark.parametrize("digit", DIGITS)
def test_a_shadow_over_half_of_the_sheet_is_neither_paper_nor_ink(digit: int) -> None:
    sheet = written(digit)
    sheet[:, 95:] //= 2
    reads_as_written(sheet, digit)


# Colour and light


def test_red_on_green_of_the_same_luminance_is_found() -> None:
    paper, pen = np.array([150.0, 170.0, 150.0]), np.array([255.0, 118.0, 145.0])
    assert abs((paper - pen) @ (0.299, 0.587, 0.114)) < 1
    cover = ((PAPER - written(5).astype(float)) / (PAPER - PEN))[:, :, np.newaxis]
    reads_as_written(np.rint(paper + (pen - paper) * cover).astype(np.uint8), 5)


@pytest.mark.parametrize("digit", DIGITS)
@pytest.mark.parametrize("turns", range(4))
def test_light_that_falls_over_the_sheet_is_no_ink(digit: int, turns: int) -> None:
    light = np.rot90(np.broadcast_to(np.linspace(1, 0.3, 200), (200, 200)), turns)
    reads_as_written((written(digit) * light).astype(np.uint8), digit)


@pytest.mark.parametrize("turned", [0.0, 0.4, 1.2, 2.5])
def test_the_edge_of_a_shadow_through_the_digit_is_no_ink(turned: float) -> None:
    rows, columns = np.mgrid[-100:100, -100:100]
    lit = np.where(np.cos(turned) * columns + np.sin(turned) * rows > 5, 0.5, 1.0)
    reads_as_written((written(5) * lit).astype(np.uint8), 5, ALIKE)


# Lines


def with_lines(digit: int, level: int, *, across: bool = False) -> np.ndarray:
    """Lines two pixels thick, 25 apart, under the pen."""
    sheet = written(digit)
    lines = np.full_like(sheet, PAPER)
    for first in (24, 25):
        lines[first::25] = level
        if across:
            lines[:, first::25] = level
    return np.minimum(sheet, lines)


@pytest.mark.parametrize("level", [PEN, 60, 90, 150, 200])
@pytest.mark.parametrize("digit", [4, 7])
def test_the_lines_of_ruled_paper_go(digit: int, level: int) -> None:
    reads_as_written(with_lines(digit, level), digit, ALIKE)


@pytest.mark.parametrize("level", [60, 90, 150, 200])
@pytest.mark.parametrize("digit", [4, 7])
def test_the_lines_of_squared_paper_go(digit: int, level: int) -> None:
    reads_as_written(with_lines(digit, level, across=True), digit, 2 * ALIKE)


@pytest.mark.parametrize("lean", [-0.1, -0.03, 0.03, 0.1])
def test_lines_that_lean_go(lean: float) -> None:
    sheet = written(4)
    for row in range(12, 220, 40):
        cv2.line(sheet, (-10, round(row - 110 * lean)), (210, round(row + 110 * lean)), 110, 2)
    reading = look(np.minimum(sheet, written(4)))
    assert "lines" in removed(reading)
    assert apart(reading, look(written(4))) < ALIKE


@pytest.mark.parametrize("level", [PEN, 90])
def test_a_pen_that_crosses_lines_stays_whole(level: int) -> None:
    reading = look(with_lines(7, level))
    assert removed(reading) == {"lines"}
    assert pieces(reading) == 1
    np.testing.assert_allclose(box(reading), box(look(written(7))), atol=1.5)


@pytest.mark.parametrize("depth", [8, 25, 45])
@pytest.mark.parametrize("turns", range(4))
def test_the_dark_edge_of_a_table_goes(turns: int, depth: int) -> None:
    sheet = np.rot90(written(5), turns).copy()
    sheet[:, :depth] = 30
    reads_as_written(np.rot90(sheet, -turns).copy(), 5)


def test_a_seven_that_fills_the_frame_keeps_its_bar() -> None:
    sheet = np.full((100, 100), PAPER, np.uint8)
    cv2.polylines(sheet, [np.array([[8, 9], [91, 9], [45, 91]])], isClosed=False, color=PEN, thickness=8)
    reading = look(sheet)
    assert removed(reading) == set()
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=1.5)


# Frames


def framed(digit: int, around: tuple[int, int, int, int] = (25, 25, 175, 175)) -> np.ndarray:
    """A digit in a box; around: left, top, right, bottom."""
    left, top, right, bottom = around
    sheet = written(digit)
    cv2.rectangle(sheet, (left, top), (right, bottom), PEN, 4)
    return sheet


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    height, width = picture.shape
    onto = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(picture, onto, (width, height), borderValue=PAPER))


@pytest.mark.parametrize("digit", DIGITS)
def test_a_box_around_the_digit_goes(digit: int) -> None:
    reading = look(framed(digit))
    assert removed(reading) == {"frame"}
    assert apart(reading, look(written(digit))) < ALIKE


@pytest.mark.parametrize("digit", DIGITS)
def test_a_box_with_gaps_goes(digit: int) -> None:
    sheet = framed(digit)
    sheet[20:32, 60:90] = PAPER
    sheet[140:160, 170:180] = PAPER
    reading = look(sheet)
    assert removed(reading) == {"frame"}
    assert apart(reading, look(written(digit))) < ALIKE


@pytest.mark.parametrize("digit", DIGITS)
def test_a_box_that_is_open_to_one_side_goes(digit: int) -> None:
    reading = look(framed(digit, (25, 25, 250, 175)))
    assert removed(reading) == {"frame"}
    assert apart(reading, look(written(digit))) < ALIKE


@pytest.mark.parametrize("degrees", [-5.0, 5.0])
@pytest.mark.parametrize("digit", DIGITS)
def test_a_turned_box_goes_and_the_digit_in_it_is_turned_back(digit: int, degrees: float) -> None:
    reading = look(turned(framed(digit), degrees))
    assert removed(reading) == {"frame"}
    assert apart(reading, look(written(digit))) < SAME


@pytest.mark.parametrize("around", [(25, 25, 175, 142), (25, 25, 132, 175), (70, 25, 175, 175)])
@pytest.mark.parametrize("digit", [4, 5, 7])
def test_a_box_that_the_digit_touches_goes(digit: int, around: tuple[int, int, int, int]) -> None:
    reading = look(framed(digit, around))
    assert "frame" in removed(reading)
    assert apart(reading, look(written(digit))) < 2 * ALIKE


@pytest.mark.parametrize("pen", [4, 8, 14])
def test_a_round_zero_is_no_frame(pen: int) -> None:
    sheet = np.full((120, 120), PAPER, np.uint8)
    cv2.ellipse(sheet, (60, 60), (50, 52), 0, 0, 360, PEN, pen, cv2.LINE_AA)
    reading = look(sheet)
    assert removed(reading) == set()
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=1.5)


def test_a_box_with_nothing_in_it_stays() -> None:
    sheet = np.full((120, 120), PAPER, np.uint8)
    cv2.rectangle(sheet, (20, 20), (100, 100), PEN, 5)
    reading = look(sheet)
    assert not reading.is_blank
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=1.5)


# Pieces


def test_specks_go() -> None:
    sheet = written(5)
    for place in ((20, 20), (180, 30), (30, 170), (170, 160), (20, 100)):
        cv2.circle(sheet, place, 2, PEN, -1)
    reading = look(sheet)
    assert removed(reading) == {"specks"}
    np.testing.assert_array_equal(reading.picture, look(written(5)).picture)


def test_punched_holes_go() -> None:
    sheet = written(5)
    for row in (60, 140):
        cv2.circle(sheet, (20, row), 10, PEN, -1)
    reading = look(sheet)
    assert removed(reading) == {"specks"}
    np.testing.assert_array_equal(reading.picture, look(written(5)).picture)


def test_strokes_of_neighbours_at_the_edge_go() -> None:
    sheet = written(5)
    cv2.line(sheet, (0, 60), (14, 150), PEN, 10)
    cv2.line(sheet, (199, 50), (190, 150), PEN, 10)
    reading = look(sheet)
    assert removed(reading) == {"neighbours"}
    np.testing.assert_array_equal(reading.picture, look(written(5)).picture)


@pytest.mark.parametrize("gap", [8, 14, 20])
def test_the_flag_of_a_five_stays(gap: int) -> None:
    sheet = np.full((200, 200), PAPER, np.uint8)
    cv2.polylines(sheet, [np.rint(np.array(STROKES[5][0]) + 50).astype(np.int32)], isClosed=False, color=PEN, thickness=8)
    cv2.line(sheet, (80 + gap, 62), (130, 62), PEN, 8)
    reading = look(sheet)
    assert removed(reading) == set()
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=1.5)


@pytest.mark.parametrize("distance", [75, 100, 130])
def test_two_digits_both_stay_in_sight(distance: int) -> None:
    shape = (200, 300)
    sheet = np.minimum(on(shape, 5, 100, (30, 50)), on(shape, 7, 100, (30 + distance, 50)))
    reading = look(sheet)
    assert pieces(reading) == 2
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=1.5)


def dotted(count: int) -> np.ndarray:
    """count x count dots, (200, 200)."""
    sheet = np.full((200, 200), PAPER, np.uint8)
    centres = np.rint((np.arange(count) + 0.5) * 200 / count).astype(int)
    for row in centres:
        for column in centres:
            cv2.circle(sheet, (int(column), int(row)), 4, PEN, -1)
    return sheet


def test_very_many_pieces_are_clutter() -> None:
    assert look(dotted(6)).is_clutter
    assert not look(dotted(5)).is_clutter


def test_a_digit_among_specks_is_no_clutter() -> None:
    sheet = written(5)
    generator = np.random.default_rng(0)
    for row, column in generator.integers(0, 200, (60, 2)):
        sheet[row, column] = PEN
    assert not look(sheet).is_clutter


# No ink


@pytest.mark.parametrize("side", [28, 60, 200, 600])
@pytest.mark.parametrize("spread", [2, 8, 30])
def test_noise_alone_is_blank(side: int, spread: int) -> None:
    noise = np.random.default_rng(0).normal(150, spread, (side, side))
    reading = look(noise.clip(0, 255).astype(np.uint8))
    assert reading.is_blank
    assert not reading.picture.any()


@pytest.mark.parametrize("side", [28, 60, 200])
@pytest.mark.parametrize("darkest", [0.9, 0.5])
def test_light_that_falls_over_an_empty_sheet_is_blank(side: int, darkest: float) -> None:
    fall = np.linspace(1, darkest, side)
    for light in (np.broadcast_to(fall, (side, side)), (fall[:, np.newaxis] + fall) / 2):
        for turns in range(4):
            assert look(np.rot90(240 * light, turns).astype(np.uint8)).is_blank


@pytest.mark.parametrize("amount", [10, 40])
def test_a_lamp_over_an_empty_sheet_is_blank(amount: int) -> None:
    rows, columns = np.mgrid[-0.5:0.5:200j, -0.5:0.5:200j]
    assert look((240 - amount * (rows**2 + columns**2) / 0.5).astype(np.uint8)).is_blank


def test_a_shadow_over_half_of_an_empty_sheet_is_blank() -> None:
    sheet = np.full((200, 200), 240, np.uint8)
    sheet[:, 95:] = 120
    assert look(sheet).is_blank


# Where it was


def test_box_scale_and_shift_put_what_was_read_back_on_the_picture() -> None:
    sheet = on((300, 220), 4, 120, (20, 130), pen=12)
    reading = look(sheet)
    assert reading.how
    assert (reading.how.width, reading.how.height, reading.how.orientation) == (220, 300, 1)
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=1.5)
    (left, top, _, _), (x, y) = box(reading), reading.how.shift
    back = (np.array(bounds(reading.picture > 64)) - (x, y, x, y)) / reading.how.scale + (left, top, left, top)
    np.testing.assert_allclose(back, bounds(sheet < 128), atol=1 / reading.how.scale)


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


UNTURN = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""What a picture is turned by, for its orientation to turn it upright again."""


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_the_box_is_in_the_upright_picture(orientation: int) -> None:
    sheet = on((300, 220), 4, 120, (20, 130), pen=12)
    lying = np.asarray(Image.fromarray(sheet).transpose(UNTURN[orientation]))
    reading = read(encode(lying, exif=exif(orientation)), "digit", LIMITS)
    assert reading.how
    assert (reading.how.width, reading.how.height, reading.how.orientation) == (220, 300, orientation)
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=1.5)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_box_of_a_large_picture_is_in_its_own_pixels(kind: str) -> None:
    sheet = on((2900, 2150), 4, 1200, (200, 1300), pen=120)
    lying = np.asarray(Image.fromarray(sheet).transpose(UNTURN[6]))
    reading = read(encode(lying, kind, exif=exif(6)), "digit", LIMITS)
    assert reading.how
    assert (reading.how.width, reading.how.height) == (2150, 2900)
    np.testing.assert_allclose(box(reading), bounds(sheet < 128), atol=2 * 2900 / 500)
    assert reading.how.scale == pytest.approx(20 / np.ptp(np.reshape(bounds(sheet < 128), (2, 2)), 0).max(), rel=0.03)


@pytest.mark.parametrize("degrees", [-5.0, 0.0, 5.0])
def test_the_box_within_a_frame_is_in_the_whole_picture(degrees: float) -> None:
    left, top, right, bottom = bounds(written(4) < 128)
    corners = np.array([[x, y, 1] for x in (left, right) for y in (top, bottom)], float)
    places = corners @ cv2.getRotationMatrix2D((99.5, 99.5), degrees, 1).T
    reading = look(turned(framed(4), degrees))
    assert removed(reading) == {"frame"}
    np.testing.assert_allclose(box(reading), [*places.min(0), *places.max(0)], atol=2)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_scribbled_the_box_is_in_the_picture_and_blank_means_no_ink(seed: int) -> None:
    generator = np.random.default_rng(seed)
    height, width = (int(side) for side in generator.integers(8, 400, 2))
    sheet = np.full((height, width), generator.integers(256), np.uint8)
    places = generator.integers(-10, 410, (10, 2)).tolist()
    for (one, other), level in zip(pairwise(places), generator.integers(0, 256, 9).tolist(), strict=True):
        draw = cv2.line if level % 2 else cv2.rectangle
        draw(sheet, one, other, level, int(generator.integers(1, 12)))
    reading = look(sheet)
    assert reading.is_blank == (not reading.picture.any())
    if not reading.is_blank:
        left, top, right, bottom = box(reading)
        assert -2 <= left < right <= width + 2
        assert -2 <= top < bottom <= height + 2


# The steps


def steps(picture: bytes) -> tuple[Reading, list[tuple[str, np.ndarray]]]:
    told: list[tuple[str, np.ndarray]] = []
    return read(picture, "digit", LIMITS, lambda step, made: told.append((step, made.copy()))), told


def full_sheet() -> np.ndarray:
    """A digit in a box on lined paper."""
    sheet = framed(5)
    sheet[8:10] = sheet[190:192] = 90
    return sheet


EXPECTED = {
    "a digit alone": (written(5), ["decoded", "grey", "dark ink", "threshold", "digit", "placed"]),
    "light ink": (255 - written(5), ["decoded", "grey", "light ink", "threshold", "digit", "placed"]),
    "all steps": (
        full_sheet(),
        ["decoded", "grey", "dark ink", "threshold", "lines", "without lines", "inside the frame", "digit", "placed"],
    ),
    "no ink": (np.full((50, 40), 200, np.uint8), ["decoded", "grey", "dark ink", "threshold"]),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_trace_tells_the_steps_in_their_order(name: str) -> None:
    picture, expected = EXPECTED[name]
    _, told = steps(encode(picture))
    assert [step for step, _ in told] == expected
    assert {made.dtype for _, made in told} == {np.dtype(np.uint8)}
    assert all(made.ndim in {2, 3} for _, made in told)


def test_the_trace_begins_with_the_picture_and_ends_with_what_the_network_sees() -> None:
    reading, told = steps(encode(written(5)))
    np.testing.assert_array_equal(told[0][1], written(5))
    np.testing.assert_array_equal(told[-1][1], reading.picture)


def test_a_picture_of_mnist_takes_no_steps(digits: list[bytes]) -> None:
    for data in digits:
        assert [step for step, _ in steps(data)[1]] == ["decoded"]


def answer(reading: Reading) -> tuple[object, ...]:
    assert reading.how
    return (
        reading.picture.tobytes(), reading.is_blank, reading.is_clutter, reading.how.ink, reading.how.removed,
        reading.how.box, reading.how.scale, reading.how.shift,
    )  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_a_trace_changes_no_bit_of_the_answer(name: str) -> None:
    data = encode(EXPECTED[name][0])
    assert answer(steps(data)[0]) == answer(read(data, "digit", LIMITS))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_same_bytes_read_twice_give_the_same_bits(name: str) -> None:
    data = encode(EXPECTED[name][0])
    assert answer(read(data, "digit", LIMITS)) == answer(read(data, "digit", LIMITS))


# Clean paper takes a short way


def canvas(seed: int) -> np.ndarray:
    """What somebody might draw with a program: strokes, boxes, words and blots of one or two pens, in any size."""
    generator = np.random.default_rng(seed)
    height, width = (int(side) for side in generator.integers(24, 420, 2))
    paper, pen = int(generator.integers(100, 256)), int(generator.integers(0, 70))
    sheet = np.full((height, width), paper, np.uint8)
    low, high = np.array([0.15, 0.85])[:, np.newaxis] * (width, height)
    thickest = max(2, min(height, width) // 8)
    for _ in range(generator.integers(1, 5)):
        places = np.rint(generator.uniform(low, high, (4, 2))).astype(np.int32)
        level, thickness = (
            int(generator.choice([pen, (paper + pen) // 2], p=[0.8, 0.2])),
            int(generator.integers(1, thickest)),
        )
        cv2.polylines(sheet, [places], bool(generator.integers(2)), level, thickness, cv2.LINE_AA)
    if seed % 3 == 0:
        cv2.rectangle(sheet, (width // 8, height // 8), (width - width // 8, height - height // 8), pen, thickest // 3 + 1)
    if seed % 5 == 0:
        cv2.putText(sheet, "8 a", (width // 5, height // 2), cv2.FONT_HERSHEY_SIMPLEX, height / 120, pen)
    return 255 - sheet if seed % 2 else sheet


def thin_frame(around: int, thickness: int) -> np.ndarray:
    sheet = on((128, 128), 5, 60, (34, 34))
    cv2.rectangle(sheet, (around, around), (128 - around, 128 - around), PEN, thickness)
    return sheet


DRAWINGS = {
    **{f"canvas {seed}": canvas(seed) for seed in range(60)},
    **{f"frame at {around}, {pen} thick": thin_frame(around, pen) for around in range(13, 19) for pen in (1, 2)},
    "two inks": np.minimum(written(5), np.where(np.hypot(*np.mgrid[-100:100, -100:100]) < 70, 190, PAPER)).astype(np.uint8),
    "no ink": np.full((60, 50), PAPER, np.uint8),
    "black": np.zeros((60, 50), np.uint8),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_short_way_for_clean_paper_changes_no_bit_of_the_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(DRAWINGS[name])
    short = read(data, "digit", LIMITS)
    monkeypatch.setattr(ink_module, "on_clean_paper", lambda _pixels, _margin: None)
    whole = read(data, "digit", LIMITS)
    np.testing.assert_array_equal(short.picture, whole.picture)
    assert (short.is_blank, short.is_clutter) == (whole.is_blank, whole.is_clutter)
    assert short.how
    assert whole.how
    assert (short.how.ink, short.how.removed) == (whole.how.ink, whole.how.removed)
    assert (short.how.box is None) == short.is_blank
    if short.how.box:
        np.testing.assert_allclose(box(short), box(whole), atol=1e-9)


@pytest.mark.parametrize("noise", [0, 2])
@pytest.mark.parametrize("side", [100, 400])
def test_around_ink_that_is_looked_at_alone_is_as_much_paper_as_strokes_reach(
    noise: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spy(mask: np.ndarray, whole: tuple[int, int], corner: tuple[int, int]) -> Pieces:
        seen.append((bounds(mask > 0), mask.shape, whole, corner))
        return pieces_of(mask, whole, corner)

    monkeypatch.setattr(ink_module, "pieces_of", spy)
    sheet = on((side, side), 5, side // 4, (side // 3, side // 3), pen=side // 50)
    cv2.circle(sheet, (side // 2 + side // 12, side // 2), side // 50, PEN, -1)  # a second piece
    look(sheet - np.random.default_rng(0).integers(0, noise + 1, sheet.shape, dtype=np.uint8))
    (((left, top, right, bottom), (high, wide), whole, corner),) = seen
    assert whole == (side, side)
    assert wide < side
    np.testing.assert_allclose(np.add((left, top), corner), bounds(sheet < 128)[:2], atol=1)
    assert min(left, top, wide - right, high - bottom) > side // 90


def test_most_drawings_take_the_short_way() -> None:
    assert sum(on_clean_paper(canvas(seed), 4) is not None for seed in range(60)) > 40


@pytest.mark.parametrize("margin", [2, 5, 500])
@pytest.mark.parametrize("seed", range(12))
def test_what_clean_paper_gives_is_what_any_paper_gives(seed: int, margin: int) -> None:
    picture = canvas(seed)
    part = on_clean_paper(picture, margin)
    if part is not None:
        ink_is, is_filled = polarity(picture)
        whole = np.zeros_like(picture)
        (left, top), (height, width) = part.corner, part.strength.shape
        whole[top : top + height, left : left + width] = part.strength
        assert part.polarity == ink_is
        np.testing.assert_array_equal(whole, flatten(picture, ink_is, is_filled=is_filled))


def blot(side: int) -> np.ndarray:
    sheet = np.full((200, 200), PAPER, np.uint8)
    sheet[40 : 40 + side, 40 : 40 + side] = PEN
    return sheet


def changed_at(picture: np.ndarray, row: int, column: int, level: int) -> np.ndarray:
    changed = picture.copy()
    changed[row, column] = level
    return changed


def striped() -> np.ndarray:
    """Thin light stripes on black; a black margin around them."""
    sheet = np.zeros((200, 200), np.uint8)
    for first in range(8, 188, 12):
        sheet[first : first + 7, 8:192] = 255
    return sheet


NOT_CLEAN = {
    "ink at the border": changed_at(written(5), 100, 0, PEN),
    "a darker pixel in a corner": changed_at(written(5), 0, 199, PAPER - 1),
    "darker and lighter": changed_at(written(5), 20, 20, PAPER + 1),
    "a blot wider than a stroke": blot(70),
    "a sheet on a black table": np.pad(written(5)[20:-20, 20:-20], 20),
    "light stripes over half of it": striped(),
    "noise": written(5) + np.random.default_rng(0).integers(0, 2, (200, 200), dtype=np.uint8),
    "light that falls": (written(5) * np.linspace(1, 0.9, 200)).astype(np.uint8),
}


@pytest.mark.parametrize("name", NOT_CLEAN)
def test_paper_that_is_not_clean_takes_the_long_way(name: str) -> None:
    assert on_clean_paper(written(5), 4) is not None
    assert on_clean_paper(NOT_CLEAN[name], 4) is None


def test_a_blot_just_too_small_for_the_closing_is_a_stroke() -> None:
    assert on_clean_paper(blot(50), 4) is not None


@pytest.mark.parametrize("shape", [(40, 60), (149, 150), (152, 151), (200, 320), (512, 384)])
@pytest.mark.parametrize("is_filled", [False, True])
def test_paper_is_the_closing_by_a_square(shape: tuple[int, int], is_filled: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 4)
    lit = cv2.GaussianBlur(picture, (3, 3), 0) if max(shape) > 100 else picture
    side = round((0.46 if is_filled else 0.3) * max(shape)) | 1
    paper = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    expected = cv2.divide(paper - lit, np.maximum(paper, DARKEST_PAPER), scale=255)
    np.testing.assert_array_equal(flatten(picture, "dark", is_filled=is_filled), expected)


@pytest.mark.parametrize("seed", range(20))
def test_ink_is_parted_from_paper_alike_in_a_part_and_in_the_whole(seed: int) -> None:
    part = on_clean_paper(canvas(seed), 3)
    if part is None:
        return
    height, width = part.strength.shape
    sheet = np.pad(part.strength, ((7, 90), (40, 3)))
    whole, alone = parted(sheet, 0), parted(part.strength, sheet.size - part.strength.size)
    np.testing.assert_array_equal(whole.mask[7 : 7 + height, 40 : 40 + width], alone.mask)
    np.testing.assert_allclose(alone[1:], whole[1:], rtol=1e-9, atol=1e-6)
    level, spread = cv2.meanStdDev(sheet, mask=255 - whole.mask)
    np.testing.assert_allclose(whole[1:3], (level[0, 0], spread[0, 0]), rtol=1e-9, atol=1e-6)
    assert whole.difference == pytest.approx(cv2.mean(sheet, whole.mask)[0] - level[0, 0])


@pytest.mark.parametrize("degrees", [0.0, 3.0, -8.0, 45.0])
@pytest.mark.parametrize("digit", DIGITS)
def test_a_frame_is_seen_in_a_part_as_in_the_whole(digit: int, degrees: float) -> None:
    for sheet, expected in ((framed(digit), True), (written(digit), False)):
        strength = PAPER - turned(np.pad(sheet, ((90, 60), (110, 5)), constant_values=PAPER), degrees)
        mask = ((strength > 100) * 255).astype(np.uint8)
        left, top, right, bottom = bounds(mask > 0)
        first, above = max(left - 3, 0) & -2, max(top - 3, 0) & -2
        part = mask[above : bottom + 3, first : right + 3]
        assert has_frame(part, (first, above)) == (inside_frame(strength, mask) is not None) == expected
