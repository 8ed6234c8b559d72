"""digits look: one picture that shows how another is read."""

import io
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps
from typer.testing import CliRunner, Result

from serving import drawing
from serving.catalogue import Model
from serving.cli import app
from serving.look import GAP, PANEL, TITLE, look
from serving.original import original
from serving.reading import How, Limits, Reading, ReadingKind, Trace
from serving.reading.place import Placed

ROOT = Path(__file__).parents[2]


def look_at(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["look", *map(str, arguments), "--models", str(ROOT / "models")])


@pytest.fixture(autouse=True)
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: list[bytes], broken: dict[str, bytes]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("7.png").write_bytes(digits[7])
    Path("broken.png").write_bytes(broken["truncated"])
    Path("old.png").write_text("precious")


def panel(drawn: npt.NDArray[np.uint8], place: int) -> npt.NDArray[np.uint8]:
    left, top = GAP + place * (PANEL + GAP), GAP + 2 * TITLE
    return drawn[top : top + PANEL, left : left + PANEL]


def test_the_first_panel_is_the_upload_and_the_last_what_the_network_sees(digits: list[bytes]) -> None:
    result = look_at("7.png", "-o", "steps.png")
    assert (result.exit_code, result.stderr.splitlines()[0][:14]) == (0, "digit, 7 with ")
    drawn = cv2.imread("steps.png")
    assert drawn is not None
    enlarged = np.repeat(np.repeat(cv2.imdecode(np.frombuffer(digits[7], np.uint8), cv2.IMREAD_COLOR), 8, 0), 8, 1)
    # A 28x28 passes unchanged: both panels are the file.
    assert np.array_equal(panel(drawn, 0), enlarged)
    assert np.array_equal(panel(drawn, 1), enlarged)


def test_every_step_that_the_reading_tells_is_shown(
    digits: list[bytes], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_data: bytes, _kind: ReadingKind, _limits: Limits, trace: Trace | None = None) -> Reading:
        assert trace is not None
        working = np.zeros((300, 200), np.uint8)
        trace("wide and coloured", np.full((20, 400, 3), (255, 0, 0), np.uint8))
        trace("tall", working)
        working[:] = 255  # what a reading does with its arrays afterwards is not shown
        trace("tiny", np.zeros((1, 1), np.uint8))
        placed = Placed(np.zeros((28, 28), np.uint8), (10, 20, 3000, 2000), 0.0066, (4, 4))
        how = How(4000, 3000, 6, "dark", frozenset({"lines", "specks"}), placed, np.eye(2, 3))
        return Reading(np.full((28, 28), 9, np.uint8), is_clutter=True, how=how)

    monkeypatch.setattr("serving.look.read", read)
    drawn, _ = look(digits[7], "7.png", model, Limits())
    red = panel(drawn, 1)
    assert tuple(red[PANEL // 2, 0]) == (255, 0, 0)
    assert tuple(red[0, 0]) == drawing.PALE
    assert panel(drawn, 2)[:, PANEL // 2].max() == 0
    assert panel(drawn, 3).max() == 0
    assert (panel(drawn, 0)[:, PANEL // 4 : -PANEL // 4] == drawing.RED).all(axis=2).any()  # the box
    below = drawn[TITLE + drawing.LINE + PANEL + GAP :]
    assert (panel(below, 0) == 9).all()  # a second row


def test_a_long_title_is_shortened_to_its_panel() -> None:
    words = drawing.shortened("a name that is much too long for so little room " * 3, 200)
    assert words.endswith("...")
    assert drawing.width_of(words) <= 200
    assert drawing.shortened("short\nline", 200) == "short?line"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["broken.png", "-o", "out.png"], 2, "broken.png: The picture ends before it is complete."),
        (["missing.png", "-o", "out.png"], 2, "missing.png: The file cannot be opened for reading."),
        (["7.png", "-o", "out.jpg"], 2, "out.jpg must end in .png"),
        (["7.png", "-o", "-"], 2, "- must end in .png"),
        (["7.png", "-o", "old.png"], 2, "old.png exists; choose another name, or give --overwrite"),
        (["7.png", "-o", "nowhere/out.png"], 3, "nowhere/out.png: No such file or directory"),
        (["7.png", "-o", "out.png", "--model", "convnot"], 2, "There is no model 'convnot'. Models: champion, "),
    ],
)
def test_a_mistake_gets_one_clear_line_and_nothing_written(arguments: list[str], code: int, message: str) -> None:
    result = look_at(*arguments)
    assert result.exit_code == code
    assert result.output.startswith(message)
    assert result.output.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["7.png", "broken.png", "old.png"]
    assert Path("old.png").read_text() == "precious"


def test_an_output_is_replaced_where_that_is_asked_for() -> None:
    assert look_at("7.png", "-o", "old.png", "--overwrite").exit_code == 0
    assert cv2.imread("old.png") is not None


def test_a_blank_picture_is_shown_without_an_answer() -> None:
    cv2.imwrite("white.png", np.full((50, 80), 255, np.uint8))
    result = look_at("white.png", "-o", "steps.png")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (0, "blank")


def test_a_picture_of_clothes_is_shown_with_its_classes() -> None:
    assert look_at("7.png", "-o", "steps.png", "--model", "fashion_mlp").exit_code == 0


def png_of(picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def test_what_is_transparent_is_shown_on_a_checkerboard() -> None:
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((10, 20, 230, 255), (32, 0, 64, 64))
    shown = original(png_of(picture), Limits())
    assert tuple(shown[5, 40]) == (10, 20, 230)
    assert {tuple(map(int, colour)) for colour in np.unique(shown[:, :32].reshape(-1, 3), axis=0)} == {
        (200,) * 3,
        (240,) * 3,
    }
    assert tuple(shown[0, 0]) != tuple(shown[0, 8])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_transparent_picture_is_shown_upright(orientation: int) -> None:
    picture = Image.new("RGBA", (4, 6))
    picture.putpixel((0, 0), (255, 0, 0, 255))
    picture.putpixel((3, 0), (0, 255, 0, 255))
    picture.putpixel((0, 5), (0, 0, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = png_of(picture, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    shown = original(data, Limits())
    assert shown.shape[:2] == expected.shape[:2]
    solid = expected[..., 3] == 255
    assert np.array_equal(shown[solid], expected[solid][:, :3])
