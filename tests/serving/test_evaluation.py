"""digits evaluate: what is measured, the figures, and what is written of them."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from serving.catalogue import Model
from serving.cli import app
from serving.evaluation import answers, figures, sheet
from serving.evaluation.labels import LabelsUnusable, find_labels
from serving.evaluation.report import report
from serving.evaluation.run import folder_for
from serving.reading import Limits

ROOT = Path(__file__).parents[2]
DIGITS = tuple(map(str, range(10)))
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test in a folder of its own; the models are the committed ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIGITS_MODELS", str(ROOT / "models"))
    return tmp_path


@pytest.fixture
def photos(tmp_path: Path, digits: list[bytes], broken: dict[str, bytes]) -> Path:
    """Ten digits that are read right, one of them also under a wrong label, a missing and a broken file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for digit, data in enumerate(digits):
        (folder / f"{digit}.png").write_bytes(data)
    (folder / "broken.png").write_bytes(broken["truncated"])
    rows = [[f"{digit}.png", digit, f"p{digit % 2}", f"photo {digit}"] for digit in range(10)]
    rows += [["7.png", 1, "p1", "[red]"], ["missing.png", 3, "p0", ""], ["broken.png", 4, "p0", ""]]
    write_csv(folder / "labels.csv", [["path", "label", "person", "photo"], *rows])
    return folder


def write_csv(path: Path, rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def answers_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "answers.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report_of(folder: Path) -> dict[str, object]:
    told = json.loads((folder / "report.json").read_text())
    assert isinstance(told, dict)
    return told


# What is written


def test_every_labelled_picture_has_its_answer(photos: Path) -> None:
    result = evaluate(photos, "-o", "out")
    assert result.exit_code == 0, result.output
    rows = answers_of(Path("out"))
    assert list(rows[0]) == [
        "path", "label", "person", "photo", "status", "digit", "name", "confidence", "reason", "right",
        *(f"p{place}" for place in range(10)),
    ]  # fmt: skip
    assert [row["right"] for row in rows] == ["1"] * 10 + ["0"] * 3
    assert [row["digit"] for row in rows] == [*DIGITS, "7", "", ""]
    assert [row["reason"] for row in rows[-2:]] == ["unreadable", "truncated"]
    assert rows[11]["path"] == "missing.png"
    assert sum(float(rows[7][f"p{place}"]) for place in range(10)) == pytest.approx(1, abs=1e-6)
    assert not Path("out/answers.csv.part").exists()


def test_the_report_counts_what_could_not_be_read_as_wrong(photos: Path) -> None:
    evaluate(photos, "-o", "out")
    told = report_of(Path("out"))
    best = {"right": 10, "of": 13, "accuracy": 10 / 13, "interval": list(figures.Accuracy(10, 13).interval)}
    assert told["best_guess"] == best
    assert told["rejected"] == {"truncated": 1, "unreadable": 1}
    statuses = told["statuses"]
    assert isinstance(statuses, dict)
    assert sum(share["of"] for share in statuses.values()) == told["pictures"] == 13
    assert statuses["rejected"] == {"right": 0, "of": 2, "accuracy": 0.0, "interval": list(figures.Accuracy(0, 2).interval)}
    assert told["promised"] == statuses["digit"]


def test_the_report_tells_labels_columns_and_confusion_apart(photos: Path) -> None:
    evaluate(photos, "-o", "out")
    told = report_of(Path("out"))
    by_class, by_column, confusion = told["by_class"], told["by_column"], told["confusion"]
    assert isinstance(by_class, list)
    assert isinstance(by_column, dict)
    assert isinstance(confusion, list)
    assert [(group["best_guess"]["right"], group["best_guess"]["of"]) for group in by_class][1:5] == [
        (1, 2),
        (1, 1),
        (1, 2),
        (1, 2),
    ]
    people = {group["value"]: (group["best_guess"]["right"], group["best_guess"]["of"]) for group in by_column["person"]}
    assert people == {"p0": (5, 7), "p1": (5, 6)}
    assert confusion[1] == [0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]
    assert confusion[4] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]


