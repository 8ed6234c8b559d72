"""What a worker counts, and what any worker can say of all."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from serving import meter
from serving.batcher import Batcher
from serving.decision import Verdict
from serving.ledger import Numbers
from serving.meter import Counted, Histogram, Meter
from serving.outcome import Blank, Outcome, Prediction, Rejection
from serving.reading import Reason
from serving.runtime import Pictures, Rows

PICTURE = np.zeros((28, 28), np.uint8)

WORKER = """
import sys
from pathlib import Path
from serving.meter import Meter

meter = Meter(Path(sys.argv[1]), int(sys.argv[2]))
meter.came()
meter.waiting(5, 500)
meter.serves([f"reader@{sys.argv[2]}"], [])
count = 0
while True:
    meter.request("/predict", 200, 0.0005 * (count % 4))
    meter.batch("reader", 3, 0.0, 0.01)
    count += 1
    if count in (100, 20_000):
        print(count, flush=True)
"""


@contextmanager
def working(folder: Path, number: int) -> Iterator[subprocess.Popen[str]]:
    """A worker that is counting already, and is killed at the end."""
    command = [sys.executable, "-c", WORKER, str(folder), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "100\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def seven(confidence: float, status: Verdict = "digit") -> Prediction:
    rest = (1 - confidence) / 9
    return Prediction(status, 7, [confidence if digit == 7 else rest for digit in range(10)], PICTURE)


def row(counted: Counted, table: str, *name: str) -> Numbers:
    return counted.tables[table][name]


def buckets(numbers: Numbers, place: Histogram) -> dict[float, float]:
    """How many values are in each bucket that has any, by its bound."""
    counts = zip((*place.bounds, np.inf), numbers[place.start : place.total], strict=True)
    return {bound: count for bound, count in counts if count}


def test_a_value_is_in_the_bucket_whose_bound_it_does_not_pass() -> None:
    counts = Meter()
    for seconds in (0.0004, 0.0005, 0.00051, 0.001, 10, 10.1, 500):
        counts.request("/predict", 200, seconds)
    counts.request("/predict", 422, 0.3)
    (told,) = counts.all_workers()
    answered = row(told, "requests", "/predict", "200")
    assert buckets(answered, meter.DURATION) == {0.0005: 2, 0.001: 2, 10: 1, np.inf: 2}
    assert answered[meter.DURATION.total] == pytest.approx(520.10241)
    assert buckets(row(told, "requests", "/predict", "422"), meter.DURATION) == {0.5: 1}


def test_answers_are_counted_by_status_confidence_and_reason() -> None:
    counts = Meter()
    outcomes: list[Outcome] = [
        seven(0.9992), seven(0.995), seven(0.99), seven(0.45, "unsure"), seven(0.3, "not_a_digit"), Blank(PICTURE),
        Rejection(Reason.TRUNCATED), Rejection(Reason.TRUNCATED), Rejection(Reason.EMPTY),
    ]  # fmt: skip
    counts.answered("reader", outcomes)
    counts.answered("reader", [])
    (told,) = counts.all_workers()
    answers = row(told, "models", "reader")
    assert {status: answers[place] for status, place in meter.ANSWERS.items()} == {
        "digit": 3, "unsure": 1, "not_a_digit": 1, "blank": 1, "rejected": 3,
    }  # fmt: skip
    assert buckets(answers, meter.CONFIDENCE) == {0.3: 1, 0.5: 1, 0.99: 1, 0.999: 1, np.inf: 1}
    assert answers[meter.CONFIDENCE.total] == pytest.approx(0.9992 + 0.995 + 0.99 + 0.45 + 0.3)
    assert row(told, "reasons", "truncated")[0] == 2
    assert row(told, "reasons", "empty")[0] == 1


def test_batches_and_readings_are_counted() -> None:
    counts = Meter()
    counts.batch("reader", 1, 0.00005, 0.0002)
    counts.batch("reader", 64, 0.002, 0.004)
    counts.read(3, 0.02)
    (told,) = counts.all_workers()
    batches, service = row(told, "models", "reader"), row(told, "service", "other")
    assert (buckets(batches, meter.BATCH), batches[meter.BATCH.total]) == ({1: 1, 64: 1}, 65)
    assert buckets(batches, meter.WAITED) == {0.0001: 1, 0.003: 1}
    assert batches[meter.WAITED.total] == pytest.approx(0.00205)
    assert buckets(batches, meter.RAN) == {0.0003: 1, 0.01: 1}
    assert batches[meter.RAN.total] == pytest.approx(0.0042)
    assert (buckets(service, meter.FILES), service[meter.FILES.total]) == ({4: 1}, 3)
    assert (buckets(service, meter.READING), service[meter.READING.total]) == ({0.03: 1}, 0.02)


def test_a_batchs_time_in_the_model_has_no_turns_of_others_in_it() -> None:
    told: list[tuple[int, float, float]] = []

    def run(pictures: Pictures) -> Rows:
        time.sleep(0.02)
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)  # what has its turn after the batch
        return np.zeros((len(pictures), 11), np.float32)

    async def scenario() -> None:
        batcher = Batcher(run, np.concatenate, None, max_batch=2, tell=lambda *batch: told.append(batch))
        await asyncio.gather(*(batcher.submit(PICTURE[None]) for _ in range(3)))

    asyncio.run(scenario())
    assert [pictures for pictures, _, _ in told] == [2, 1]
    assert all(0.02 <= ran < 0.2 for _, _, ran in told)
    assert told[0][1] < 0.2 < told[1][1], "the second batch waited for all of it"


def test_what_is_going_on_now_is_told_as_it_is_now() -> None:
    counts = Meter()
    for _ in range(3):
        counts.came()
    counts.left()
    counts.held(9000)
    counts.held(1000)
    counts.waiting(4, 4096)
    (told,) = counts.all_workers()
    now = row(told, "now", "other")
    assert now[[meter.IN_FLIGHT, meter.HELD, meter.WAITING_FILES, meter.WAITING_PIXELS]].tolist() == [2, 1000, 4, 4096]


def test_many_models_one_after_the_other_take_a_bounded_place() -> None:
    counts = Meter()
    for place in range(1000):
        counts.batch(f"model {place}", 1, 0, 0)
        counts.serves([f"model {place}@0123456789ab"], ["broken"])
    (told,) = counts.all_workers()
    models = told.tables["models"]
    assert len(models) == meter.MAX_MODELS + 1
    assert sum(numbers[: meter.BATCH.total].sum() for numbers in models.values()) == 1000
    loaded = {name: numbers.tolist() for name, numbers in told.tables["loaded"].items() if numbers.any()}
    assert loaded == {("model 999@0123456789ab",): [1, 0], ("broken",): [0, 1]}, "what answers now always has its name"


def test_a_meter_alone_sees_itself() -> None:
    counts = Meter()
    counts.refused("overloaded")
    (told,) = counts.all_workers()
    assert (told.number, told.process) == (0, os.getpid())
    assert row(told, "codes", "overloaded")[0] == 1


def test_any_worker_tells_of_all_while_they_work(tmp_path: Path) -> None:
    counts = Meter(tmp_path / "meters", 2)
    counts.request("/predict", 200, 1)
    with working(tmp_path / "meters", 0) as one, working(tmp_path / "meters", 1) as other:
        looks = [counts.all_workers() for _ in range(200)]
    assert [(told.number, told.process) for told in looks[0]] == [(0, one.pid), (1, other.pid), (2, os.getpid())]
    for number in (0, 1):
        seen = [look[number] for look in looks]
        requests = [row(told, "requests", "/predict", "200")[: meter.DURATION.total].sum() for told in seen]
        assert requests == sorted(requests)
        assert requests[-1] > requests[0] >= 100
        for told in seen:
            batches = row(told, "models", "reader")
            pictures = batches[meter.BATCH.start : meter.BATCH.total].sum() * 3
            assert abs(pictures - batches[meter.BATCH.total]) <= 3000, "a batch or two apart, not torn"
    assert row(looks[-1][2], "requests", "/predict", "200")[: meter.DURATION.total].sum() == 1


def test_a_killed_workers_counts_stay_and_its_successor_goes_on_from_them(tmp_path: Path) -> None:
    watching = Meter(tmp_path, 1)
    with working(tmp_path, 0) as process:
        assert process.stdout
        assert process.stdout.readline() == "20000\n"
    dead, _ = watching.all_workers()
    requests = row(dead, "requests", "/predict", "200")[: meter.DURATION.total].sum()
    assert dead.process == 0
    assert requests >= 20_000

    successor = Meter(tmp_path, 0)
    successor.request("/predict", 200, 0.1)
    alive, _ = watching.all_workers()
    assert alive.process == os.getpid()
    assert row(alive, "requests", "/predict", "200")[: meter.DURATION.total].sum() == requests + 1
    now = row(alive, "now", "other")
    assert not now[[meter.IN_FLIGHT, meter.HELD, meter.WAITING_FILES, meter.WAITING_PIXELS]].any()
    assert all(not numbers.any() for numbers in alive.tables["loaded"].values()), "what the dead one had loaded is gone"


def test_what_else_lies_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    counts = Meter(tmp_path, 3)
    (tmp_path / "4.meter").write_bytes(b"torn")
    (tmp_path / "x.meter").write_bytes(b"")
    (tmp_path / "3.meter.77").write_bytes(b"on its way")
    (tmp_path / "notes.txt").write_text("hello")
    assert [told.number for told in counts.all_workers()] == [3]
