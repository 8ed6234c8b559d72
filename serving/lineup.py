"""Which models answer in one worker, and what became of the others: changed while requests are answered."""

import functools
import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np

from serving.batcher import Batcher
from serving.catalogue import Catalogue, Model, ModelRefused
from serving.classifier import Guess, guess
from serving.meter import Meter
from serving.runtime import Pictures, Rows, Session
from serving.settings import Settings

QUICK_BATCH = 0.005
"""Seconds: a model whose full batch takes no longer runs in the event loop."""
LONG_BATCH = 0.02
"""Seconds that a full batch may take: who comes next waits for it, and of a model so large no more are run any faster."""
FEW = 8
"""Pictures by which a model's speed is judged at first."""

log = logging.getLogger("digits")


class Served(NamedTuple):
    """A model at work. Who has one can use it to the end, whatever answers by its name meanwhile.

    Nothing of it is closed by hand: with the last request that holds it go its session and its thread.
    """

    model: Model
    identity: str
    guesses: Batcher[list[Guess]]
    rows: Batcher[Rows]
    """For who wants the numbers themselves."""
    scores: Batcher[Rows]
    """Its rows go on with the scores, which nobody pays for who does not ask for them."""


class Standing(NamedTuple):
    """How a name stands, and since when."""

    state: Literal["serving", "kept", "refused"]
    """serving: its folder's model answers. kept: that is refused or gone, and the one from before answers. refused: none."""
    since: datetime


class Lineup:
    """The models of one worker by name. Belongs to one event loop, but for `prepare`."""

    def __init__(self, catalogue: Catalogue, settings: Settings, meter: Meter) -> None:
        """Raises ModelRefused where the default is not there."""
        self._default, self._max_batch, self._meter = settings.model, settings.max_batch, meter
        self._served: dict[str, Served] = {}
        self._refused: dict[str, str] = {}
        self._standings: dict[str, Standing] = {}
        for name, reason in catalogue.refused.items():
            self.refuse(name, reason)
        for name, model in catalogue.models.items():
            try:
                self.put(self.prepare(model))
            except ModelRefused as error:
                self.refuse(name, str(error))
        self.get(self._default)

    def get(self, name: str) -> Served:
        """A model by name. Raises ModelRefused."""
        return self._served.get(name) or self._served[self.catalogue.get(name).card.name]

    @property
    def default(self) -> Served:
        """What answers where nobody names a model: there always is one."""
        return self._served[self._default]

    @property
    def catalogue(self) -> Catalogue:
        """What there is now. A name may stand in both halves: then the model from before answers."""
        models = {name: served.model for name, served in sorted(self._served.items())}
        return Catalogue(models, dict(sorted(self._refused.items())))

    @property
    def standings(self) -> dict[str, Standing]:
        """How each name stands, sorted."""
        return dict(sorted(self._standings.items()))

    def prepare(self, model: Model) -> Served:
        """Run full batches of a model, as its first calls are slow, and put nothing in its place yet. From any thread.

        Raises ModelRefused where it cannot be run.
        """
        name = model.card.name
        try:
            each = _seconds(model.session, min(FEW, self._max_batch)) / min(FEW, self._max_batch)
            most = max(1, min(self._max_batch, int(LONG_BATCH / each)))
            seconds = _seconds(model.session, most)
        except Exception as error:  # of whatever library runs it
            raise ModelRefused(f"{name} cannot be run") from error
        executor = None if seconds <= QUICK_BATCH else ThreadPoolExecutor(1, thread_name_prefix=f"run-{name}")
        tell = functools.partial(self._meter.batch, name)
        here: Any = {"executor": executor, "max_batch": most, "tell": tell}
        return Served(
            model,
            model.identity,
            Batcher(functools.partial(guess, model.session), lambda lists: list(chain(*lists)), **here),
            Batcher(model.session.rows, np.concatenate, **here),
            Batcher(functools.partial(_scored_rows, model.session), np.concatenate, **here),
        )

    def put(self, served: Served) -> None:
        """Let a model answer by its name from now on, in the place of the one that did."""
        name = served.model.card.name
        before = self._served.get(name)
        self._served[name] = served
        self._refused.pop(name, None)
        self._stand(name, "serving")
        if before:
            log.info("The model %s answers in the place of %s", served.identity, before.identity)

    def refuse(self, name: str, reason: str) -> None:
        """Say why what a folder holds does not answer. What answers by its name goes on."""
        if self._refused.get(name) == reason:
            return
        self._refused[name] = reason
        if served := self._served.get(name):
            log.warning("A changed model is not served: %s; %s answers as before", reason, served.identity)
        else:
            log.warning("A model is not served: %s", reason)
        self._stand(name, "kept" if served else "refused")

    def remove(self, name: str) -> None:
        """Take a model away whose folder is gone. The default stays until another takes its place, and that is said."""
        if name == self._default:
            self.refuse(name, f"{name} is gone")
            return
        if self._served.pop(name, None):
            log.info("The model %s is gone and answers no longer", name)
        self._refused.pop(name, None)
        self._standings.pop(name, None)
        self._tell()

    def _stand(self, name: str, state: Literal["serving", "kept", "refused"]) -> None:
        self._standings[name] = Standing(state, datetime.now(UTC))
        self._tell()

    def _tell(self) -> None:
        self._meter.serves([served.identity for served in self._served.values()], self._refused)


def _scored_rows(session: Session, pictures: Pictures) -> Rows:
    probabilities, scores, *evidence = session.outputs(pictures)
    certain = np.full(len(pictures), np.inf, np.float32)
    return np.column_stack([probabilities, *(evidence or [certain]), scores])


def _seconds(session: Session, count: int) -> float:
    """How long a batch takes, the best of three.

    On the CPU, of this thread's own time: how long it waited for others, as it does in a service that is busy, says
    nothing of the model.
    """
    clock = time.thread_time if session.device == "cpu" else time.perf_counter
    pictures, best = np.zeros((count, 28, 28), np.uint8), math.inf
    for _ in range(3):
        began = clock()
        session.rows(pictures)
        best = min(best, clock() - began)
    return max(best, 1e-6)
