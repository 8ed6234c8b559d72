"""What the reading in the browser is made of gives what OpenCV gives, to the level."""

import base64
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Page
from visiting import Visit

pytestmark = pytest.mark.browser

Array = npt.NDArray[Any]
ROUNDED = 2e-4
"""Of the values: what only rounds halves otherwise than OpenCV's kernels, whose sums are fused in one step."""

RUN = """async ([module, name, calls]) => {
    const found = await import(`/page/vision/${module}.js`);
    const given = (value) => value?.bytes === undefined ? value
        : { ...value, data: Uint8Array.from(atob(value.bytes), (letter) => letter.charCodeAt(0)) };
    const bytes = ({ data }) => btoa(Array.from(data, (value) => String.fromCharCode(value)).join(""));
    const told = (value) => value?.channels ? { ...value, data: bytes(value) } : value?.buffer ? [...value] : value;
    return calls.map((values) => told(found[name](...values.map(given))));
}"""


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def pictures(rng: np.random.Generator) -> list[Array]:
    """(H, W) uint8, smooth and rough, of sizes from 3x3."""
    sizes = rng.integers(3, 90, (40, 2)).tolist()
    smooth = [cv2.GaussianBlur(rng.random(size), (0, 0), rng.choice([0.5, 2, 4])) for size in sizes]
    return [((one - one.min()) * 255 / max(np.ptp(one), 1e-9)).astype(np.uint8) for one in smooth]


@pytest.fixture(scope="module")
def masks(pictures: list[Array], rng: np.random.Generator) -> list[Array]:
    some = [np.where(one > rng.integers(80, 200), 255, 0).astype(np.uint8) for one in pictures]
    return [*some, np.zeros((7, 9), np.uint8)]


def packed(pixels: Array) -> dict[str, Any]:
    height, width, channels = (*pixels.shape, 1)[:3]
    data = base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode()
    return {"width": width, "height": height, "channels": channels, "bytes": data}


def run(page: Page, module: str, name: str, *calls: list[Any]) -> list[Any]:
    """What a function gives for each list of arguments; arrays go as pixels, and come as (H, W) or (H, W, C)."""
    sent = [[packed(value) if isinstance(value, np.ndarray) else value for value in call] for call in calls]
    return [_unpacked(one) for one in page.evaluate(RUN, [module, name, sent])]


def _unpacked(value: Any) -> Any:
    if not (isinstance(value, dict) and "channels" in value):
        return value
    shape = (value["height"], value["width"], value["channels"])
    return np.frombuffer(base64.b64decode(value["data"]), np.uint8).reshape(shape[: 2 + (shape[2] > 1)])


def differing(found: list[Array], wanted: list[Array]) -> float:
    """The part of the values that differ; by more than one level none may."""
    apart = [np.abs(one.astype(int) - other.astype(int)) for one, other in zip(found, wanted, strict=True)]
    assert max(one.max(initial=0) for one in apart) <= 1
    return sum(np.count_nonzero(one) for one in apart) / sum(one.size for one in apart)


def test_areas_are_resized_alike(desk: Visit, pictures: list[Array], rng: np.random.Generator) -> None:
    calls, wanted = [], []
    for picture in [*pictures[:12], *(rng.integers(0, 256, (40, 60, 3), np.uint8) for _ in range(4))]:
        for scale in (0.5, 1 / 3, *rng.uniform(0.1, 0.99, 4).tolist()):
            height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
            calls.append([picture, width, height])
            wanted.append(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))
            if min(picture.shape[:2]) * scale >= 1:
                wanted.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
                calls.append([picture, *wanted[-1].shape[1::-1], [1 / scale, 1 / scale]])
    assert differing(run(desk.page, "resize", "shrunk", *calls), wanted) == 0


def test_small_pictures_are_made_larger_alike(desk: Visit, rng: np.random.Generator) -> None:
    calls, wanted = [], []
    for height, width in rng.integers(1, 20, (100, 2)).tolist():
        picture = rng.integers(0, 256, (height, width), np.uint8)
        size = [max(1, round(side * 20 / max(height, width))) for side in (width, height)]
        calls.append([picture, *size])
        wanted.append(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))
    assert differing(run(desk.page, "resize", "enlarged", *calls), wanted) <= ROUNDED


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("dilated", cv2.dilate),
        ("eroded", cv2.erode),
        ("closed", lambda picture, square: cv2.morphologyEx(picture, cv2.MORPH_CLOSE, square)),
    ],
)
def test_what_grows_and_shrinks_does_so_alike(
    desk: Visit, pictures: list[Array], rng: np.random.Generator, name: str, of: Callable[[Array, Array], Array]
) -> None:
    sides = (2 * rng.integers(0, 30, (len(pictures), 2)) + 1).tolist()
    calls = [[picture, *side] for picture, side in zip(pictures, sides, strict=True)]
    wanted = [of(picture, np.ones((high, wide), np.uint8)) for picture, wide, high in calls]
    assert differing(run(desk.page, "morphology", name, *calls), wanted) == 0


