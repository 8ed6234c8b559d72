"""Spoiled pictures: the same for a seed, harder than as they were; what is measured of them, once, of finished models."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from serving.card import read_card
from serving.reading import Ink
from serving.runtime import Session
from training import data, robustness, runs, table
from training.corruptions import CORRUPTIONS, corrupted, sheet, turned
from training.label_errors import DOUBTED
from training.recipe import Kind
from training.recipes import RECIPES

MODELS = Path(__file__).parents[2] / "models"
WITHOUT_CHANCE = {"stripe", "canny edges"}


@pytest.fixture(scope="module")
def validation() -> data.Images:
    return data.validation_part(data.load("MNIST", "train"))[slice(400)]


@pytest.fixture(scope="module")
def inks(validation: data.Images) -> Ink:
    return validation.pictures[:6].numpy()


def test_the_kinds_are_those_that_recipes_can_name():
    assert tuple(CORRUPTIONS) == get_args(Kind)


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_picture_is_spoiled_the_same_for_a_seed_whatever_is_beside_it(kind: Kind, inks: Ink):
    before = inks.copy()
    spoiled = corrupted(kind, inks)
    assert (spoiled.shape, spoiled.dtype) == (inks.shape, np.uint8)
    np.testing.assert_array_equal(spoiled[:2], corrupted(kind, inks[:2]))
    np.testing.assert_array_equal(inks, before)
    assert (spoiled != inks).any((1, 2)).all()
    same = np.stack([inks[0], inks[0]])
    alike = (corrupted(kind, same)[0] == corrupted(kind, same)[1]).all()
    assert alike == (kind in WITHOUT_CHANCE)
    assert (corrupted(kind, inks, seed=1) == spoiled).all() == (kind in WITHOUT_CHANCE)


def test_the_convnet_makes_more_errors_on_each_kind(validation: data.Images):
    session, labels = Session(MODELS / "convnet" / "model.onnx"), validation.labels.numpy()
    pictures = validation.pictures.numpy()
    clean = (session.probabilities(pictures).argmax(1) != labels).mean()
    for kind in CORRUPTIONS:
        assert (session.probabilities(corrupted(kind, pictures)).argmax(1) != labels).mean() > clean + 0.02, kind


def test_a_picture_turns_anticlockwise_around_its_middle(inks: Ink):
    np.testing.assert_array_equal(turned(90, inks), np.rot90(inks, axes=(1, 2)))
    np.testing.assert_array_equal(turned(0, inks), inks)


def test_the_sheet_shows_every_kind_and_needs_no_test_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    opened = _watched(monkeypatch)
    sheet.write(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert opened == ["train"]


def test_a_model_is_measured_once_on_a_split_that_is_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: data.Images
):
    for name in ("softmax_regression", "fashion_mlp"):
        shutil.copytree(MODELS / name, tmp_path / name)
    pictures, labels = validation.pictures[:30].numpy().copy(), validation.labels[:30].numpy().copy()
    session = Session(MODELS / "softmax_regression" / "model.onnx")
    pictures[5] = 0  # the network guesses something, and is right; the reading finds nothing
    labels[5] = session.probabilities(pictures[5:6]).argmax()
    opened = _watched(monkeypatch, data.Images(torch.from_numpy(pictures), torch.from_numpy(labels)))
    monkeypatch.setattr(robustness, "DOUBTED", {0: (0, 0), 7: (0, 0)})
    told: list[str] = []
    path = robustness.write(tmp_path, told.append)
    assert opened == ["test"]
    measured = json.loads(path.read_text())
    assert list(measured["models"]) == ["softmax_regression"]
    figures = measured["models"]["softmax_regression"]
    is_wrong = session.probabilities(pictures).argmax(1) != labels
    assert figures["network"]["as it is"] == is_wrong.sum()
    assert figures["reading"]["as it is"] == is_wrong.sum() + 1
    assert figures["doubted"] == is_wrong[[0, 7]].sum()
    fog = corrupted("fog", pictures)
    assert figures["network"]["fog"] == (session.probabilities(fog).argmax(1) != labels).sum()
    assert set(figures["reading"]) == {"as it is", *CORRUPTIONS}
    assert "turned by -30" in figures["network"]

    monkeypatch.setattr(robustness, "Session", None)  # whoever measures again would call it
    robustness.write(tmp_path, told.append)
    assert json.loads(path.read_text()) == measured


def _watched(monkeypatch: pytest.MonkeyPatch, instead: data.Images | None = None) -> list[str]:
    """The splits that are loaded from now on, in their order."""
    opened, load = [], data.load

    def watch(name: data.DatasetName, split: data.Split) -> data.Images:
        opened.append(split)
        return instead or load(name, split)

    monkeypatch.setattr(data, "load", watch)
    return opened


def test_what_a_model_was_trained_on_is_its_recipes_or_that_of_the_one_it_is_made_of():
    card = read_card(MODELS / "reader" / "card.json")
    assert robustness.trained_on(card) == RECIPES["reader"].augmented
    assert robustness.trained_on(replace(card, name="smaller", quantised={"from": "reader"})) == RECIPES["reader"].augmented
    assert robustness.trained_on(read_card(MODELS / "convnet" / "card.json")) == ()
    with pytest.raises(runs.RunFault, match="stranger is made by no recipe"):
        robustness.trained_on(replace(card, name="stranger"))


def test_a_recipe_whose_pictures_are_varied_says_in_which_kinds():
    varied = [recipe for recipe in RECIPES.values() if recipe.pictures != "own" and recipe.dataset == robustness.DATASET]
    assert varied
    assert all(recipe.augmented for recipe in varied)


def test_the_doubted_labels_are_those_of_the_data_set():
    labels = data.load("MNIST", "test").labels
    assert {index: int(labels[index]) for index in DOUBTED} == {index: label for index, (label, _) in DOUBTED.items()}
    assert all(agreed < 3 for _, agreed in DOUBTED.values())


def test_the_committed_figures_are_of_the_committed_models():
    measured = json.loads((MODELS / robustness.FILE).read_text())
    for name, one in measured["models"].items():
        card = read_card(MODELS / name / "card.json")
        assert one["onnx_sha256"] == card.onnx_sha256
        assert one["network"]["as it is"] == card.test["total"] - card.test["correct"]
        assert one["augmented"] == list(robustness.trained_on(card))


def test_figures_of_another_file_are_not_told(tmp_path: Path):
    shutil.copytree(MODELS / "convnet", tmp_path / "convnet")
    shutil.copy(MODELS / robustness.FILE, tmp_path)
    told = table.page(tmp_path)
    assert "| `convnet` | 1.6 |" in told
    card = tmp_path / "convnet" / "card.json"
    card.write_text(card.read_text().replace(read_card(card).onnx_sha256, "0" * 64))
    told = table.page(tmp_path)
    assert "| `convnet` | 1.6 |" not in told
    assert "not measured: convnet." in told
