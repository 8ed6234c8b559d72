"""A run that is cut off anywhere goes on, and ends in the same bytes."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.catalogue import Model
from serving.folder import run
from serving.folder.chosen import ALL
from serving.folder.items import Item
from serving.folder.journal import Journal, OtherRun
from serving.folder.rows import Format, Rows, Shape
from serving.folder.sinks import part_of
from serving.folder.walk import walk
from serving.folder.work import BATCH, Done, Task, Worker
from serving.reading import Limits

HEADER = {"model": "convnet@0", "shape": "csv"}
FILES = 5 * BATCH + 7


class Here:
    """An engine without processes: a batch a task."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.tasks = worker, 0

    def done(self, items: Iterator[Item], first: int, should_stop: Callable[[], bool]) -> Iterator[Done]:
        remaining = list(items)
        for start in range(0, len(remaining), BATCH):
            if should_stop():
                return
            self.tasks += 1
            yield self.worker(Task(first + start, remaining[start : start + BATCH]))

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory, digits: list[bytes]) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    for place in range(FILES):
        data = digits[place % 10] if place % 9 else b"no picture"
        awkward = "\n\\n" if place % 50 == 3 else ""
        (folder / f"{place:04d}{awkward}.png").write_bytes(data)
    return folder


def predict(scans: Path, output: Path, model: Model, form: Format = "csv", stop_after: int | None = None) -> run.Progress:
    worker = Worker(model, Limits(), Shape(form))
    engine = Here(worker)
    head = Rows(worker.shape, model.identity, model.card).head
    return run.to_file(
        walk(str(scans), ALL), engine, output, head, HEADER, lambda _progress: None,
        lambda: stop_after is not None and engine.tasks >= stop_after,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(scans: Path, tmp_path_factory: pytest.TempPathFactory, model: Model) -> tuple[bytes, bytes]:
    """The rows and the journal of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("whole") / "out.csv"
    predict(scans, output, model)
    return part_of(output).read_bytes(), run.journal_of(output).read_bytes()


@pytest.mark.parametrize("seed", range(200))
def test_whatever_reached_the_disk_the_finished_rows_are_the_same(
    seed: int, scans: Path, whole: tuple[bytes, bytes], model: Model, tmp_path: Path
) -> None:
    rows, journal = whole
    rng, output = random.Random(seed), tmp_path / "out.csv"  # noqa: S311
    # What a kill leaves: prefixes. What a lost power leaves: either may be further on disk than the other, and pages that
    # were never written are zeros.
    kept_rows, kept_journal = rng.randrange(len(rows) + 1), rng.randrange(len(journal) + 1)
    lost = rng.choice([0, 0, 4096, 100])
    part_of(output).write_bytes(rows[: max(0, kept_rows - lost)] + bytes(min(lost, kept_rows)))
    run.journal_of(output).write_bytes(journal[:kept_journal])
    progress = predict(scans, output, model)
    assert part_of(output).read_bytes() == rows
    assert progress.account.found == FILES == progress.account.counts.total()
    assert progress.noticed == []


def test_finished_work_is_not_done_again(scans: Path, model: Model, tmp_path: Path, whole: tuple[bytes, bytes]) -> None:
    output = tmp_path / "out.csv"
    with pytest.raises(run.Stopped):
        predict(scans, output, model, stop_after=3)
    progress = predict(scans, output, model)
    assert progress.resumed == 3 * BATCH
    assert part_of(output).read_bytes() == whole[0]


@pytest.fixture
def copied(scans: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scans, tmp_path / "copied", copy_function=shutil.copy2))


def test_what_has_changed_since_is_named_and_done_again(
    copied: Path, model: Model, tmp_path: Path, digits: list[bytes]
) -> None:
    output = tmp_path / "out.csv"
    with pytest.raises(run.Stopped):
        predict(copied, output, model, stop_after=4)
    names = sorted(path.name for path in copied.iterdir())
    (copied / names[70]).write_bytes(digits[1] + b" ")
    (copied / names[71]).unlink()
    (copied / names[200]).unlink()
    (copied / (names[72] + "a.png")).write_bytes(digits[2])
    progress = predict(copied, output, model)
    assert progress.resumed == BATCH, "what lies before the first change stands"
    told = "\n".join(progress.noticed)
    assert f"{names[70]} has changed since the last run" in told
    assert f"{names[71]} is gone since the last run" in told
    assert f"{names[200]} is gone since the last run" in told
    assert f"{names[72]}a.png is new since the last run" in told
    assert len(progress.noticed) == 4
    fresh = tmp_path / "fresh.csv"
    predict(copied, fresh, model)
    assert part_of(output).read_bytes() == part_of(fresh).read_bytes()


def test_a_run_with_other_options_is_not_continued(scans: Path, model: Model, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    with pytest.raises(run.Stopped):
        predict(scans, output, model, stop_after=2)
    before = part_of(output).read_bytes()
    with Journal(run.journal_of(output), HEADER | {"model": "reader@0"}) as journal, part_of(output).open("r+b") as file:
        with pytest.raises(OtherRun, match="another model"):
            journal.resume(walk(str(scans), ALL), file)
        with pytest.raises(OtherRun, match="another run is writing it"):
            Journal(run.journal_of(output), HEADER)
    assert part_of(output).read_bytes() == before
