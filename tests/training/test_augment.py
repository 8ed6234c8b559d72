from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from training import augment, data, device

CHANGE = Callable[[Tensor, Generator], Tensor]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    device.prepare_cpu(threads=1)


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    return data.load("MNIST", "train").pictures[:400]


def seeded(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def centres(pictures: Tensor) -> Tensor:
    """(N, 2): the centres of mass, in pixels."""
    mass, place = pictures.float(), torch.arange(28.0)
    return torch.stack([(mass.sum(2) * place).sum(1), (mass.sum(1) * place).sum(1)], 1) / mass.sum((1, 2))[:, None]


@pytest.mark.parametrize("change", [augment.deform, augment.wear, augment.lay])
def test_a_seed_gives_the_same_pictures_again_and_another_seed_others(change: CHANGE, pictures: Tensor) -> None:
    first, second, other = (change(pictures, seeded(number)) for number in (0, 0, 1))
    assert first.shape == pictures.shape
    assert first.dtype == torch.uint8
    assert torch.equal(first, second)
    assert (first != other).any((1, 2)).float().mean() > 0.95, "two copies without any fault are the same"


def test_a_deformed_digit_stays_where_it_was_and_keeps_its_ink(pictures: Tensor) -> None:
    deformed = augment.deform(pictures, seeded())
    assert (centres(deformed) - centres(pictures)).abs().mean() < 1
    strength = deformed.float().mean((1, 2)) / pictures.float().mean((1, 2))
    assert strength.median() == pytest.approx(1, abs=0.15)
    assert strength.std() > 0.1, "pens differ"
    assert (deformed[:, 0] == 0).float().mean() > 0.95, "paper stays paper"


def test_a_heavier_pen_gives_more_ink_and_a_lighter_less(pictures: Tensor) -> None:
    ink = pictures[:, None].float() / 255
    ink_of = [augment._with_pen(ink, torch.tensor(weight)).mean() for weight in (-0.6, 0.0, 0.6)]  # noqa: SLF001
    assert ink_of[0] < 0.8 * ink_of[1]
    assert ink_of[1] == ink.mean()
    assert ink_of[2] > 1.2 * ink_of[1]


def test_most_worn_copies_are_still_like_their_digit_and_all_faults_occur(pictures: Tensor) -> None:
    worn = augment.wear(pictures, seeded()).float()
    pairs = torch.stack([worn.flatten(1), pictures.float().flatten(1)], 1)
    alike = [torch.corrcoef(pair)[0, 1] for pair in pairs]
    assert torch.stack(alike).median() > 0.7
    assert (worn.flatten(1).quantile(0.3, dim=1) > 40).float().mean() > 0.05, "tinted paper"
    assert (worn.amax((1, 2)) < 200).float().mean() > 0.05, "pale ink"
    assert ((centres(worn) - centres(pictures)).norm(dim=1) > 1.5).float().mean() > 0.05, "moved or covered"


def test_a_block_is_upright_and_lies_on_some_pictures(pictures: Tensor) -> None:
    blocks = augment.Chance(seeded(), len(pictures), pictures.device).blocks().squeeze(1)
    assert blocks.any((1, 2)).float().mean() == pytest.approx(augment.OFTEN, abs=0.1)
    for block in blocks[blocks.any((1, 2))]:
        assert block.sum() == block.any(0).sum() * block.any(1).sum()


def test_a_garment_is_turned_to_the_other_side_half_of_the_time_and_stays_where_it_is() -> None:
    clothes = data.load("FashionMNIST", "train").pictures[:400]
    laid = augment.lay(clothes, seeded())
    pairs = [torch.stack([laid.flatten(1), one.flatten(1)], 1).float() for one in (clothes, clothes.flip(-1))]
    as_it_was, turned = (torch.stack([torch.corrcoef(pair)[0, 1] for pair in some]) for some in pairs)
    assert (turned > as_it_was).float().mean() == pytest.approx(0.5, abs=0.1)
    assert torch.maximum(as_it_was, turned).median() > 0.7
    assert (centres(laid) - centres(clothes)).abs().mean() < 2
