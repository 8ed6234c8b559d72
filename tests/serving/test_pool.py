"""The pool's promises: one order, little taken ahead, an end when it is asked for, and answers that no cut changes."""

import csv
import errno
import io
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pausing import PausingRecipe
from typer.testing import CliRunner

from serving.catalogue import Model, load_model
from serving.cli import app
from serving.commands.console import OWN_PROCESS
from serving.folder.items import Item
from serving.folder.pool import MOST, PATIENCE_SECONDS, WAITING, Cut, Pool
from serving.folder.rows import Shape
from serving.folder.work import BATCH, GRAIN, Done, Task, Worker
from serving.reading import Limits
from serving.runtime.choose import made_pictures

MODELS = Path(__file__).parents[2] / "models"
PROCESSES = 2
LONGEST = MOST * BATCH


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a process writes its number for each nap it took."""
    return tmp_path_factory.mktemp("pool") / "log"


@pytest.fixture(scope="module")
def pool(log: Path) -> Iterator[Pool]:
    made = Pool(PausingRecipe(MODELS / "convnet", Limits(), Shape(), log=log), PROCESSES)
    yield made
    made.close()


class Taken:
    """Items, and how many of them somebody has taken."""

    def __init__(self, items: Iterator[Item]) -> None:
        self.items, self.count = items, 0

    def __iter__(self) -> Iterator[Item]:
        for item in self.items:
            self.count += 1
            yield item


def names(parts: list[Done]) -> list[str]:
    return [row[0] for row in csv.reader(io.StringIO(b"".join(one.rows for one in parts).decode()))]


def test_rows_keep_their_order_however_unequal_the_tasks_are(pool: Pool) -> None:
    items: list[Item] = [f"{'nap' if place % 701 < 9 else 'file'} {place}" for place in range(8_000)]
    parts = list(pool.done(iter(items), 0, lambda: False))
    assert names(parts) == items
    assert len({one.items for one in parts}) > 3, "the tasks were of different lengths"
    assert sum((one.counts for one in parts), Counter[str]()) == {"rejected": len(items)}


def test_slow_items_that_lie_in_one_task_are_shared(pool: Pool, log: Path) -> None:
    log.write_text("")
    items: list[Item] = [*(f"file {place}" for place in range(20_000)), *(f"nap {place}" for place in range(200))]
    parts = list(pool.done(iter(items), 0, lambda: False))
    assert names(parts) == items
    naps = Counter(log.read_text().split())
    assert naps.total() == 200
    assert max(naps.values()) <= 0.75 * 200, naps


def test_little_is_taken_ahead_and_the_first_rows_come_after_a_few_items(pool: Pool) -> None:
    taken = Taken(f"file {place}" for place in range(300_000))
    parts = pool.done(iter(taken), 0, lambda: False)
    first = next(parts)
    assert first.items == GRAIN
    assert taken.count == WAITING * PROCESSES * GRAIN
    answered = first.items
    for done in itertools.islice(parts, 60):
        answered += done.items
        assert taken.count - answered <= WAITING * PROCESSES * LONGEST
    assert done.items > GRAIN, "tasks grow where items are fast"
    parts.close()  # type: ignore[attr-defined]  # it is a generator


def test_asked_to_stop_it_finishes_what_is_under_way(pool: Pool) -> None:
    taken = Taken(f"file {place}" for place in range(300_000))
    parts: list[Done] = []
    for done in pool.done(iter(taken), 0, lambda: len(parts) >= 3):
        parts.append(done)  # noqa: PERF402  who stops looks at them meanwhile
    assert names(parts) == [f"file {place}" for place in range(taken.count)]
    assert len(parts) <= 3 + WAITING * PROCESSES


def test_asked_to_stop_in_a_long_task_it_does_not_finish_that(pool: Pool) -> None:
    items: list[Item] = [*(f"file {place}" for place in range(20_000)), *(f"nap {place}" for place in range(2_000))]
    parts: list[Done] = []
    for done in pool.done(iter(items), 0, lambda: bool(parts) and sum(one.items for one in parts) >= 20_000):
        parts.append(done)  # noqa: PERF402  who stops looks at them meanwhile
    told = names(parts)
    assert told == items[: len(told)]
    assert 20_000 <= len(told) < 21_000


def test_a_batch_is_whole_where_its_size_may_change_an_answer() -> None:
    cut = Cut(iter([f"file {place}" for place in range(300)]), 0, BATCH)
    lengths = []
    while task := cut():
        lengths.append(len(task.items))
        cut.learn(Done(len(task.items), Counter(), b"", b"", 1e-3))
        assert task.seconds > 1e9, "it is not cut short"
    assert lengths == [64, 128, 108]
    free = Cut(iter(["file"] * 300), 0, GRAIN)()
    assert free is not None
    assert (len(free.items), free.seconds) == (GRAIN, PATIENCE_SECONDS)


def test_what_there_was_no_time_for_is_cut_anew(model: Model) -> None:
    items: list[Item] = [f"file {place}" for place in range(3 * BATCH + 5)]
    worker = Worker(model, Limits(), Shape())
    whole = worker(Task(0, items))
    cut = Cut(iter(items), 0, GRAIN)
    hurried = worker(Task(0, items, seconds=0))
    assert hurried.items == GRAIN, "it has begun, so it does some"
    rest = [worker(one) for one in cut.rest(Task(0, items), hurried)]
    assert hurried.rows + b"".join(one.rows for one in rest) == whole.rows
    assert hurried.entries + b"".join(one.entries for one in rest) == whole.entries


@pytest.mark.parametrize("name", sorted(path.parent.name for path in MODELS.glob("*/card.json")))
def test_a_batch_of_any_size_gives_the_same_bits(name: str) -> None:
    """What lets a task be cut between any GRAIN items, as long as ONNX Runtime runs the model on the CPU."""
    session, pictures = load_model(MODELS / name).session, made_pictures()
    whole = session.rows(pictures)
    for size in (1, 3, GRAIN, 3 * GRAIN):
        for start in range(0, len(pictures), size):
            assert session.rows(pictures[start : start + size]).tobytes() == whole[start : start + size].tobytes()


@pytest.mark.parametrize("context", [None, OWN_PROCESS])
def test_only_a_process_of_the_commands_own_is_forked(
    context: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def note(*_arguments: Any, fork: bool) -> NoReturn:
        asked.append(fork)
        raise OSError(errno.EAGAIN, "no process")

    monkeypatch.setattr("serving.folder.pool.Pool", note)
    done = CliRunner().invoke(app, ["predict", str(tmp_path), "-o", str(tmp_path.parent / "out.csv")], obj=context)
    assert (done.exit_code, asked) == (3, [context is not None])
