"""What `digits benchmark` measures of torch is the model that it stands for."""

from pathlib import Path

import numpy as np
import pytest

from serving.benchmark.ways import PROVED, makers
from serving.card import read_card
from serving.runtime.choose import EPS, made_pictures
from training.prove import TOLERANCE_EPS
from training.recipes import RECIPES
from training.ways import ways_of

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize("name", RECIPES)
def test_every_network_can_be_had_again_from_its_exported_file(name: str) -> None:
    folder, pictures = MODELS / name, made_pictures()
    card = read_card(folder / "card.json")
    proved = makers(folder, card, print)[PROVED]().run(pictures)
    found = {way: make() for way, make in ways_of(folder, card).items()}
    assert list(found) == ["torchscript", "eager"]
    for way in found.values():
        assert np.abs(way.run(pictures) - proved).max() <= TOLERANCE_EPS * EPS * proved.max()
        assert way.library.startswith("torch ")
        assert way.bytes >= 4 * card.parameters


def test_a_model_of_somebody_else_has_no_ways_here() -> None:
    card = read_card(MODELS / "reader" / "card.json")
    object.__setattr__(card, "name", "of_somebody_else")
    assert ways_of(MODELS / "reader", card) == {}
