import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(data.root() / "MNIST" / "raw", tmp_path / "MNIST" / "raw", copy_function=shutil.copy)
    return tmp_path


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_both_data_sets_are_the_published_ones(name: data.DatasetName) -> None:
    for split, count in (("train", 60_000), ("test", 10_000)):
        images = data.load(name, split)
        assert images.pictures.shape == (count, 28, 28)
        assert images.pictures.dtype == torch.uint8
        assert images.labels.bincount().shape == (10,)


def one_bit_off(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("file", ["t10k-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
@pytest.mark.parametrize(
    "spoil", [one_bit_off, lambda content: content[: len(content) // 2], lambda _content: b"", lambda _content: b"garbage"]
)
def test_a_file_that_is_not_the_published_one_is_named(file: str, spoil: Callable[[bytes], bytes], copied: Path) -> None:
    path = copied / "MNIST" / "raw" / file
    path.chmod(0o644)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(data.DataFault, match=f"{file} is not the published file"):
        data.load("MNIST", "test", copied)
    assert len(data.load("MNIST", "train", copied)) == 60_000


def test_a_data_set_that_can_be_had_nowhere_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(_self: object) -> None:
        raise RuntimeError("Error downloading")

    monkeypatch.setattr("torchvision.datasets.MNIST.download", no_network)
    with pytest.raises(data.DataFault, match=f"MNIST could not be read from or downloaded into {tmp_path}"):
        data.load("MNIST", "test", tmp_path)


def test_the_pictures_written_are_the_pictures(test_split: data.Images, tmp_path: Path) -> None:
    written = list(data.write_pngs(test_split[slice(50)], tmp_path))
    assert written[0] == tmp_path / "7" / "00000.png"
    for path, picture in zip(written, test_split.pictures[:50].numpy(), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)
