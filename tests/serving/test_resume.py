"""A run that is cut off anywhere goes on, and ends in the same bytes."""

import io
import random
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.catalogue import Model
from serving.folder import run
from serving.folder.archives import members
from serving.folder.chosen import ALL
from serving.folder.items import Item
from serving.folder.journal import NAMED, Journal, OtherRun
from serving.folder.rows import Format, Rows, Shape
from serving.folder.sinks import part_of
from serving.folder.walk import walk
from serving.folder.work import BATCH, Done, Task, Worker
from serving.reading import Limits

HEADER = {"model": "convnet@0", "shape": "csv"}
FILES = 5 * BATCH + 7


class Here:
    """An engine without processes: a batch a task."""

    grain = BATCH

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
    return predict_items(walk(str(scans), ALL), output, model, form, stop_after)


def predict_items(
    items: Iterator[Item], output: Path, model: Model, form: Format = "csv", stop_after: int | None = None
) -> run.Progress:
    worker = Worker(model, Limits(), Shape(form))
    engine = Here(worker)
    head = Rows(worker.shape, model.identity, model.card).head
    return run.to_file(
        items, engine, output, head, HEADER, lambda _progress: None,
        lambda: stop_after is not None and engine.tasks >= stop_after,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(scans: Path, tmp_path_factory: pytest.TempPathFactory, model: Model) -> tuple[bytes, bytes]:
    """The rows and the journal of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("whole") / "out.csv"
    predict(scans, output, model)
    return part_of(output).read_bytes(), run.journal_of(output).read_bytes()


@pytest.mark.parametrize("seed", range(100))
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
    assert predict(scans, output, model).resumed == FILES, "what goes on can be gone on from"


def test_a_journal_that_lacks_but_its_last_newline_can_be_gone_on_from_twice(
    scans: Path, whole: tuple[bytes, bytes], model: Model, tmp_path: Path
) -> None:
    rows, journal = whole
    ends = [place for place in range(len(journal)) if journal.startswith(b"}\n", place)]
    for end in ends[1::2]:
        output = tmp_path / f"{end}.csv"
        part_of(output).write_bytes(rows)
        run.journal_of(output).write_bytes(journal[: end + 1])
        predict(scans, output, model)
        assert part_of(output).read_bytes() == rows
        assert predict(scans, output, model).resumed == FILES


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


def test_what_comes_after_the_last_short_batch_joins_it(
    copied: Path, model: Model, tmp_path: Path, digits: list[bytes]
) -> None:
    output, fresh = tmp_path / "out.csv", tmp_path / "fresh.csv"
    predict(copied, output, model)
    (copied / "z.png").write_bytes(digits[2])
    progress = predict(copied, output, model)
    assert (progress.resumed, progress.noticed) == (5 * BATCH, []), "it is but one that remains"
    predict(copied, fresh, model)
    assert part_of(output).read_bytes() == part_of(fresh).read_bytes()


def test_when_all_is_gone_it_is_named_up_to_a_few(copied: Path, model: Model, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    predict(copied, output, model)
    for path in copied.iterdir():
        path.unlink()
    progress = predict(copied, output, model)
    assert len(progress.noticed) == NAMED + 1
    assert progress.noticed[0].endswith("is gone since the last run")
    assert progress.noticed[-1] == f"and {FILES - NAMED:,} more"
    assert (progress.account.found, part_of(output).read_bytes().count(b"\n")) == (0, 1)


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_what_has_changed_within_an_archive_is_named_too(
    kind: str, model: Model, tmp_path: Path, digits: list[bytes]
) -> None:
    files = {f"{place:03d}.png": digits[place % 10] for place in range(3 * BATCH)}
    path, output, fresh = tmp_path / f"scans.{kind}", tmp_path / "out.csv", tmp_path / "fresh.csv"
    pack(path, files)
    with pytest.raises(run.Stopped):
        predict_items(members(str(path), ALL), output, model, stop_after=2)
    files["070.png"] += b" "
    del files["071.png"], files["100.png"]
    pack(path, dict(sorted((files | {"071a.png": digits[1]}).items())))
    progress = predict_items(members(str(path), ALL), output, model)
    assert progress.resumed == BATCH
    assert progress.noticed == [
        f"{path}/070.png has changed since the last run", f"{path}/071a.png is new since the last run",
        f"{path}/071.png is gone since the last run", f"{path}/100.png is gone since the last run",
    ]  # fmt: skip
    predict_items(members(str(path), ALL), fresh, model)
    assert part_of(output).read_bytes() == part_of(fresh).read_bytes()


def pack(path: Path, files: dict[str, bytes]) -> None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(name), data)
        return
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_a_run_with_other_options_is_not_continued(scans: Path, model: Model, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    with pytest.raises(run.Stopped):
        predict(scans, output, model, stop_after=2)
    before = part_of(output).read_bytes()
    with Journal(run.journal_of(output), HEADER | {"model": "reader@0"}) as journal, part_of(output).open("r+b") as file:
        with pytest.raises(OtherRun, match="another model"):
            journal.resume(walk(str(scans), ALL), file, BATCH)
        with pytest.raises(OtherRun, match="another run is writing it"):
            Journal(run.journal_of(output), HEADER)
    assert part_of(output).read_bytes() == before