def test_the_report_measures_calibration_of_what_was_guessed_and_coverage_of_everything(photos: Path) -> None:
    evaluate(photos, "-o", "out")
    rows, told = answers_of(Path("out")), report_of(Path("out"))
    guessed = [row for row in rows if row["digit"]]
    confidence, right = (
        np.array([float(row["confidence"]) for row in guessed]),
        np.array([row["right"] == "1" for row in guessed]),
    )
    calibration, coverage = told["calibration"], told["risk_coverage"]
    assert isinstance(calibration, dict)
    assert isinstance(coverage, list)
    assert calibration["pictures"] == 11
    assert calibration["error"] == figures.calibration_error_of(confidence, right)
    assert calibration["bound"] == figures.calibration_bound(confidence)
    assert [row["of"] for row in coverage] == [13, 13, 13, 12, 12]
    assert coverage[0]["accuracy"] == told["best_guess"]["accuracy"]  # type: ignore[index]


def test_what_is_printed_is_what_was_measured(photos: Path) -> None:
    result = evaluate(photos, "-o", "out")
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    low, high = figures.Accuracy(10, 13).interval
    assert f"best guess, of all pictures 10 13 76.92% {low:.2%} to {high:.2%}" in lines
    assert any(line.startswith("p0 5 7 71.43%") for line in lines)
    assert any(line.startswith("[red] 0 1 0.00%") for line in lines)
    assert any(line.startswith("(empty) 0 2 0.00%") for line in lines)
    assert "rejected: 1 truncated, 1 unreadable" in lines
    assert "missing.png: The file cannot be opened for reading." in lines
    assert "broken.png: The picture ends before it is complete." in lines
    assert "written: out/answers.csv, out/report.json, out/wrong.png" in lines


def test_a_column_with_many_values_is_named_as_left_out(tmp_path: Path, digits: list[bytes]) -> None:
    (tmp_path / "7.png").write_bytes(digits[7])
    rows = [["7.png", 7, number, number % 40] for number in range(41)]
    write_csv(tmp_path / "labels.csv", [["path", "label", "number", "kind"], *rows])
    result = evaluate("labels.csv", "-o", "out")
    assert "By number: left out, it has 41 distinct values, and 40 are the most." in result.output
    told = report_of(Path("out"))
    assert told["left_out"] == {"number": 41}
    by_column = told["by_column"]
    assert isinstance(by_column, dict)
    assert [group["value"] for group in by_column["kind"]] == [str(number) for number in range(40)]  # 9 comes before 10


def test_nothing_wrong_makes_no_sheet_and_says_so(tmp_path: Path, digits: list[bytes]) -> None:
    (tmp_path / "scans" / "7").mkdir(parents=True)
    (tmp_path / "scans" / "7" / "a.png").write_bytes(digits[7])
    result = evaluate("scans")
    assert result.exit_code == 0
    assert "Nothing is wrong, so there is no sheet of wrong ones." in result.output
    assert sorted(path.name for path in Path("evaluation-scans").iterdir()) == ["answers.csv", "report.json"]


def test_where_nothing_at_all_could_be_read_there_is_a_report_all_the_same(tmp_path: Path) -> None:
    write_csv(tmp_path / "labels.csv", [["path", "label"], ["missing.png", 3]])
    result = evaluate(tmp_path, "-o", "out")
    assert result.exit_code == 0, result.output
    told = report_of(Path("out"))
    assert told["promised"] == {"right": 0, "of": 0, "accuracy": None, "interval": None}
    assert isinstance(told["calibration"], dict)
    assert (told["calibration"]["error"], told["calibration"]["bound"]) == (None, None)


def test_another_model_is_measured_by_its_own_classes(tmp_path: Path, digits: list[bytes]) -> None:
    (tmp_path / "clothes" / "ankle_boot").mkdir(parents=True)
    (tmp_path / "clothes" / "ankle_boot" / "a.png").write_bytes(digits[7])
    result = evaluate("clothes", "--model", "fashion_mlp")
    assert result.exit_code == 0, result.output
    assert "9 Ankle boot" in result.output
    assert answers_of(Path("evaluation-clothes"))[0]["label"] == "ankle_boot"


# The output folder


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("scans", "evaluation-scans"),
        ("scans/labels.csv", "evaluation-scans"),
        ("scans/mine.csv", "evaluation-mine"),
        ("scans.2", "evaluation-scans.2"),
    ],
)
def test_the_output_is_named_after_the_input(source: str, expected: str) -> None:
    Path("scans.2").mkdir()
    Path("scans").mkdir()
    assert folder_for(Path(source)) == Path(expected)


