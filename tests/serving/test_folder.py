"""digits predict, as a command in a process of its own where the shell matters, in this one where it does not."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from serving.catalogue import Model
from serving.cli import app
from serving.folder.chosen import ALL
from serving.folder.rows import Format, Rows, Shape
from serving.folder.walk import walk
from serving.folder.work import Task, Worker
from serving.reading import Limits

ROOT = Path(__file__).parents[2]
DIGITS = [sys.executable, "-c", "from serving.cli import main; main()"]


def run(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*DIGITS, *map(str, arguments)]
    environment = os.environ | {"DIGITS_MODELS": str(ROOT / "models")}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


@pytest.fixture
def folder(tmp_path: Path, digits: list[bytes], broken: dict[str, bytes]) -> Path:
    """Ten digits and every kind of broken file, in subfolders, under names that are awkward."""
    (tmp_path / "scans" / "b" / "deep").mkdir(parents=True)
    (tmp_path / "scans" / ".hidden").mkdir()
    for digit, data in enumerate(digits):
        (tmp_path / "scans" / "b" / f"{digit}, “quoted”\n.png").write_bytes(data)
    for reason, data in broken.items():
        (tmp_path / "scans" / "b" / "deep" / f"{reason}.png").write_bytes(data)
    (tmp_path / "scans" / ".hidden" / "a.png").write_bytes(digits[0])
    (tmp_path / "scans" / "README").write_text("about these scans")
    return tmp_path / "scans"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_every_file_has_one_row_in_a_stable_order(folder: Path, tmp_path: Path) -> None:
    result = run("predict", folder, "-o", tmp_path / "out.csv")
    assert result.returncode == 0, result.stderr
    rows = rows_of(tmp_path / "out.csv")
    assert [row["source"] for row in rows] == list(walk(str(folder), ALL))
    assert len(rows) == 18
    by_name = {Path(row["source"]).name: row for row in rows}
    for digit in range(10):
        assert by_name[f"{digit}, “quoted”\n.png"]["digit"] == str(digit)
    for reason in ("empty", "truncated", "damaged", "not_an_image", "too_many_pixels", "too_many_bytes"):
        assert (by_name[f"{reason}.png"]["status"], by_name[f"{reason}.png"]["reason"]) == ("rejected", reason)
    assert "18 found = 10 digit + 0 unsure + 0 not_a_digit + 0 blank + 8 rejected" in result.stderr


def test_the_columns_are_the_contracts(folder: Path, tmp_path: Path) -> None:
    run("predict", folder, "-o", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"source,status,digit,name,confidence,reason,model\r\n")
    run("predict", folder, "-o", tmp_path / "all.csv", "--probabilities")
    rows = rows_of(tmp_path / "all.csv")
    assert list(rows[0])[7:] == [f"p{place}" for place in range(10)]
    seven = next(row for row in rows if row["digit"] == "7")
    assert sum(float(seven[f"p{place}"]) for place in range(10)) == pytest.approx(1, abs=1e-6)


def test_json_lines_hold_the_answer_object(folder: Path, tmp_path: Path) -> None:
    assert run("predict", folder, "-o", tmp_path / "out.jsonl").returncode == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 18
    assert [row["index"] for row in rows] == list(range(18))
    assert list(rows[0]) == [
        "source", "index", "status", "digit", "name", "confidence", "probabilities", "reason", "message", "model",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_status_is_written_and_counted(form: Format, folder: Path, doubting: Model, tmp_path: Path) -> None:
    Image.new("L", (40, 40), 255).save(folder / "blank.png")
    output = tmp_path / "out"
    worker = Worker(doubting, Limits(), Shape(form))
    done = worker(Task(0, list(walk(str(folder), ALL))))
    output.write_bytes(Rows(worker.shape, doubting.identity, doubting.card).head + done.rows)
    lines = rows_of(output) if form == "csv" else [json.loads(line) for line in output.read_text().splitlines()]
    by_name = {Path(str(row["source"])).name: row for row in lines}
    expected = dict.fromkeys(range(10), "digit") | {3: "not_a_digit", 5: "unsure"}
    for digit, status in expected.items():
        row = by_name[f"{digit}, “quoted”\n.png"]
        assert (row["status"], str(row["digit"]), row["name"]) == (status, str(digit), str(digit))
    assert by_name["blank.png"]["status"] == "blank"
    assert done.counts == {"digit": 8, "unsure": 1, "not_a_digit": 1, "blank": 1, "rejected": 8}


def test_a_name_that_is_not_utf8_is_written_as_the_bytes_it_is(tmp_path: Path, digits: list[bytes]) -> None:
    os.makedirs(tmp_path / "scans")  # noqa: PTH103
    with open(os.fsencode(tmp_path / "scans") + b"/\xff.png", "wb") as file:  # noqa: PTH123
        file.write(digits[5])
    assert run("predict", tmp_path / "scans", "-o", tmp_path / "out.csv").returncode == 0
    assert b"/\xff.png,digit,5," in (tmp_path / "out.csv").read_bytes()
    assert run("predict", tmp_path / "scans", "-o", tmp_path / "out.jsonl").returncode == 0
    assert os.fsencode(json.loads((tmp_path / "out.jsonl").read_text())["source"]).endswith(b"/\xff.png")


def test_the_output_is_no_input_even_if_it_lies_among_them(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    for output in ("out.csv", "out.csv", "../scans/out.csv", "../link/out.csv"):
        assert "18 found" in run("predict", ".", "-o", output, "--overwrite", folder=folder).stderr


def test_strict_exits_with_1_when_a_row_is_rejected(folder: Path, tmp_path: Path) -> None:
    assert run("predict", folder, "-o", tmp_path / "out.csv", "--strict").returncode == 1
    assert len(rows_of(tmp_path / "out.csv")) == 18
    assert run("predict", folder / "b" / "7, “quoted”\n.png", "-o", tmp_path / "one.csv", "--strict").returncode == 0


def test_a_file_that_may_not_be_read_has_its_row(tmp_path: Path) -> None:
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    assert run("predict", tmp_path, "-o", tmp_path / "out.csv").returncode == 0
    assert [row["reason"] for row in rows_of(tmp_path / "out.csv")] == ["unreadable", "unreadable"]


def test_an_output_that_is_named_as_an_input_is_refused(folder: Path, digits: list[bytes]) -> None:
    (folder / "in.csv").write_bytes(digits[0])
    result = run("predict", "in.csv", "-o", "in.csv", "--overwrite", folder=folder)
    assert (result.returncode, result.stderr.strip()) == (2, "in.csv is an input and the output")
    assert (folder / "in.csv").read_bytes() == digits[0]


def test_folders_may_be_nested_deeper_than_calls(
    tmp_path: Path, digits: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    depth = sys.getrecursionlimit() + 100
    for _ in range(depth):
        os.mkdir("d")  # noqa: PTH102
        os.chdir("d")
    Path("a.png").write_bytes(digits[0])
    monkeypatch.chdir(tmp_path)
    assert sum(1 for _ in walk("d", ALL)) == 1
    for _ in range(depth):  # pytest's own cleaning up would go as deep as its calls allow
        os.chdir("d")
    Path("a.png").unlink()
    for _ in range(depth):
        os.chdir("..")
        os.rmdir("d")  # noqa: PTH106


def test_a_folder_that_may_not_be_listed_has_a_row(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.fspath(path).rstrip("/").endswith("deep"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    assert str(folder / "b" / "deep") in list(walk(str(folder), ALL))


def test_an_empty_folder_gives_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("predict", tmp_path / "empty", "-o", tmp_path / "out.csv")
    assert result.returncode == 0
    assert "0 found" in result.stderr
    assert rows_of(tmp_path / "out.csv") == []


def test_standard_input_names_files_and_standard_output_has_their_rows(folder: Path) -> None:
    names = [f"b/{digit}, “quoted”\n.png" for digit in (7, 3)] + ["missing.png", "README"]
    told = subprocess.run(
        [*DIGITS, "predict", "-", "--quiet"], input="\0".join(names).encode(), capture_output=True, cwd=folder,
        env=os.environ | {"DIGITS_MODELS": str(ROOT / "models")}, check=True,
    )  # fmt: skip
    rows = csv.DictReader(io.StringIO(told.stdout.decode(), newline=""))
    expected = [(names[0], "7"), (names[1], "3"), ("missing.png", "unreadable"), ("README", "not_an_image")]
    assert [(row["source"], row["digit"] or row["reason"]) for row in rows] == expected
    assert told.stderr == b""


def test_patterns_that_match_nothing_give_an_empty_table_too(folder: Path, tmp_path: Path) -> None:
    result = run("predict", folder, "-o", tmp_path / "out.csv", "--include", "*.tiff")
    assert result.returncode == 0
    assert result.stderr.startswith("0 found = 0 digit")
    assert rows_of(tmp_path / "out.csv") == []


def test_a_file_that_is_called_an_archive_and_is_none_has_its_row(tmp_path: Path) -> None:
    (tmp_path / "scans.zip").write_text("no archive")
    result = run("predict", "scans.zip", "-o", "out.csv", "--strict", folder=tmp_path)
    assert result.returncode == 1
    assert [(row["source"], row["reason"]) for row in rows_of(tmp_path / "out.csv")] == [("scans.zip", "not_an_image")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing", "-o", "out.csv"], 2, "missing does not exist"),
        (["*.tiff", "-o", "out.csv"], 2, "*.tiff matches nothing"),
        (["nonsense://scans", "-o", "out.csv"], 2, "nonsense://scans cannot be listed: Protocol not known: nonsense"),
        (["--list", "missing.txt", "-o", "out.csv"], 2, "missing.txt does not exist"),
        (["--list", "scans", "-o", "out.csv"], 2, "scans is a folder; --list takes a file of names"),
        (["scans", "-o", "out.xls"], 2, "out.xls must end in .csv, .jsonl or .parquet, or say --format"),
        (["scans", "-o", "old.csv"], 2, "old.csv exists; choose another name, or give --overwrite"),
        (["scans", "-o", "nowhere/out.csv"], 3, "nowhere/out.csv: No such file or directory"),
        (["scans", "-o", "out.csv", "--model", "convnot"], 2, "There is no model 'convnot'. Models: champion, "),
        (["scans", "-o", "out.csv", "--models", "scans"], 2, "scans holds no models"),
        (["scans", "-o", "/dev/full/out.csv"], 3, "/dev/full/out.csv: Not a directory"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_mistake_gets_one_clear_line(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("precious")
    result = run("predict", *arguments, folder=tmp_path)
    assert result.returncode == code
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "old.csv").read_text() == "precious"
    assert not (tmp_path / "out.csv").exists()


MANY = 30_000
"""Files that take more than a second."""


def test_ctrl_c_keeps_the_rows_so_far_and_says_where(tmp_path: Path, digits: list[bytes]) -> None:
    (tmp_path / "scans").mkdir()
    for place in range(MANY):
        if place < 10:
            (tmp_path / f"{place}.png").write_bytes(digits[place])
        (tmp_path / "scans" / f"{place}.png").hardlink_to(tmp_path / f"{place % 10}.png")
    command = [*DIGITS, "predict", "scans", "-o", "out.csv"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"DIGITS_MODELS": str(ROOT / "models")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  background jobs inherit it ignored
    )
    part = tmp_path / "out.csv.part"
    until = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 1_000) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "out.csv.part has the rows so far; the same command goes on from there" in told
    assert 0 < len(rows_of(part)) < MANY
    assert not (tmp_path / "out.csv").exists()


def test_help_names_the_exit_codes() -> None:
    result = CliRunner().invoke(app, ["predict", "--help"])
    assert result.exit_code == 0
    assert "130 interrupted" in " ".join(result.output.split())


def test_the_models_are_listed() -> None:
    result = CliRunner().invoke(app, ["models", "--models", str(ROOT / "models")])
    assert result.exit_code == 0
    assert "convnet" in result.output
