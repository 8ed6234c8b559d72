from pathlib import Path

import numpy as np
import pytest
import torch

from training import data, uploads
from training.scenes.nondigits import NONDIGITS


def chunk(sample: uploads.Sample, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    own = data.load("MNIST", "train")[slice(12)]
    return uploads._chunk(uploads.Task(own.pictures.numpy(), own.labels.numpy(), sample, (seed,)))  # noqa: SLF001


@pytest.mark.parametrize("sample", uploads.PARTS)
def test_a_chunk_is_what_its_seed_makes_of_it(sample: uploads.Sample) -> None:
    (first, labels), (second, again), (other, _) = chunk(sample), chunk(sample), chunk(sample, seed=1)
    assert first.shape == (12, 28, 28)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(labels, again)
    assert (first != other).any()
    assert first.any(axis=(1, 2)).all(), "what is read as blank never reaches the network"


def test_digits_keep_their_labels_and_other_things_have_their_own() -> None:
    own = data.load("MNIST", "train")[slice(12)].labels.numpy()
    for sample in (uploads.through_a_factor, uploads.deformed):
        np.testing.assert_array_equal(chunk(sample)[1], own)
    assert set(chunk(uploads.printed)[1]) <= set(range(10))
    assert set(chunk(uploads.other)[1]) == {uploads.OTHER}


def test_kinds_that_are_kept_from_training_are_no_part_of_it() -> None:
    assert set(uploads.WEIGHTS) | set(uploads.UNSEEN) == set(NONDIGITS)
    assert not set(uploads.WEIGHTS) & set(uploads.UNSEEN)


@pytest.mark.slow
def test_all_parts_are_made_once_and_then_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    told: list[float] = []
    made = uploads.load(0.001, told.append)
    assert len(made) == 55_000 + sum(round(times * 0.001 * 55_000) for times in uploads.PARTS.values())
    assert told[-1] == 1.0
    assert [path.suffix for path in (tmp_path / ".cache" / "digits").iterdir()] == [".npz"], "no part is left"
    monkeypatch.setattr(uploads, "_make", None)
    kept = uploads.load(0.001)
    assert torch.equal(kept.pictures, made.pictures)
    assert torch.equal(kept.labels, made.labels)


@pytest.mark.slow
def test_a_making_that_was_stopped_goes_on_to_the_same_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "GROUP", 1)
    own = data.load("MNIST", "train")[slice(20)]
    whole = uploads._make(own, 0.5, lambda _done: None, tmp_path / "whole")

    def stop(done: float) -> None:
        if done > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        uploads._make(own, 0.5, stop, tmp_path / "cut")
    kept = sorted(path.name for path in (tmp_path / "cut").iterdir())
    assert kept == ["0.npz", "1.npz"]
    before = [(tmp_path / "cut" / name).stat().st_mtime_ns for name in kept]
    rest = uploads._make(own, 0.5, lambda _done: None, tmp_path / "cut")
    assert [(tmp_path / "cut" / name).stat().st_mtime_ns for name in kept] == before, "what was made is not made again"
    assert torch.equal(rest.pictures, whole.pictures)
    assert torch.equal(rest.labels, whole.labels)


def test_what_is_kept_is_named_for_the_code_that_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    name = uploads.kept_at(1.0)
    assert name == uploads.kept_at(1.0)
    assert name != uploads.kept_at(0.5)
    monkeypatch.setattr(uploads.fonts, "find_fonts", tuple)
    assert name != uploads.kept_at(1.0)