def test_an_evaluation_is_replaced_only_where_that_is_asked_for(photos: Path) -> None:
    assert evaluate(photos, "-o", "out").exit_code == 0
    Path("out/wrong-2.png").write_bytes(b"of an earlier one")
    Path("out/notes.txt").write_text("precious")
    before = Path("out/answers.csv").read_bytes()
    Path("out/answers.csv").write_bytes(b"precious")
    result = evaluate(photos, "-o", "out")
    assert (result.exit_code, result.stderr.strip()) == (
        2,
        "out/answers.csv exists; choose another folder, or give --overwrite",
    )
    assert Path("out/answers.csv").read_bytes() == b"precious"
    assert evaluate(photos, "-o", "out", "--overwrite").exit_code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["answers.csv", "notes.txt", "report.json", "wrong.png"]
    assert Path("out/answers.csv").read_bytes() == before


def test_the_output_may_lie_in_the_folder_that_is_measured(tmp_path: Path, digits: list[bytes]) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "a.png").write_bytes(digits[7])
    for _ in range(2):
        assert evaluate(".", "--overwrite").exit_code == 0
    assert len(answers_of(Path(f"evaluation-{tmp_path.name}"))) == 1


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("nowhere/out", "nowhere/out: No such file or directory"),
        ("photos/7.png", "photos/7.png: File exists"),
        ("full", "full: No space left on device"),
    ],
)
def test_an_output_that_cannot_be_written_gets_one_clear_line(photos: Path, output: str, message: str) -> None:
    Path("full").mkdir()
    Path("full/answers.csv.part").symlink_to("/dev/full")
    result = evaluate(photos, "-o", output)
    assert (result.exit_code, result.output.strip()) == (3, message)


def test_ctrl_c_says_where_the_answers_so_far_are(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> list[object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("serving.evaluation.answers.classify", interrupted)
    result = evaluate(photos, "-o", "out")
    assert (result.exit_code, result.output.strip()) == (130, "Stopped. The answers so far are in out/answers.csv.part")
    assert not Path("out/answers.csv").exists()


# What is to be measured


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "labels.csv is empty"),
        (b"path,label\n", "labels.csv has no rows"),
        (b"path,digit\na.png,1\n", "labels.csv has no column 'label'; its columns are 'path', 'digit'"),
        (b"path;label\na.png;1\n", "labels.csv has no column 'path'; its columns are 'path;label'"),
        (b"path,label,who,who\na.png,1,x,y\n", "labels.csv has 2 columns named 'who'"),
        (b"path,label,label\na.png,1,1\n", "labels.csv has 2 columns named 'label'"),
        (b"path,label,\na.png,1,\n", "labels.csv has a column without a name"),
        (
            b"path,label,name\na.png,1,Ada\n",
            "labels.csv has a column 'name', which is a column of the answers; give it another name",
        ),
        (
            b"path,label\na.png,1\nb.png,eleven\n",
            "labels.csv, line 3: 'eleven' is no label of this model; a label is 0 to 9",
        ),
        (b"path,label\na.png,10\n", "labels.csv, line 2: '10' is no label of this model; a label is 0 to 9"),
        (b"path,label\na.png,-1\n", "labels.csv, line 2: '-1' is no label of this model; a label is 0 to 9"),
        (b"path,label\na.png,\n", "labels.csv, line 2: '' is no label of this model; a label is 0 to 9"),
        (b"path,label\n,1\n", "labels.csv, line 2 has no path"),
        (b"path,label\na.png,1,x\n", "labels.csv, line 2 has 3 cells, and there are 2 columns"),
        (b"path,label\n\xff.png,1\n", "labels.csv is not text in UTF-8"),
        (b'path,label\n"a.png,1\n', "labels.csv, line 2 is not CSV: a quote that is not closed, or a cell too long"),
    ],
)
def test_labels_that_cannot_be_used_are_told_by_file_and_line(content: bytes, message: str) -> None:
    Path("labels.csv").write_bytes(content)
    result = evaluate("labels.csv", "-o", "out")
    assert (result.exit_code, result.output.strip()) == (2, message)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing", "missing does not exist"),
        ("bare", "bare has no labels: neither a labels.csv nor a subfolder for each label"),
        ("empty", "empty has no pictures in its subfolders"),
        ("words", "words/seven: 'seven' is no label of this model; a label is 0 to 9"),
    ],
)
def test_a_folder_without_labels_is_told(source: str, message: str) -> None:
    for folder in ("bare", "empty/7", "words/seven"):
        Path(folder).mkdir(parents=True)
    result = evaluate(source, "-o", "out")
    assert (result.exit_code, result.output.strip()) == (2, message)


