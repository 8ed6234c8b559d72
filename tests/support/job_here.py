"""digits predict without processes: everything that the command does, in this one."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from serving.catalogue import Model
from serving.commands.job import Job
from serving.commands.outputs import Outputs
from serving.folder.items import Item
from serving.folder.rows import Shape
from serving.folder.run import Answerer, Progress
from serving.folder.sources import Sources
from serving.folder.work import BATCH, Done, Task, Worker
from serving.reading import Limits


class Here:
    """An engine of a batch a task."""

    grain = BATCH

    def __init__(self, worker: Worker) -> None:
        self.worker, self.answered = worker, 0

    def done(self, items: Iterator[Item], first: int, should_stop: Callable[[], bool]) -> Iterator[Done]:
        while not should_stop() and (held := list(islice(items, BATCH))):
            yield self.worker(Task(first, held))
            first += len(held)
            self.answered += len(held)

    def close(self) -> None:
        pass


def predict_here(
    named: Sequence[str | Path], model: Model, file: Path | None, shape: Shape, *, overwrite: bool = False, **beside: Any
) -> tuple[Progress, int]:
    """Do what the command does with such outputs. Returns how it ended, and how many files were answered now."""
    outputs, inputs = Outputs(file, shape, **beside), [str(name) for name in named]
    engine = Here(Worker(model, Limits(), shape, outputs.seen))
    outputs.check(inputs)
    job = Job(outputs, Answerer(model.identity, model.card, model.session.library), Limits(), quiet=False)
    progress = job.do(lambda: Sources(inputs, outputs=outputs.own), lambda: engine, overwrite=overwrite)
    return progress, engine.answered
