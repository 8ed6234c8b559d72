"""A file that ends the process that reads it: it has its row, and nobody else pays for it."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from crashing import ABORTS, KILLED, ONCE, CrashingRecipe, StillbornRecipe

from serving.folder.chosen import ALL
from serving.folder.pool import Pool, Recipe
from serving.folder.rows import Shape
from serving.folder.walk import walk
from serving.folder.work import BATCH, Done
from serving.reading import Limits

MODEL = Path(__file__).parents[2] / "models" / "convnet"
FILES = 5 * BATCH + 7


@pytest.fixture
def scans(tmp_path: Path, digits: list[bytes]) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for place in range(FILES):
        (folder / f"{place:04d}.png").write_bytes(digits[place % 10])
    return folder


def done(recipe: Recipe, scans: Path, first: int = 0) -> list[Done]:
    engine = Pool(recipe, 2)
    try:
        return list(engine.done(walk(str(scans), ALL), first, lambda: False))
    finally:
        engine.close()


def rows(parts: list[Done]) -> Iterator[tuple[str, str, str, str]]:
    for source, status, digit, _name, _confidence, reason, _model in csv.reader(
        io.StringIO(b"".join(one.rows for one in parts).decode())
    ):
        yield Path(source).name, status, digit, reason


def test_exactly_the_file_that_ends_its_process_is_refused(scans: Path) -> None:
    crashing = {70: ABORTS, 71: KILLED, FILES - 1: ABORTS}
    for place, data in crashing.items():
        (scans / f"{place:04d}.png").write_bytes(data)
    parts = done(CrashingRecipe(MODEL, Limits(), Shape()), scans)
    assert list(rows(parts)) == [
        (f"{place:04d}.png", "rejected", "", "crashed")
        if place in crashing
        else (f"{place:04d}.png", "digit", str(place % 10), "")
        for place in range(FILES)
    ]
    assert sum((one.counts for one in parts), Counter[str]()) == {"digit": FILES - 3, "rejected": 3}


def test_a_crashed_file_keeps_its_stamp_so_that_a_run_goes_on_after_it(scans: Path) -> None:
    whole = b"".join(one.entries for one in done(Recipe(MODEL, Limits(), Shape()), scans)).splitlines()
    (scans / "0070.png").write_bytes(ABORTS)
    crashed = b"".join(one.entries for one in done(CrashingRecipe(MODEL, Limits(), Shape()), scans)).splitlines()
    assert [new for new, old in zip(crashed, whole, strict=True) if new != old] == [crashed[70]]
    assert crashed[70].startswith(f"{len(ABORTS)} {(scans / '0070.png').stat().st_mtime_ns}\t".encode())


def test_what_the_model_saw_is_written_under_its_own_rows_place_even_after_a_crash(scans: Path, tmp_path: Path) -> None:
    (scans / "0070.png").write_bytes(ABORTS)
    seen = tmp_path / "seen"
    seen.mkdir()
    done(CrashingRecipe(MODEL, Limits(), Shape(), seen), scans, first=1000)
    assert sorted(path.name for path in seen.iterdir()) == [
        f"{1000 + place:08d}-{place:04d}.png" for place in range(FILES) if place != 70
    ]


def test_what_ends_a_process_once_and_not_again_is_read(scans: Path) -> None:
    (scans / "0130.png").write_bytes(ONCE)
    assert list(rows(done(CrashingRecipe(MODEL, Limits(), Shape()), scans)))[130] == (
        "0130.png",
        "rejected",
        "",
        "not_an_image",
    )


def test_processes_that_end_before_they_begin_end_the_run_instead_of_blaming_files(scans: Path) -> None:
    with pytest.raises(ChildProcessError, match="a process ends before it can do anything"):
        done(StillbornRecipe(MODEL, Limits(), Shape()), scans)
