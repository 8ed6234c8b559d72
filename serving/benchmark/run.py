"""All ways of all models: answered, and measured in turns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serving.benchmark import measure, testset
from serving.benchmark.measure import Measured
from serving.benchmark.ways import PROVED, Way, makers
from serving.card import Card
from serving.runtime import ModelUnusable, Pictures
from serving.runtime.choose import made_pictures

Step = Callable[[str], object]
"""Is told what has been done, at each step."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    folder: Path
    """Of the models."""
    cards: Sequence[Card]
    ways: Sequence[str]
    """Their names; all where there are none."""
    batches: Sequence[int]
    rounds: int
    seconds: float
    """Of one turn."""
    data: Path
    """Of the data sets."""

    @property
    def steps(self) -> int:
        """How many steps it takes: each model answers once, and has its turns."""
        return len(self.cards) * (1 + self.rounds)


def measure_all(plan: Plan, step: Step) -> tuple[list[Measured], list[str]]:
    """What was measured, and a sentence for each thing that could not be."""
    said: dict[str, str] = {}
    sets = _sets(plan, said)
    pictures = {name: _enough(one.pictures if one else made_pictures(), plan) for name, one in sets.items()}
    measured: list[Measured] = []
    for card in plan.cards:
        dataset = card.dataset["name"]
        of_model = [Measured(card.name, dataset, way) for way in _ways(plan, card, said)]
        known = sets[dataset]
        measure.answer(of_model, known.pictures if known else pictures[dataset], known.labels if known else None)
        measured += [one for one in of_model if not plan.ways or one.way.name in plan.ways]
        step("answering")
    for _ in range(plan.rounds):
        for card in plan.cards:
            for one in measured:
                if one.model == card.name:
                    measure.time_batches(one, pictures[one.dataset], plan.batches, plan.seconds)
            step("measuring")
    return measured, [f"{what}: {why}" for what, why in said.items()]


def _ways(plan: Plan, card: Card, said: dict[str, str]) -> Iterator[Way]:
    """The ways of one model that are wanted, and the proved one, which the others are compared with."""
    for name, make in makers(plan.folder / card.name, card, said.setdefault).items():
        if name == PROVED or not plan.ways or name in plan.ways:
            try:
                yield make()
            except ModelUnusable as error:
                said.setdefault(name, str(error))


def _sets(plan: Plan, said: dict[str, str]) -> dict[str, testset.Labelled | None]:
    """The test set of each data set by its name, None where it is not to be had."""
    sets: dict[str, testset.Labelled | None] = {}
    for card in plan.cards:
        name = card.dataset["name"]
        try:
            sets[name] = testset.load(plan.data, card)
        except testset.DataMissing as error:
            sets[name] = None
            said[f"no accuracy on {name}"] = f"{error}; --data names another folder"
    return sets


def _enough(pictures: Pictures, plan: Plan) -> Pictures:
    """As many as the largest batch has, by repeating them."""
    return np.tile(pictures, (-(-max(plan.batches) // len(pictures)), 1, 1))
