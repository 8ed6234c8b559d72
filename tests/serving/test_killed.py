"""The command itself, killed at any instant or out of room and started again: it ends in the same bytes."""

import json
import os
import random
import resource
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from started import DIGITS

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"DIGITS_MODELS": str(ROOT / "models")}
KILLS, SEED = 100, 6
FILES = 4000
"""They take about as long as the command's start does, so that kills come in both."""


@pytest.fixture
def scans(tmp_path: Path, digits: list[bytes]) -> Path:
    """Thousands of files in some folders, a tenth of them cut off."""
    rng, folder = random.Random(SEED), tmp_path / "scans"  # noqa: S311
    for place in range(FILES):
        data = digits[rng.randrange(10)]
        below = folder / f"{place // 500}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"{place:04d}.png").write_bytes(data if place % 10 else data[: rng.randrange(len(data))])
    return folder


def command(output: str, *more: str) -> list[str]:
    return [*DIGITS, "predict", "scans", "-o", output, "--model", "convnet", "--workers", "2", "--quiet", *more]


def finish(folder: Path, output: str, *more: str) -> None:
    subprocess.run(command(output, *more), cwd=folder, env=ENVIRONMENT, check=True)


def committed(folder: Path) -> tuple[bytes, int]:
    """A run's journal up to its last whole commit, and how many files are finished there."""
    data = b"".join(path.read_bytes() for path in folder.glob("out.csv.*") if path.suffix in {".journal", ".finishing"})
    end = at = files = finished = 0
    for line in data.splitlines(keepends=True):
        at += len(line)
        if line.startswith(b"=") and line.endswith(b"\n"):
            end, finished = at, files
        elif end:  # what comes before the first commit is the header
            files += 1
    return data[:end], finished


def size_of(path: Path) -> int:
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


def wait_for_rows(process: subprocess.Popen[bytes], part: Path, there: int) -> None:
    """Until there are more rows than there were, or the command has ended."""
    until = time.monotonic() + 60
    while process.poll() is None and size_of(part) <= there and time.monotonic() < until:
        time.sleep(0.002)


def living(groups: set[int]) -> list[int]:
    """The processes of some groups that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _parent, group = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[:3]
            if int(group) in groups and state not in {"Z", "X"}:
                found.append(int(stat.parent.name))
    return found


@pytest.mark.slow
def test_killed_a_hundred_times_it_ends_in_the_same_bytes_and_does_nothing_twice(scans: Path) -> None:
    folder, rng = scans.parent, random.Random(SEED)  # noqa: S311
    began = time.monotonic()
    finish(folder, "whole.csv")
    lasts_s = time.monotonic() - began
    whole = (folder / "whole.csv").read_bytes()
    output, part, summary = folder / "out.csv", folder / "out.csv.part", folder / "out.json"
    kills = amid = rounds = 0
    groups = set[int]()
    while kills < KILLS or list(folder.glob("out.csv.*")):
        (before, finished), there = committed(folder), size_of(part)
        with (folder / "told").open("wb") as told:
            process = subprocess.Popen(
                command("out.csv", "--summary", "out.json"), cwd=folder, env=ENVIRONMENT, stderr=told, start_new_session=True
            )
        groups.add(process.pid)
        assert len(groups) < 10 * KILLS, "it never comes to its end"
        within_s = lasts_s
        if rng.random() < 0.5:  # at any instant of its work, instead of its whole life
            wait_for_rows(process, part, there)
            within_s /= 3
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0, within_s) if kills < KILLS else 120)
        if process.poll() is None:
            kill = os.kill if rng.random() < 0.5 else os.killpg  # itself alone, or its processes with it
            kill(process.pid, signal.SIGKILL)
            kills += process.wait() != 0
        assert process.returncode in {0, -signal.SIGKILL}, (folder / "told").read_text()
        assert not output.exists() or output.read_bytes() == whole
        now, further = committed(folder)
        if process.returncode == 0 or (output.exists() and not list(folder.glob("out.csv.*"))):
            assert output.exists()
            assert json.loads(summary.read_text())["resumed"] == finished
            assert list(folder.glob("out.csv.*")) == []
            output.unlink()
            summary.unlink()
            rounds += 1
        else:
            assert now.startswith(before), "what was finished stays finished"
            amid += finished < further < FILES
    assert min(amid, rounds) >= KILLS / 10, f"kills came at every stage: {amid} amid the work, {rounds} finished runs"
    until = time.monotonic() + 10
    while left := living(groups):
        assert time.monotonic() < until, f"{left} live on without the command that started them"
        time.sleep(0.05)


@pytest.fixture
def few(scans: Path) -> Path:
    """Three hundred of the scans, under the same names."""
    for path in sorted(scans.rglob("*.png"))[300:]:
        path.unlink()
    return scans


def run_with_room(folder: Path, output: str, bytes_of_a_file: int, *more: str) -> str:
    """Run the command on a disk that is soon full. Returns what it says."""

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_a_file, resource.RLIM_INFINITY))

    told = subprocess.run(
        command(output, *more), cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False,
        preexec_fn=little_room,
    )  # fmt: skip
    assert told.returncode == 3, told.stderr
    return told.stderr


@pytest.mark.parametrize("more", [(), ("--kaggle",)], ids=["longer than its journal", "shorter than its journal"])
def test_a_full_disk_is_told_in_one_line_and_the_run_goes_on_when_there_is_room(more: tuple[str, ...], few: Path) -> None:
    folder = few.parent
    finish(folder, "whole.csv", *more)
    for room in (40, 500, 9_000):
        assert run_with_room(folder, "out.csv", room, *more) == "out.csv: File too large\n"
        assert not (folder / "out.csv").exists()
    finish(folder, "out.csv", *more)
    assert (folder / "out.csv").read_bytes() == (folder / "whole.csv").read_bytes()
    assert list(folder.glob("out.csv.*")) == []


def test_what_has_changed_between_two_runs_is_named(few: Path, digits: list[bytes]) -> None:
    folder = few.parent
    run_with_room(folder, "out.csv", 15_000)
    (few / "0" / "0003.png").write_bytes(digits[0] + b" ")
    (few / "0" / "0005.png").unlink()
    (few / "0" / "0006a.png").write_bytes(digits[1])
    subprocess.run(
        command("out.csv", "--summary", "summary.json"),
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [
        "scans/0/0003.png has changed since the last run",
        "scans/0/0006a.png is new since the last run",
        "scans/0/0005.png is gone since the last run",
    ]
    assert json.loads((folder / "summary.json").read_text())["changed"] == expected
    finish(folder, "fresh.csv")
    assert (folder / "out.csv").read_bytes() == (folder / "fresh.csv").read_bytes()
