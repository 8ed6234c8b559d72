import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serving.batcher import Batcher
from serving.runtime import Pictures, Rows


class Recorder:
    """A model whose row is the mean of its picture; it can be held until it is let go."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, pictures: Pictures) -> Rows:
        self.go.wait(10)
        self.sizes.append(len(pictures))
        if (pictures == 99).any():
            raise ArithmeticError("a bug")
        return np.repeat(pictures.mean((1, 2))[:, None], 11, axis=1).astype(np.float32)


def picture(value: int, count: int = 1) -> Pictures:
    return np.full((count, 28, 28), value, np.uint8)


def drive(scenario: Callable[[Batcher[Rows], Recorder], Awaitable[None]]) -> None:
    async def main() -> None:
        recorder = Recorder()
        with ThreadPoolExecutor(1) as executor:
            await scenario(Batcher(recorder, np.concatenate, executor, max_batch=8), recorder)

    asyncio.run(main())


def test_each_caller_gets_its_own_rows() -> None:
    async def scenario(batcher: Batcher[Rows], _recorder: Recorder) -> None:
        answers = await asyncio.gather(*(batcher.submit(picture(value, value % 3 + 1)) for value in range(50)))
        for value, rows in enumerate(answers):
            assert rows.shape == (value % 3 + 1, 11)
            assert (rows == value).all()

    drive(scenario)


def test_what_arrives_while_a_batch_runs_is_the_next_batch() -> None:
    async def scenario(batcher: Batcher[Rows], recorder: Recorder) -> None:
        recorder.go.clear()
        first = asyncio.create_task(batcher.submit(picture(1)))
        await asyncio.sleep(0.01)
        rest = [asyncio.create_task(batcher.submit(picture(value))) for value in range(2, 7)]
        await asyncio.sleep(0.01)
        recorder.go.set()
        await asyncio.gather(first, *rest)
        assert recorder.sizes == [1, 5]

    drive(scenario)


def test_many_pictures_of_one_caller_are_cut_into_batches_and_joined() -> None:
    async def scenario(batcher: Batcher[Rows], recorder: Recorder) -> None:
        pictures = np.concatenate([picture(value) for value in range(20)])
        rows = await batcher.submit(pictures)
        assert rows[:, 0].tolist() == list(range(20))
        assert recorder.sizes == [8, 8, 4]

    drive(scenario)


def test_a_caller_that_went_away_is_dropped_and_disturbs_nobody() -> None:
    async def scenario(batcher: Batcher[Rows], recorder: Recorder) -> None:
        recorder.go.clear()
        first = asyncio.create_task(batcher.submit(picture(1)))
        await asyncio.sleep(0.01)
        gone = asyncio.create_task(batcher.submit(picture(2)))
        stays = asyncio.create_task(batcher.submit(picture(3)))
        await asyncio.sleep(0.01)
        gone.cancel()
        recorder.go.set()
        await first
        assert (await stays == 3).all()
        assert recorder.sizes == [1, 1]

    drive(scenario)


def test_a_failing_batch_fails_its_own_callers_and_no_later_ones() -> None:
    async def scenario(batcher: Batcher[Rows], _recorder: Recorder) -> None:
        with pytest.raises(ArithmeticError):
            await batcher.submit(picture(99))
        assert (await batcher.submit(picture(5)) == 5).all()

    drive(scenario)


def test_batches_run_for_as_long_as_the_loop_was_away() -> None:
    sizes: list[int] = []
    seen: list[int] = []

    def run(pictures: Pictures) -> Rows:
        sizes.append(len(pictures))
        return np.zeros((len(pictures), 11), np.float32)

    async def main() -> None:
        loop, batcher = asyncio.get_running_loop(), Batcher(run, np.concatenate, None, max_batch=1)

        def refuse_many() -> None:
            seen.append(len(sizes))
            time.sleep(0.03)  # a turn of the loop that has other things to do
            if len(sizes) < 100:
                loop.call_soon(refuse_many)

        loop.call_soon(refuse_many)
        await batcher.submit(picture(1, 100))

    asyncio.run(main())
    assert len(seen) < 10, "one batch in each of their turns would take 100 of them"


def test_what_waits_is_told_and_forgotten_when_it_ran_failed_or_went_away() -> None:
    async def scenario(batcher: Batcher[Rows], recorder: Recorder) -> None:
        await batcher.submit(picture(1))
        recorder.go.clear()
        tasks = [asyncio.create_task(batcher.submit(picture(value, 8))) for value in (1, 99, 2, 3)]
        await asyncio.sleep(0.01)
        assert batcher.backlog.wait_s > 0
        tasks[2].cancel()
        recorder.go.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert recorder.sizes == [1, 8, 8, 8]
        recorder.go.clear()
        last = asyncio.create_task(batcher.submit(picture(1, 8)))
        await asyncio.sleep(0.01)
        assert batcher.backlog.wait_s == 0, "one batch is nothing to wait for, and nothing else is left"
        recorder.go.set()
        await last

    drive(scenario)