def test_an_unknown_model_is_told(photos: Path) -> None:
    result = evaluate(photos, "--model", "convnot")
    assert result.exit_code == 2
    assert result.output.startswith("There is no model 'convnot'. Models: champion, ")


def test_a_csv_names_paths_from_its_own_folder_in_its_own_order() -> None:
    Path("photos").mkdir()
    Path("photos/more.csv").write_text(
        "\ufeff kind ,label, path\r\nlarge, 7 ,b/7.png\r\n\r\nsmall,2,2.png\r\n", encoding="utf-8"
    )
    found = find_labels(Path("photos/more.csv"), DIGITS)
    assert found.columns == ("kind",)
    assert [(one.path, one.text, one.label, one.further) for one in found.pictures] == [
        (Path("photos/b/7.png"), " 7 ", 7, ("large",)),
        (Path("photos/2.png"), "2", 2, ("small",)),
    ]


def test_a_folder_has_the_files_of_its_visible_subfolders(tmp_path: Path) -> None:
    for name in ("7/deep/b.png", "7/a.png", "2/.hidden.png", "2/c.png", ".git/d.png", "README"):
        (tmp_path / "scans" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "scans" / name).touch()
    found = find_labels(tmp_path / "scans", DIGITS)
    assert [(one.source, one.label) for one in found.pictures] == [("2/c.png", 2), ("7/a.png", 7), ("7/deep/b.png", 7)]


@pytest.mark.parametrize("text", ["9", "Ankle boot", "ankle_boot", "ANKLE-BOOT"])
def test_a_class_may_be_written_in_several_ways(text: str) -> None:
    Path("labels.csv").write_text(f"path,label\na.png,{text}\n")
    assert find_labels(Path("labels.csv"), CLOTHES).pictures[0].label == 9


def test_an_unknown_class_is_told_with_those_there_are() -> None:
    Path("labels.csv").write_text("path,label\na.png,hat\n")
    with pytest.raises(
        LabelsUnusable, match="'hat' is no label of this model; a label is 0 to 9, or one of T-shirt/top, Trouser"
    ):
        find_labels(Path("labels.csv"), CLOTHES)


def test_a_name_that_is_not_utf8_is_written_as_the_bytes_it_is(tmp_path: Path, digits: list[bytes]) -> None:
    os.makedirs(tmp_path / "scans" / "3")  # noqa: PTH103
    with open(os.fsencode(tmp_path / "scans" / "3") + b"/\xff.png", "wb") as file:  # noqa: PTH123
        file.write(digits[7])
    result = evaluate("scans", "-o", "out")
    assert result.exit_code == 0, result.output
    assert b"3/\xff.png,3,digit,7," in Path("out/answers.csv").read_bytes()


# Figures


def test_the_wilson_interval_is_the_textbooks() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
    low, high = figures.Accuracy(81, 263).interval
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_the_calibration_error_is_the_hand_computed_one() -> None:
    # Two bins: 0.95 and 0.99 in the last, one of two right, off by 0.97 - 0.5; 0.6 in [0.6, 0.667), right, off by 0.4.
    confidence, right = np.array([0.95, 0.99, 0.6]), np.array([True, False, True])
    assert figures.calibration_error_of(confidence, right) == pytest.approx((2 * 0.47 + 0.4) / 3)


def test_a_calibrated_model_is_below_its_bound_and_a_boaster_above() -> None:
    generator = np.random.default_rng(7)
    confidence = generator.uniform(0.3, 1, 2_000)
    right = generator.random(2_000) < confidence
    bound = figures.calibration_bound(confidence)
    assert 0.01 < bound < 0.05
    assert figures.calibration_error_of(confidence, right) < bound
    assert figures.calibration_error_of(confidence, generator.random(2_000) < confidence - 0.1) > bound
    assert bound == figures.calibration_bound(confidence)


