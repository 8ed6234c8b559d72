"""The champion learns from what larger networks answer; here they are small, and so are the pictures few."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from training import copies, data, device, fit, runs, teaching, uploads
from training.commands import app
from training.model import Softmax, parameters
from training.networks.champion import Champion
from training.networks.fashion_champion import FashionChampion
from training.origin import origin
from training.recipe import Recipe
from training.recipes import RECIPES

CPU = torch.device("cpu")
COUNT = 600


@pytest.fixture(autouse=True)
def one_thread() -> None:
    device.prepare_cpu(threads=1)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> data.Images:
    """A home without anything kept, and so few pictures that all is made in a second."""
    own = data.load("MNIST", "train")[slice(COUNT)]
    monkeypatch.setenv("DIGITS_DATA", str(data.root()))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(copies, "load", lambda _dataset, _progress=None: own)
    monkeypatch.setattr(copies, "epoch", lambda _dataset, images: images)
    monkeypatch.setattr(uploads, "kept_at", lambda: Path("uploads.npz"))  # it looks through all fonts
    recipe = replace(teaching.TEACHERS["MNIST"]["teacher_wide"], network=small, batch=32, threads=1)
    monkeypatch.setattr(teaching, "TEACHERS", {"MNIST": {"one": recipe, "two": recipe}})
    return own


def small() -> Champion:
    return Champion((4, 4, 4, 4), hidden=8)


def student() -> Recipe:
    return replace(teaching.TEACHERS["MNIST"]["one"], pictures="taught", epochs=1)


def teach(folder: Path, *dataset: str) -> Any:
    return CliRunner().invoke(app, ["teach", *dataset, "--device", "cpu", "--runs", str(folder)])


@pytest.mark.usefixtures("few")
def test_a_student_without_answers_is_told_who_gives_them() -> None:
    with pytest.raises(data.DataFault, match="the teachers have not answered; have them do so with: digits-train teach"):
        runs.load_images(student(), 0, CPU)


def test_the_answers_are_the_mean_of_all_teachers_and_belong_to_their_pictures(few: data.Images, tmp_path: Path) -> None:
    told = teach(tmp_path / "runs")
    assert told.exit_code == 0, told.output
    assert f"what 4 teachers answer to {COUNT} pictures" in " ".join(told.output.split())
    given = runs.load_images(student(), 0, CPU).training
    said = []
    for name, recipe in teaching.TEACHERS["MNIST"].items():
        for seed in range(teaching.SEEDS):
            checkpoint = runs.locate(name, seed, tmp_path / "runs").checkpoint
            teacher = runs.load_model(checkpoint, name, recipe, 1.0)
            said.append(torch.softmax(torch.from_numpy(fit.scores_of(teacher, few)), 1))
    assert given.answers is not None
    assert not torch.allclose(said[0], said[1], atol=0.02), "the seeds have to differ for this test to see a mean"
    assert torch.allclose(given.answers.float(), torch.stack(said).mean(0), atol=0.01)
    some = given.take(torch.tensor([5, 3]))
    assert some.answers is not None
    assert torch.equal(some.targets, given.answers[[5, 3]].float())


@pytest.mark.usefixtures("few")
def test_taught_again_nothing_is_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert teach(tmp_path / "runs").exit_code == 0
    teaching.answers_path("MNIST").unlink()
    monkeypatch.setattr(teaching, "answers_of", None)
    again = teach(tmp_path / "runs")
    assert again.exit_code == 0, again.output
    assert again.output.count("already finished") == 4
    assert teaching.answers_path("MNIST").exists()


@pytest.mark.usefixtures("few")
def test_teachers_of_other_pictures_do_not_answer_to_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert teach(tmp_path / "runs").exit_code == 0
    monkeypatch.setattr(copies, "key", lambda _dataset: "others")
    told = teach(tmp_path / "runs")
    assert told.exit_code == 3
    assert "is of another training" in " ".join(told.output.split())
    assert not teaching.answers_path("MNIST").exists()


@pytest.mark.usefixtures("few")
def test_who_learned_other_answers_is_another_student() -> None:
    even = np.full((COUNT, 11), 1 / 11, np.float16)
    teaching.keep_answers("MNIST", [even])
    before = origin(student())
    assert origin(student()) == before
    even[0, :2] += 0.01, -0.01
    teaching.keep_answers("MNIST", [even])
    assert origin(student()) != before


def test_a_student_learns_the_answers_and_not_the_labels(few: data.Images) -> None:
    others = (few.labels + 1) % 10
    answers = torch.nn.functional.one_hot(others, 11).half()
    taught = data.Images(few.pictures, few.labels, answers)
    training = fit.begin(replace(student(), network=Champion, epochs=8), 0, CPU)
    list(fit.fit(training, taught, few[slice(100)]))
    said = fit.scores_of(training.model, few).argmax(1)
    assert (said == others.numpy()).mean() > 0.8
    assert (said == few.labels.numpy()).mean() < 0.1


def test_copies_keep_their_labels_and_their_order() -> None:
    own = data.load("MNIST", "train")[slice(40)]
    told: list[float] = []
    changes = copies.PLANS["MNIST"].changes
    made = copies.make(own, changes, told.append)
    rounds = len(changes)
    assert made.pictures.shape == (40 * rounds, 28, 28)
    assert torch.equal(made.labels, own.labels.repeat(rounds))
    assert told == sorted(told)
    assert told[-1] == 1.0
    tinted = [float((part[:, 0].mean(1) > 20).float().mean()) for part in made.pictures.float().split(40)]
    assert sum(tinted[:-2]) / len(tinted[:-2]) < 0.01
    assert min(tinted[-2:]) > 0.2


def test_an_epoch_goes_through_all_and_through_uploads_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = data.load("MNIST", "train")[slice(30)]
    monkeypatch.setenv("DIGITS_DATA", str(data.root()))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(data, "VALIDATION_START", 30)
    monkeypatch.setattr(uploads, "load", lambda **_progress: own[slice(7)])
    once, made = copies.load("MNIST"), 30 * len(copies.PLANS["MNIST"].changes)
    assert torch.equal(once.pictures[:7], own.pictures[:7])
    assert len(once) == 7 + made
    epoch = copies.epoch("MNIST", replace(once, answers=torch.arange(len(once))[:, None]))
    assert epoch.answers is not None
    assert epoch.answers.flatten().tolist() == [*range(7), *range(7 + made)]
    assert torch.equal(epoch.pictures, once.pictures[epoch.answers.flatten()])
    monkeypatch.setattr(copies, "make", None)
    assert torch.equal(copies.load("MNIST").pictures, once.pictures), "what was made is kept"


def test_clothes_are_seen_once_as_they_are_and_laid_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = data.load("FashionMNIST", "train")[slice(30)]
    monkeypatch.setenv("DIGITS_DATA", str(data.root()))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(data, "VALIDATION_START", 30)
    monkeypatch.setattr(uploads, "load", None)
    once = copies.load("FashionMNIST")
    assert torch.equal(once.pictures[:30], own.pictures)
    assert torch.equal(once.labels, own.labels.repeat(21))
    assert torch.equal(copies.epoch("FashionMNIST", once).pictures, once.pictures)


@pytest.mark.parametrize("name", ["champion", "fashion_champion"])
def test_teachers_answer_with_as_many_numbers_as_their_student_has(name: str) -> None:
    student, pixels = RECIPES[name], torch.zeros(2, 1, 28, 28)
    teachers = teaching.TEACHERS[student.dataset].values()
    assert student.pictures == "taught"
    for recipe in (student, *teachers):
        assert recipe.network()(pixels).shape == (2, 11 if student.dataset == "MNIST" else 10)
    assert all((one.dataset, one.reading, one.head) == (student.dataset, student.reading, student.head) for one in teachers)
    assert all(parameters(one.network()) > parameters(student.network()) for one in teachers)


@pytest.mark.usefixtures("few")
def test_clothes_have_teachers_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = teaching.TEACHERS["MNIST"]["one"]
    clothes = replace(
        recipe, dataset="FashionMNIST", reading="plain", network=partial(FashionChampion, (4, 4, 4)), head=Softmax
    )
    monkeypatch.setattr(teaching, "TEACHERS", {"FashionMNIST": {"clothes": clothes}})
    told = teach(tmp_path / "runs", "FashionMNIST")
    assert told.exit_code == 0, told.output
    assert f"what 2 teachers answer to {COUNT} pictures" in " ".join(told.output.split())
    given = runs.load_images(replace(clothes, pictures="taught"), 0, CPU).training.answers
    assert given is not None
    assert given.shape == (COUNT, 10)


def test_answers_are_named_for_the_pictures_they_are_to(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: teaching.answers_path(name) for name in teaching.TEACHERS}
    assert before == {name: teaching.answers_path(name) for name in teaching.TEACHERS}
    monkeypatch.setattr(uploads, "kept_at", lambda: Path("others.npz"))
    assert teaching.answers_path("MNIST") != before["MNIST"]
    assert teaching.answers_path("FashionMNIST") == before["FashionMNIST"]