def test_ink_and_paper_are_parted_alike(desk: Visit, pictures: list[Array]) -> None:
    wanted = [cv2.threshold(picture, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1] for picture in pictures]
    assert differing(run(desk.page, "threshold", "parted", *([one] for one in pictures)), wanted) == 0


def test_noise_is_averaged_alike(desk: Visit, pictures: list[Array]) -> None:
    wanted = [cv2.GaussianBlur(picture, (3, 3), 0) for picture in pictures]
    assert differing(run(desk.page, "blur", "smoothed", *([one] for one in pictures)), wanted) == 0


def test_pieces_are_found_alike_and_in_the_same_order(desk: Visit, masks: list[Array]) -> None:
    for mask, told in zip(masks, run(desk.page, "components", "components", *([one] for one in masks)), strict=True):
        _, _, stats, centres = cv2.connectedComponentsWithStats(mask, connectivity=8)
        wanted = [(x, y, x + w, y + h, n, *at) for (x, y, w, h, n), at in zip(stats[1:], centres[1:], strict=True)]
        found = [tuple(one[key] for key in ("left", "top", "right", "bottom", "area", "x", "y")) for one in told["pieces"]]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_distances_are_measured_alike(desk: Visit, masks: list[Array]) -> None:
    for mask, found in zip(masks, run(desk.page, "distance", "distances", *([one] for one in masks)), strict=True):
        wanted = cv2.distanceTransform(mask, cv2.DIST_L2, 3).ravel()
        np.testing.assert_allclose(np.minimum(found, 100), np.minimum(wanted, 100), atol=1e-4)


@pytest.mark.parametrize(("name", "flag"), [("nearest", cv2.INTER_NEAREST), ("linear", cv2.INTER_LINEAR)])
def test_pictures_are_turned_and_leant_alike(
    desk: Visit, pictures: list[Array], rng: np.random.Generator, name: str, flag: int
) -> None:
    calls, wanted = [], []
    for picture in pictures:
        height, width = picture.shape
        slope = int(rng.integers(-7, 8)) / 50
        leant = np.array([[1, 0, 0], [-slope, 1, slope * width / 2]])
        turned = cv2.getRotationMatrix2D((width / 2 + 0.25, height / 2), rng.uniform(-45, 45), 1)
        for onto, border in ((leant, cv2.BORDER_REPLICATE), (turned, cv2.BORDER_CONSTANT)):
            calls.append([picture, onto.ravel().tolist(), [width, height], border == cv2.BORDER_REPLICATE])
            wanted.append(cv2.warpAffine(picture, onto, (width, height), flags=flag, borderMode=border))
    found = run(desk.page, "warp", name, *calls)
    different = sum(np.count_nonzero(one != other) for one, other in zip(found, wanted, strict=True))
    assert different / sum(one.size for one in wanted) <= ROUNDED


def test_rectangles_are_the_same_to_the_bit_of_their_middle(desk: Visit, rng: np.random.Generator) -> None:
    masks = []
    for number in range(60):
        height, width = rng.integers(40, 200, 2).tolist()
        mask = np.zeros((height, width), np.uint8)
        if number % 2:
            left, top = rng.integers(1, 9, 2).tolist()
            cv2.rectangle(mask, (left, top), (width - 5, height - 4), 255, 2)
        else:
            box = cv2.boxPoints(((width / 2, height / 2), (width * 0.6, height * 0.5), rng.uniform(-45, 45)))
            cv2.polylines(mask, [box.astype(np.int32)], isClosed=True, color=255, thickness=3)
        masks.append(mask)
    hulls = run(desk.page, "rectangle", "hull", *([mask] for mask in masks))
    for mask, hull, found in zip(
        masks, hulls, run(desk.page, "rectangle", "smallest", *([one] for one in hulls)), strict=True
    ):
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        wanted = cv2.convexHull(np.concatenate(contours))
        assert sorted(hull) == sorted(wanted.reshape(-1, 2).tolist())
        centre, size, degrees = cv2.minAreaRect(wanted)
        turns = round((degrees - found["degrees"]) / 90)  # either pair of sides may be called the width
        assert found["degrees"] + 90 * turns == pytest.approx(degrees, abs=1e-4)
        assert tuple(found["centre"]) == centre
        assert (found["width"], found["height"]) == (size if turns % 2 == 0 else size[::-1])


def test_colours_differ_most_along_the_same_axis(desk: Visit, rng: np.random.Generator) -> None:
    spreads = [one @ one.T for one in rng.normal(size=(30, 3, 3))]
    for spread, axis in zip(
        spreads, run(desk.page, "principal", "principalAxis", *([one.tolist()] for one in spreads)), strict=True
    ):
        wanted = np.linalg.eigh(spread)[1][:, -1]
        np.testing.assert_allclose(np.abs(np.dot(axis, wanted)), 1, atol=1e-12)
