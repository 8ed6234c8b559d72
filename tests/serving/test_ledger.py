"""Numbers in a file: bounded names, one writer, any readers, and no end with the process."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.ledger import NAME_BYTES, OTHER, Ledger, Table, read

TABLES = {"animals": Table(4, 2), "single": Table(1, 3)}

COUNTING = """
import sys
from pathlib import Path
from serving.ledger import Ledger, Table

ledger = Ledger({"pairs": Table(3, 2)}, Path(sys.argv[1]))
row, numbers = ledger.rows["pairs"]["pair",], ledger.numbers
for count in range(1, int(sys.argv[2]) + 1):
    numbers[row] += 1
    numbers[row + 1] += 1
    if count % 1000 == 0:
        print(count, flush=True)
"""
PAIRS = {"pairs": Table(3, 2)}


@contextmanager
def counting(path: Path, times: int) -> Iterator[subprocess.Popen[str]]:
    """A process that adds 1 to each number of a pair so many times, and tells of every thousandth."""
    command = [sys.executable, "-c", COUNTING, str(path), str(times)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def pair(path: Path) -> tuple[float, float]:
    told = read(PAIRS, path)
    first, second = told["pairs"]["pair",] if told and ("pair",) in told["pairs"] else (0.0, 0.0)
    return float(first), float(second)


def test_what_is_added_is_read_by_name(tmp_path: Path) -> None:
    ledger = Ledger(TABLES, tmp_path / "x")
    ledger.numbers[ledger.rows["animals"]["cat", 9]] += 2
    ledger.numbers[ledger.rows["animals"]["cat", 9] + 1] += 0.5
    ledger.numbers[ledger.rows["single"].first + 2] += 7
    told = read(TABLES, tmp_path / "x")
    assert told is not None
    assert told["animals"]["cat", "9"].tolist() == [2, 0.5]
    assert told["single"][OTHER,].tolist() == [0, 0, 7]
    assert ledger.read()["animals"]["cat", "9"].tolist() == [2, 0.5]


def test_names_beyond_a_tables_bound_share_one_row(tmp_path: Path) -> None:
    ledger = Ledger(TABLES, tmp_path / "x")
    for place in range(1000):
        ledger.numbers[ledger.rows["animals"][f"animal {place}",]] += 1
    told = ledger.read()["animals"]
    assert {name: row[0] for name, row in told.items()} == {
        (OTHER,): 997, ("animal 0",): 1, ("animal 1",): 1, ("animal 2",): 1,
    }  # fmt: skip
    assert len(ledger.rows["animals"]) == 3, "what has no row of its own is not remembered either"


@pytest.mark.parametrize("name", ["é" * NAME_BYTES, "x" * (NAME_BYTES + 1)])
def test_a_name_that_is_too_long_has_no_row_of_its_own(name: str) -> None:
    ledger = Ledger(TABLES)
    ledger.numbers[ledger.rows["animals"][name,]] += 1
    assert ledger.read()["animals"][OTHER,][0] == 1


@pytest.mark.parametrize("name", ["é" * 62, "a\nb", "sept \ud800", "a\tb", "", " "])
def test_any_other_text_is_a_name(name: str) -> None:
    ledger = Ledger(TABLES)
    ledger.numbers[ledger.rows["animals"]["is", name]] += 1
    told = name.replace("\ud800", "?").replace("\t", " ")
    assert ledger.read()["animals"]["is", told][0] == 1


def test_whoever_opens_a_file_again_goes_on_from_its_numbers(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        ledger = Ledger(TABLES, tmp_path / "x")
        ledger.numbers[ledger.rows["animals"]["cat",]] += 1
        ledger.numbers[ledger.rows["animals"][f"newcomer {expected}",]] += 1
        told = ledger.read()["animals"]
        assert told["cat",][0] == expected
        assert len(told) == min(expected + 2, 4)


def test_a_table_can_begin_again() -> None:
    ledger = Ledger(TABLES)
    for _ in range(2):
        ledger.rows["animals"].forget()
        for name in ("cat", "dog", "cow", "hen"):
            ledger.numbers[ledger.rows["animals"][name,]] += 1
        assert {name: row[0] for name, row in ledger.read()["animals"].items()} == {
            (OTHER,): 1, ("cat",): 1, ("dog",): 1, ("cow",): 1,
        }  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"x", bytes(100_000)])
def test_what_is_no_ledger_of_these_tables_is_not_read_and_gives_way(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert read(TABLES, path) is None
    Ledger(TABLES, path)
    assert read(TABLES, path) is not None
    assert list(tmp_path.iterdir()) == [path]


def test_a_ledger_of_other_tables_is_not_read(tmp_path: Path) -> None:
    Ledger({"animals": Table(2, 3)}, tmp_path / "x")
    assert read({"animals": Table(2, 3)}, tmp_path / "x") is not None
    assert read({"beasts": Table(2, 3)}, tmp_path / "x") is None


def test_a_missing_file_is_not_read(tmp_path: Path) -> None:
    assert read(TABLES, tmp_path / "x") is None


def test_two_processes_count_and_a_third_reads_meanwhile(tmp_path: Path) -> None:
    times, paths = 300_000, [tmp_path / "a", tmp_path / "b"]
    before, looks = [(0.0, 0.0)] * 2, 0
    with counting(paths[0], times) as one, counting(paths[1], times) as other:
        while one.poll() is None or other.poll() is None:
            now = [pair(path) for path in paths]
            for (first, second), earlier in zip(now, before, strict=True):
                assert first >= earlier[0]
                assert second >= earlier[1], "a count never goes back"
                assert first.is_integer()
                assert abs(first - second) <= 1000, "both numbers are of about the same moment"
            before, looks = now, looks + any(0 < first < times for first, _ in now)
    assert [pair(path) for path in paths] == [(times, times)] * 2, "nothing is lost"
    assert looks > 3, "it was read meanwhile"


def test_a_killed_processes_numbers_stay_and_are_gone_on_from(tmp_path: Path) -> None:
    path, told = tmp_path / "x", 0
    with counting(path, 10**9) as process:
        assert process.stdout is not None
        for _ in range(5):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait()
    left = pair(path)
    assert left[0] >= told == 5000
    assert 0 <= left[0] - left[1] <= 1
    with counting(path, 1000) as process:
        process.wait()
    assert pair(path) == (left[0] + 1000, left[1] + 1000)
