"""What digits predict writes, read again with other people's readers, and what it says when it cannot write."""

import csv
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
import typer
from job_here import Here, predict_here
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from serving.catalogue import Model
from serving.cli import app
from serving.commands import job as jobs
from serving.commands.ends import faults_told
from serving.folder import finishing, parquet, run, watching
from serving.folder.rows import Format, Shape
from serving.folder.sorting import Sorting

ROOT = Path(__file__).parents[2]
DIGITS = [sys.executable, "-c", "from serving.cli import main; main()"]
AWKWARD = [b'a,b "c"\n\r d.png', b"\xff\xfe.png", "Zähler ☃.png".encode(), b"\\xff.png", b" 7.png", b"=1+1.png"]


def command(*arguments: object, folder: Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"DIGITS_MODELS": str(ROOT / "models")}
    given = [*DIGITS, "predict", *map(str, arguments)]
    return subprocess.run(given, cwd=folder, env=environment, check=False, **({"capture_output": True} | more))


@pytest.fixture
def scans(tmp_path: Path, digits: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Digits 0 to 9 of which a doubting model is unsure of 5 and takes 3 for none, a blank picture, a broken one."""
    folder = tmp_path / "scans"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    for digit, data in enumerate(digits):
        (folder / f"{digit}.png").write_bytes(data)
    Image.new("L", (40, 40), 255).save(folder / "blank.png")
    (folder / "broken.png").write_bytes(digits[0][:50])
    return folder


@pytest.fixture
def awkward(tmp_path: Path, digits: list[bytes]) -> Path:
    folder = tmp_path / "awkward"
    folder.mkdir()
    for name, data in zip(AWKWARD, digits, strict=False):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(data)
    return folder


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def form(request: pytest.FixtureRequest) -> Format:
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return cast("Format", request.param)


@pytest.fixture
def pq() -> Any:
    """Parquet's library."""
    return pytest.importorskip("pyarrow.parquet")


def read(path: Path) -> list[dict[str, Any]]:
    """Rows as a foreign reader has them."""
    match path.suffix:
        case ".csv":
            with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
                return list(csv.DictReader(file, strict=True))
        case ".jsonl":
            return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
        case _:
            from pyarrow import parquet as pq

            return list(pq.read_table(path).to_pylist())


def test_awkward_names_come_back_as_they_are(form: Format, awkward: Path, model: Model, tmp_path: Path) -> None:
    output = tmp_path / f"out.{form}"
    predict_here([awkward], model, output, Shape(form))
    rows = {os.fsencode(row["source"]).rpartition(b"/")[2]: int(row["digit"]) for row in read(output)}
    names = {name: digit for digit, name in enumerate(AWKWARD)}
    if form == "parquet":  # its texts are UTF-8; the bytes of another name are told as escapes
        names[rb"\xff\xfe.png"] = names.pop(b"\xff\xfe.png")
    assert rows == names


def test_a_csv_is_as_rfc_4180_says(awkward: Path, model: Model, tmp_path: Path) -> None:
    predict_here([awkward], model, tmp_path / "out.csv", Shape())
    data = (tmp_path / "out.csv").read_bytes()
    assert b'a,b ""c""\n\r d.png",digit,0,0,' in data
    assert data.endswith(b"\r\n")
    assert data.replace(b"\n\r d.png", b"").count(b"\n") == data.count(b"\r\n") == len(AWKWARD) + 1


def test_every_format_tells_the_same(form: Format, scans: Path, doubting: Model, tmp_path: Path) -> None:
    output, told = tmp_path / f"out.{form}", tmp_path / "told.jsonl"
    predict_here([scans], doubting, output, Shape(form, probabilities=True, top=2))
    predict_here([scans], doubting, told, Shape("jsonl", top=2))
    rows, objects = read(output), read(told)
    assert [one["status"] for one in objects].count("digit") == 8
    assert {one["status"] for one in objects} == {"digit", "unsure", "not_a_digit", "blank", "rejected"}
    assert len(rows) == 12
    if form == "jsonl":
        assert rows == objects
        return
    for row, expected in zip(rows, objects, strict=True):
        for key in ("source", "status", "digit", "name", "confidence", "reason", "model"):
            assert _same(row[key], expected[key]), key
        for place in range(10):
            assert _same(row[f"p{place}"], expected["probabilities"] and expected["probabilities"][place])
        for rank in (1, 2):
            ranked = expected.get("top") and expected["top"][rank - 1]
            assert _same(row[f"top{rank}"], ranked and ranked["digit"])
            assert _same(row[f"top{rank}_probability"], ranked and ranked["probability"])


def _same(cell: object, value: object) -> bool:
    """A cell of a CSV is a text, and empty where there is nothing."""
    return cell == value or cell == ("" if value is None else str(value))


def test_parquet_has_the_columns_of_the_csv_with_types(scans: Path, doubting: Model, tmp_path: Path, pq: Any) -> None:
    shape = {"probabilities": True, "top": 1}
    predict_here([scans], doubting, tmp_path / "out.csv", Shape("csv", **shape))
    predict_here([scans], doubting, tmp_path / "out.parquet", Shape("parquet", **shape))
    import pyarrow as pa

    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.names == list(read(tmp_path / "out.csv")[0])
    types = {"digit": pa.int8(), "top1": pa.int8(), "confidence": pa.float64(), "top1_probability": pa.float64()}
    types |= {f"p{place}": pa.float64() for place in range(10)}
    assert {field.name: field.type for field in schema} == dict.fromkeys(schema.names, pa.string()) | types
    assert not list(tmp_path.glob("out.parquet.*"))


def test_parquet_of_no_files_has_columns(model: Model, tmp_path: Path, pq: Any) -> None:
    (tmp_path / "empty").mkdir()
    predict_here([tmp_path / "empty"], model, tmp_path / "out.parquet", Shape("parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert (table.num_rows, table.num_columns) == (0, 7)


def test_parquet_is_made_a_group_of_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pq: Any) -> None:
    monkeypatch.setattr(parquet, "GROUP", 1000)
    monkeypatch.setattr(parquet, "BLOCK", 10_000)
    lines = [f"{place}.png,digit,{place % 10},{place % 10},0.{place:07d},,m@0\r\n" for place in range(2500)]
    (tmp_path / "rows.csv").write_text("source,status,digit,name,confidence,reason,model\r\n" + "".join(lines), newline="")
    steps: list[None] = []
    parquet.convert(tmp_path / "rows.csv", tmp_path / "out.parquet", lambda: steps.append(None))
    file = pq.ParquetFile(tmp_path / "out.parquet")
    assert [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)] == [1000, 1000, 500]
    assert len(steps) == 3
    rows = file.read().to_pylist()
    assert [row["source"] for row in rows] == [f"{place}.png" for place in range(2500)]
    assert [row["confidence"] for row in rows] == [float(f"0.{place:07d}") for place in range(2500)]


@pytest.mark.usefixtures("pq")
def test_parquet_that_is_cut_off_anywhere_ends_in_the_same_bytes(
    scans: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_here([scans], model, tmp_path / "whole.parquet", Shape("parquet"))
    output = tmp_path / "out.parquet"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("sync", "publish", "parquet.convert"):
        module, _, function = name.rpartition(".")
        with monkeypatch.context() as patch:
            patch.setattr(getattr(finishing, module) if module else finishing, function, killed)
            with pytest.raises(KeyboardInterrupt):
                predict_here([scans], model, output, Shape("parquet"))
        assert not output.exists()
        _, answered = predict_here([scans], model, output, Shape("parquet"))
        assert answered == 0, "no finished work is done again"
        assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
        assert not list(tmp_path.glob("out.parquet.*"))
        output.unlink()


def test_without_pyarrow_parquet_says_what_to_install(scans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setenv("DIGITS_MODELS", str(ROOT / "models"))
    result = CliRunner().invoke(app, ["predict", str(scans), "-o", "out.parquet"])
    assert result.exit_code == 2
    assert result.stderr == "Parquet needs the package pyarrow: pip install 'digits[parquet]'\n"
    assert not list(Path().glob("out*"))


def test_top_adds_the_most_probable_classes(scans: Path, doubting: Model, tmp_path: Path) -> None:
    predict_here([scans], doubting, tmp_path / "out.csv", Shape("csv", top=3))
    rows = read(tmp_path / "out.csv")
    assert list(rows[0])[7:] == ["top1", "top1_probability", "top2", "top2_probability", "top3", "top3_probability"]
    five = next(row for row in rows if row["status"] == "unsure")
    assert (five["top1"], five["top1_probability"]) == ("5", five["confidence"])
    assert (five["top2"], five["top3"]) == ("0", "1"), "of equals the lower one first"
    blank = next(row for row in rows if row["status"] == "blank")
    assert blank["top1"] == blank["top3_probability"] == ""


def test_kaggle_has_the_best_guess_where_there_is_one(scans: Path, doubting: Model, tmp_path: Path) -> None:
    (scans / "7.png").rename(scans / "0042.first.png")
    predict_here([scans], doubting, tmp_path / "out.csv", Shape("kaggle"))
    rows = read(tmp_path / "out.csv")
    assert list(rows[0]) == ["ImageId", "Label"]
    labels = {row["ImageId"]: row["Label"] for row in rows}
    assert labels["42"] == "7", "a file's number is what its name begins with"
    assert (labels["3"], labels["5"]) == ("3", "5"), "a best guess, though it is not promised"
    assert [row["Label"] for row in rows[-2:]] == ["", ""], "blank and rejected have none"
    assert [row["ImageId"] for row in rows[-2:]] == ["11", "12"], "without a number it is the place, from 1"


def test_seen_has_the_picture_of_every_row_that_was_read(scans: Path, doubting: Model, tmp_path: Path) -> None:
    predict_here([scans], doubting, tmp_path / "out.csv", Shape(), seen=tmp_path / "deep" / "seen")
    pictures = {path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (tmp_path / "deep" / "seen").iterdir()}
    assert sorted(pictures) == [*(f"{place:08d}-{place}.png" for place in range(10)), "00000010-blank.png"]
    assert {picture.shape for picture in pictures.values()} == {(28, 28)}
    assert not pictures["00000010-blank.png"].any()
    original = cv2.imread(str(scans / "4.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(pictures["00000004-4.png"], original), "one that is as MNIST has it passes unchanged"


def test_the_summary_tells_all_figures(scans: Path, doubting: Model, tmp_path: Path) -> None:
    predict_here([scans], doubting, tmp_path / "out.csv", Shape(), summary=tmp_path / "s.json")
    told = json.loads((tmp_path / "s.json").read_text())
    counts = {"digit": 8, "unsure": 1, "not_a_digit": 1, "blank": 1, "rejected": 1}
    assert {key: told[key] for key in counts} == counts
    assert told["found"] == 12
    assert told["shares"]["digit"] == pytest.approx(8 / 12, abs=1e-6)
    assert told["model"] == doubting.identity
    assert told["model_sha256"] == doubting.card.onnx_sha256
    assert told["seconds"] > 0
    assert told["per_second"] == pytest.approx(12 / told["seconds"], rel=0.3)
    assert (told["resumed"], told["changed"], told["sorted"]) == (0, [], None)
    assert told["versions"]["python"] == sys.version.split()[0]
    assert told["versions"]["onnxruntime"] == doubting.session.library.partition(" ")[2]
    assert set(told["versions"]) == {"digits", "python", "onnxruntime", "numpy", "pillow", "opencv-python-headless"}


def test_the_account_is_checked_by_the_program(
    scans: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = Here.done

    def losing(self: Here, *arguments: Any) -> Any:
        for one in done(self, *arguments):
            one.counts["digit"] -= 1
            yield one

    monkeypatch.setattr(Here, "done", losing)
    with pytest.raises(AssertionError):
        predict_here([scans], model, tmp_path / "out.csv", Shape())
    assert not (tmp_path / "out.csv").exists()


def test_what_a_run_goes_on_from_is_told(
    scans: Path, model: Model, tmp_path: Path, digits: list[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    for place in range(200):
        (scans / f"x{place:03d}.png").write_bytes(digits[place % 10])
    output = tmp_path / "out.csv"
    predict_here([scans], model, tmp_path / "whole.csv", Shape())
    _stop_after(scans, model, output, 128)
    (scans / "x100.png").write_bytes(digits[1] + b"\0")
    (scans / "x101.png").rename(scans / "x101\x1b[31m\n.png")
    capsys.readouterr()
    progress, answered = predict_here([scans], model, output, Shape(), summary=tmp_path / "s.json")
    told = capsys.readouterr().err
    assert (progress.resumed, answered) == (64, 212 - 64)
    assert "going on after 64 rows of an interrupted run\n" in told
    assert "x100.png has changed since the last run\n" in told
    assert "x101\\x1b[31m\\n.png is new since the last run\n" in told
    assert "x101.png is gone since the last run\n" in told
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["resumed"], summary["found"], len(summary["changed"])) == (64, 212, 3)


def _stop_after(scans: Path, model: Model, output: Path, rows: int) -> None:
    """Be asked to stop when so many rows are there."""
    asked = iter([False] * (rows // 64))

    @contextmanager
    def asked_to_stop() -> Iterator[Callable[[], bool]]:
        yield lambda: next(asked, True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "asked_to_stop", asked_to_stop)
        with pytest.raises(run.Stopped):
            predict_here([scans], model, output, Shape())


def test_a_run_whose_files_were_half_moved_is_finished_by_the_same_command(
    scans: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, beside = tmp_path / "out.csv", {"sorting": Sorting("sorted", "moved"), "summary": tmp_path / "s.json"}
    link, moved = os.link, []

    def killed_at_the_sixth(source: str, name: str) -> None:
        if len(moved) == 5:
            raise KeyboardInterrupt
        link(source, name)
        moved.append(name)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", killed_at_the_sixth)
        with pytest.raises(KeyboardInterrupt):
            predict_here([scans], model, output, Shape(), **beside)
    rows = output.read_bytes()
    assert len(list(scans.iterdir())) == 7
    for overwrite in (False, True):  # what remains comes first, or the rows of what has been moved were lost
        with monkeypatch.context() as patch:
            patch.setattr(os, "link", killed_at_the_sixth)
            with pytest.raises(KeyboardInterrupt):
                predict_here([scans], model, output, Shape(), overwrite=overwrite, **beside)
    progress, answered = predict_here([scans], model, output, Shape(), **beside)
    assert (progress.account.found, answered) == (12, 0)
    assert not list(scans.iterdir())
    assert len([path for path in (tmp_path / "sorted").rglob("*") if path.is_file()]) == 12
    assert output.read_bytes() == rows
    told = json.loads((tmp_path / "s.json").read_text())
    assert (told["found"], told["sorted"]) == (12, {"placed": 7, "already": 5, "left": 0, "failed": 0})
    assert sorted(path.name for path in tmp_path.glob("out.csv*")) == ["out.csv"]


def test_a_run_that_waits_to_be_finished_is_not_taken_for_another(scans: Path, model: Model, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "summarise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            predict_here([scans], model, output, Shape(), summary=tmp_path / "s.json")
    assert finishing.finishing_of(output).exists()
    with pytest.raises(typer.Exit):
        predict_here([scans], model, output, Shape(top=1))
    predict_here([scans], model, output, Shape(top=1), overwrite=True)
    assert b"top1" in output.read_bytes()
    assert not finishing.finishing_of(output).exists()


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ("-o nowhere/out.csv", 3, "nowhere/out.csv: No such file or directory"),
        ("-o out.csv --summary nowhere/s.json", 3, "nowhere/s.json: No such file or directory"),
        ("-o out.csv --summary scans", 3, "scans: Is a directory"),
        ("-o out.csv --report nowhere/r.html", 3, "nowhere/r.html: No such file or directory"),
        ("-o out.csv --report ./out.csv", 2, "The output, --report and --summary need a file each"),
        ("-o out.csv --copy-into old.csv", 2, "old.csv is a file; name a folder"),
        ("-o out.csv --copy-into old.csv/x", 2, "old.csv is a file; name a folder"),
        ("-o out.csv --copy-into scans/sorted", 2, "scans/sorted lies in scans, all of which is read; choose a folder"),
        ("-o out.csv --seen scans", 2, "scans lies in scans, all of which is read; choose a folder beside it"),
        ("-o out.csv --seen /proc/seen", 3, "/proc/seen: No such file or directory"),
        ("-o out.csv --move x --copy-into y", 2, "Files are copied or moved, not both: --copy-into or --move"),
        ("a.zip -o out.csv --move x", 2, "What is in a.zip can be copied, not moved: --copy-into"),
        ("--move x", 2, "--copy-into or --move needs the rows in a file: -o FILE"),
        ("--report r.html", 2, "--report needs the rows in a file: -o FILE"),
        ("-o out.csv --kaggle --report r.html", 2, "--kaggle tells too little of a file for --report; leave one of them"),
        ("-o out.jsonl --kaggle", 2, "--kaggle writes a CSV: end the output in .csv"),
        ("--format parquet", 2, "Parquet cannot go to standard output: -o OUT.parquet"),
        ("missing -o out.csv --move new --seen other", 2, "missing does not exist"),
        ("-o old.csv", 2, "old.csv exists; choose another name, or give --overwrite"),
    ],
)
def test_what_cannot_be_written_is_found_before_the_work(
    given: str, code: int, message: str, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("old.csv").write_text("precious")
    Path("a.zip").touch()
    monkeypatch.setenv("DIGITS_MODELS", str(ROOT / "models"))
    monkeypatch.setattr("serving.folder.pool.Pool", None)  # nothing is begun
    result = CliRunner().invoke(app, ["predict", str(scans.name), *given.split()])
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1), result.stderr
    assert result.stderr.startswith(message)
    assert Path("old.csv").read_text() == "precious"
    assert {path.name for path in Path().iterdir()} <= {"old.csv", "a.zip", "scans"}


@pytest.mark.usefixtures("scans")
def test_standard_output_has_the_rows_and_nothing_else(tmp_path: Path) -> None:
    plain, dash = command("scans", folder=tmp_path), command("scans", "-o", "-", "--format", "jsonl", folder=tmp_path)
    assert plain.returncode == dash.returncode == 0
    rows = list(csv.DictReader(plain.stdout.decode().splitlines()))
    objects = [json.loads(line) for line in dash.stdout.splitlines()]
    assert [row["source"] for row in rows] == [one["source"] for one in objects]
    assert len(rows) == 12
    assert plain.stderr.startswith(b"12 found = ")


@pytest.mark.usefixtures("scans")
def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    """As head does."""
    reading, writing = os.pipe()
    os.close(reading)
    result = command("scans", folder=tmp_path, capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.usefixtures("scans")
def test_a_full_standard_output_is_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        result = command("scans", folder=tmp_path, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (3, b"standard output: No space left on device\n")


@pytest.mark.usefixtures("scans")
def test_a_disk_that_is_full_when_all_rows_are_there_costs_none_of_them(tmp_path: Path, pq: Any) -> None:
    arguments = ["scans", "-o", "out.parquet", "--report", "r.html", "--strict", "-q"]

    def room(size: int) -> Callable[[], None]:
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    for size, name in ((2_000, b"out.parquet"), (9_000, b"r.html")):  # the rows take 1 kB, the file 5 kB, the page 15 kB
        full = command(*arguments, folder=tmp_path, preexec_fn=room(size))
        assert (full.returncode, full.stderr) == (3, name + b": File too large\n")
        assert not (tmp_path / "r.html").exists()
    done = command(*arguments, folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, b""), "quiet, and strict about the broken file"
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 12
    assert (tmp_path / "r.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "r.html", "scans"]


def test_ctrl_c_while_files_are_sorted_ends_with_130_and_the_same_command_goes_on(
    scans: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link = os.link

    def interrupted(source: str, name: str) -> None:
        link(source, name)
        os.kill(os.getpid(), signal.SIGINT)

    beside = {"sorting": Sorting("sorted", "moved")}
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", interrupted)
        with pytest.raises(typer.Exit) as ended, faults_told(Path("out.csv")):
            predict_here([scans], model, Path("out.csv"), Shape(), **beside)
    assert ended.value.exit_code == 130
    assert "Stopped. All rows of out.csv are there; the same command does what remains." in capsys.readouterr().err
    assert len(list(scans.iterdir())) == 11
    predict_here([scans], model, Path("out.csv"), Shape(), **beside)
    assert not list(scans.iterdir())
    assert "sorted: 11 files moved, 1 were there" in capsys.readouterr().err
    assert len(read(tmp_path / "out.csv")) == 12


def test_files_that_cannot_be_sorted_are_named_and_tried_again(
    scans: Path, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beside, copyfile = {"sorting": Sorting("sorted", "copied")}, shutil.copyfile

    def refuse(source: str, name: str) -> None:
        if source.endswith("7.png"):
            raise PermissionError(13, "Permission denied")
        copyfile(source, name)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", refuse)
        with pytest.raises(typer.Exit) as ended, faults_told(Path("out.csv")):
            predict_here([scans.name], model, Path("out.csv"), Shape(), **beside)
    told = capsys.readouterr().err
    assert ended.value.exit_code == 3
    assert "scans/7.png cannot be copied to sorted/7: Permission denied\n" in told
    assert "1 file was left where it is. All rows of out.csv are there; the same command does what remains." in told
    predict_here([scans.name], model, Path("out.csv"), Shape(), **beside)
    assert Path("sorted/7/7.png").exists()


def test_a_log_gets_a_line_now_and_then(
    scans: Path, model: Model, digits: list[bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in range(200):
        (scans / f"x{place}.png").write_bytes(digits[1])
    monkeypatch.setattr(watching, "LINE_SECONDS", 0.0)
    predict_here([scans], model, Path("out.csv"), Shape())
    lines = capsys.readouterr().err.splitlines()
    pattern = r"64( of 212)? done, [\d,]+/s(, \d+ s left)?: 62 digit 1 blank 1 rejected"
    assert [line for line in lines if re.fullmatch(pattern, line)], lines
    monkeypatch.setattr(watching, "LINE_SECONDS", 1000.0)
    predict_here([scans], model, Path("other.csv"), Shape())
    assert len(capsys.readouterr().err.splitlines()) == 2, "nothing before the accounting line"


def test_a_terminal_gets_a_table_and_the_accounting_line(
    scans: Path, doubting: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, highlight=False, no_color=True)
    monkeypatch.setattr(jobs, "console", screen)
    predict_here([scans], doubting, Path("out.csv"), Shape())
    told = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "12 found = 8 digit + 1 unsure + 1 not_a_digit + 1 blank + 1 rejected" in told
    for line in ("digit +8 +66.7%", "blank +1 +8.3%", r"\d files/s by " + doubting.identity):
        assert re.search(line, told), line