def test_calibrated_models_exceed_the_bound_5_times_in_100() -> None:
    generator = np.random.default_rng(8)
    confidence = generator.uniform(0.3, 1, 500)
    bound = figures.calibration_bound(confidence)
    above = sum(figures.calibration_error_of(confidence, generator.random(500) < confidence) > bound for _ in range(1_000))
    assert 25 <= above <= 75  # 50 expected, with a standard deviation of 7


def test_risk_coverage_is_the_hand_computed_one() -> None:
    confidence = np.array([0.5, 0.9, 0.9, 0.0, 0.7])
    right = np.array([False, True, False, False, True])
    covered = figures.risk_coverage(confidence, right, (1.0, 0.8, 0.6, 0.2, 0.01))
    assert [(one.accuracy.correct, one.accuracy.total, one.threshold) for one in covered] == [
        (2, 5, 0.0), (2, 4, 0.5), (2, 3, 0.7), (1, 1, 0.9), (1, 1, 0.9),
    ]  # fmt: skip


def test_the_confusion_counts_every_picture_once() -> None:
    counts = figures.confusion(np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, -1, 0]), 3)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1]]


# The sheet


def test_the_sheet_has_a_row_of_three_for_every_three_wrong_ones(photos: Path) -> None:
    evaluate(photos, "-o", "out")
    page = cv2.imread("out/wrong.png")
    assert page is not None
    assert page.shape == (sheet.HEADER + sheet.HEIGHT, 3 * sheet.WIDTH, 3)
    seven = cv2.imread(str(photos / "7.png"))
    assert seven is not None
    enlarged = cv2.resize(seven, (96, 96), interpolation=cv2.INTER_NEAREST)
    top = sheet.HEADER + sheet.GAP
    # What was uploaded already was a 28x28, so both pictures are the same.
    for left in (sheet.GAP, 2 * sheet.GAP + 96):
        assert np.array_equal(page[top : top + 96, left : left + 96], enlarged)


def test_a_sheet_of_many_has_several_pages_and_is_no_longer_than_200(tmp_path: Path, digits: list[bytes]) -> None:
    (tmp_path / "7.png").write_bytes(digits[7])
    write_csv(tmp_path / "labels.csv", [["path", "label"], *([["7.png", 1]] * 201)])
    result = evaluate("labels.csv", "-o", "out")
    assert "The sheet shows 200 of 201 wrong ones, the most confident." in result.output
    pages = {path.name: cv2.imread(str(path)) for path in sorted(Path("out").glob("wrong*.png"))}
    assert set(pages) == {"wrong.png", "wrong-2.png", "wrong-3.png", "wrong-4.png"}
    heights = {name: (page.shape[0] - sheet.HEADER) // sheet.HEIGHT for name, page in pages.items() if page is not None}
    assert heights == {"wrong.png": 20, "wrong-2.png": 20, "wrong-3.png": 20, "wrong-4.png": 7}


def test_the_most_confident_mistakes_come_first(photos: Path, model: Model) -> None:
    answered = list(answers.answers(find_labels(photos, DIGITS).pictures, model, Limits()))
    assert [one.labelled.source for one in sheet.wrong_ones(reversed(answered))] == ["7.png", "broken.png", "missing.png"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("wrong.png", True), ("wrong-12.png", True), ("wrong-x.png", False), ("12.png", False), ("wrong.jpg", False)],
)
def test_only_pages_are_taken_for_pages(name: str, expected: bool) -> None:
    assert sheet.is_page(Path(name)) == expected


def test_a_report_needs_no_column(photos: Path, model: Model) -> None:
    answered = list(answers.answers(find_labels(photos, DIGITS).pictures[:3], model, Limits()))
    assert report(answered, (), model, photos)["by_column"] == {}


def test_the_command_works_in_a_process_of_its_own(photos: Path) -> None:
    command = [sys.executable, "-c", "from serving.cli import main; main()", "evaluate", str(photos / "labels.csv")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "best guess" in result.stdout
    assert "written: evaluation-photos/answers.csv" in result.stderr
