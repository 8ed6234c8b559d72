import pytest
import torch

from training import data


def images(count: int = 60_000) -> data.Images:
    labels = torch.arange(count)
    return data.Images(torch.zeros(count, 28, 28, dtype=torch.uint8), labels)


def test_a_seed_draws_its_training_images_from_the_first_55_000_only() -> None:
    drawn = data.training_part(images(), 48_000, seed=3).labels
    assert len(drawn.unique()) == 48_000
    assert int(drawn.max()) < 55_000


def test_two_seeds_draw_different_images_and_one_seed_the_same() -> None:
    first, again, other = (data.training_part(images(), 1_000, seed).labels for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_validation_is_the_last_5_000_images() -> None:
    assert data.validation_part(images()).labels.tolist() == list(range(55_000, 60_000))


def test_more_images_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 55000 images, not 55001"):
        data.training_part(images(), 55_001, seed=0)
