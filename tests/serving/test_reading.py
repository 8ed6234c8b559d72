import io
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from serving.reading import ImageRejected, Limits, Reason, read

LIMITS = Limits()


def encode(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def drawing(paper: int = 255, ink: int = 0, size: tuple[int, int] = (120, 90)) -> np.ndarray:
    """A tall bar with a foot, off the middle: an upright L."""
    picture = np.full(size, paper, np.uint8)
    picture[20:80, 30:38] = ink
    picture[72:80, 30:62] = ink
    return picture


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


@pytest.mark.parametrize("kind", ["digit", "plain"])
def test_a_picture_of_mnist_comes_back_bit_for_bit(kind: str, digits: list[bytes]) -> None:
    for data in digits:
        np.testing.assert_array_equal(read(data, kind, LIMITS).picture, pixels(data))


def test_a_drawing_is_placed_as_mnist_places_it() -> None:
    picture = read(encode(drawing()), "digit", LIMITS).picture
    rows, columns = np.nonzero(picture)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    weights = picture / picture.sum()
    assert (weights.sum(1) * np.arange(28)).sum() == pytest.approx(14, abs=0.6)
    assert (weights.sum(0) * np.arange(28)).sum() == pytest.approx(14, abs=0.6)
    assert picture.max() == 255


def test_dark_on_light_and_light_on_dark_read_alike() -> None:
    dark, light = (read(encode(drawing(*levels)), "digit", LIMITS).picture for levels in ((255, 0), (0, 255)))
    np.testing.assert_array_equal(dark, light)


def rgba(ink: int) -> Image.Image:
    alpha = 255 - drawing()
    return Image.merge("LA", (Image.new("L", (90, 120), ink), Image.fromarray(alpha)))


def palette() -> Image.Image:
    image = Image.fromarray((drawing() == 0).astype(np.uint8), "P")
    image.putpalette([255, 255, 0, 0, 0, 160])
    return image


MODES: dict[str, Callable[[], bytes]] = {
    "1 bit": lambda: encode(Image.fromarray(drawing()).convert("1")),
    "RGB": lambda: encode(Image.fromarray(drawing()).convert("RGB")),
    "CMYK": lambda: encode(Image.fromarray(drawing()).convert("CMYK"), "JPEG", quality=95),
    "16 bit": lambda: encode(Image.fromarray(drawing().astype(np.uint16) * 257)),
    "12 bit in 16": lambda: encode(Image.fromarray(drawing().astype(np.uint16) * 16)),
    "8 bit in 16, TIFF": lambda: encode(Image.fromarray(drawing().astype(np.uint16)), "TIFF"),
    "8 bit in 32, TIFF": lambda: encode(Image.fromarray(drawing().astype(np.int32)), "TIFF"),
    "LAB": lambda: encode(Image.frombytes("LAB", (90, 120), np.stack([drawing()] * 3, axis=2).tobytes()), "TIFF"),
    "float with infinity": lambda: encode(Image.fromarray(with_infinity()), "TIFF"),
    "float": lambda: encode(Image.fromarray(drawing().astype(np.float32) / 255), "TIFF"),
    "blue on yellow by palette": lambda: encode(palette()),
    "transparent with dark ink": lambda: encode(rgba(0)),
    "transparent with light ink": lambda: encode(rgba(255)),
    "transparent with light ink, RGBA": lambda: encode(rgba(255).convert("RGBA")),
    "WebP": lambda: encode(drawing(), "WEBP", lossless=True),
    "BMP": lambda: encode(drawing(), "BMP"),
    "GIF": lambda: encode(drawing(), "GIF"),
    "JPEG": lambda: encode(drawing(), "JPEG", quality=90),
    "turned by EXIF": lambda: encode(Image.fromarray(drawing()).rotate(90, expand=True), "JPEG", exif=turned()),
}


def with_infinity() -> np.ndarray:
    values = drawing().astype(np.float32)
    values[0, 0] = np.inf
    return values


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    return exif


@pytest.mark.parametrize("mode", MODES)
def test_the_same_drawing_reads_the_same_in_every_mode(mode: str) -> None:
    expected = read(encode(drawing()), "digit", LIMITS).picture
    assert difference(read(MODES[mode](), "digit", LIMITS).picture, expected) < 4


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_sheet_without_ink_is_blank(level: int) -> None:
    reading = read(encode(np.full((50, 40), level, np.uint8)), "digit", LIMITS)
    assert reading.is_blank
    assert not reading.picture.any()


def test_sensor_noise_alone_is_blank() -> None:
    noise = np.random.default_rng(0).normal(200, 4, (200, 200)).clip(0, 255).astype(np.uint8)
    assert read(encode(noise), "digit", LIMITS).is_blank


def test_plain_keeps_polarity_and_aspect() -> None:
    picture = read(encode(drawing(paper=240, ink=10)), "plain", LIMITS).picture
    assert picture[0, 0] == 240
    assert picture.min() < 40
    assert (picture[:, :3] == 240).all(), "the narrow side is filled up with what the border is"


def test_a_large_picture_reads_as_its_small_original() -> None:
    large = Image.fromarray(drawing()).resize((1800, 2400), Image.Resampling.NEAREST)
    small = read(encode(drawing()), "digit", LIMITS).picture
    assert difference(read(encode(large), "digit", LIMITS).picture, small) < 6


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16", "F"])
def test_a_large_picture_of_any_mode_reads_as_its_small_original(mode: str) -> None:
    large = Image.fromarray(drawing()).resize((2250, 3000), Image.Resampling.NEAREST)
    image = Image.fromarray(np.asarray(large).astype(np.uint16) * 257) if mode == "I;16" else large.convert(mode)
    expected = read(encode(drawing()), "digit", LIMITS).picture
    assert difference(read(encode(image, "TIFF", compression="tiff_adobe_deflate"), "digit", LIMITS).picture, expected) < 6


def test_a_large_photo_is_turned_by_its_exif() -> None:
    large = Image.fromarray(drawing()).resize((2250, 3000), Image.Resampling.NEAREST).rotate(90, expand=True)
    expected = read(encode(drawing()), "digit", LIMITS).picture
    for kind in ("JPEG", "PNG", "WEBP"):
        assert difference(read(encode(large, kind, exif=turned()), "digit", LIMITS).picture, expected) < 8


def test_every_broken_file_is_refused_with_its_reason(broken: dict[str, bytes]) -> None:
    for reason, data in broken.items():
        with pytest.raises(ImageRejected) as refusal:
            read(data, "digit", LIMITS)
        assert refusal.value.reason == reason


def test_every_reason_has_a_sentence_of_ours() -> None:
    for reason in Reason:
        assert reason.message.endswith(".")
        assert "Pillow" not in reason.message


def test_a_decompression_bomb_costs_nothing(broken: dict[str, bytes]) -> None:
    began = time.perf_counter()
    with pytest.raises(ImageRejected):
        read(broken["too_many_pixels"], "digit", LIMITS)
    assert time.perf_counter() - began < 0.1, "3.6 thousand million pixels would take seconds to decode"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("how", ["digit", "plain"])
def test_a_file_cut_anywhere_is_read_or_refused(kind: str, how: str) -> None:
    data = encode(drawing(), kind)
    for end in range(0, len(data), max(1, len(data) // 97)):
        read_or_refuse(data[:end], how)


@settings(max_examples=300, deadline=None)
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.builds(
            lambda kind, cuts: flip(encode(drawing(), kind), cuts),
            st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]),
            st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12),
        ),
    ),
    how=st.sampled_from(["digit", "plain"]),
)
@example(data=b"BM", how="digit")
@example(data=b"\x89PNG\r\n\x1a\n", how="plain")
def test_any_bytes_give_28_by_28_or_a_refusal(data: bytes, how: str) -> None:
    read_or_refuse(data, how)


def flip(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    return bytes(changed)


def read_or_refuse(data: bytes, how: str) -> None:
    try:
        picture = read(data, how, LIMITS).picture
    except ImageRejected:
        return
    assert picture.shape == (28, 28)
    assert picture.dtype == np.uint8
