"""What is wrong of spoiled pictures and of doubtful labels, each model's file beside the others."""

import statistics
from typing import Any

from serving.card import Card
from training import measured, robustness
from training.corruptions import ANGLES, CORRUPTIONS
from training.label_errors import DOUBTED
from training.table.markdown import NOT_MEASURED, table

MARK = " †"
SPOILED = ("model", robustness.CLEAN, *CORRUPTIONS)
DOUBTED_COLUMNS = ("model", "test", "without them", "wrong of them")
ROBUSTNESS = """Wrong answers in percent of the {total:,} test pictures, corrupted in the fifteen ways of MNIST-C (Mu and
Gilmer 2019) by generators of our own; of each model's file, once it was finished, and for no choice. † marks a kind that the
model's own training pictures were varied by; none was trained on what these generators make. A 95 % Wilson interval reaches
at most 1.0 points to either side."""
DOUBTFUL = """The test accuracy of each file, and without the {count} test pictures whose label fewer than three of five
people agreed with (Northcutt et al. 2021; `training/label_errors.py` has their numbers)."""


def spoiled_and_doubtful(wrong: dict[str, Any], cards: list[Card]) -> str:
    """What is wrong of spoiled pictures and of doubtful labels, each model's file beside the others."""
    models = {card.name: one for card in cards if (one := measured.of_file(card, wrong))}
    missing = [card.name for card in cards if card.name not in models]
    total, turned = wrong["pictures"], [robustness.spoiled_name(angle) for angle in ANGLES]
    versions = ", ".join(f"{name} {version}" for name, version in wrong["versions"].items())
    parts = [
        f"## Corrupted and turned pictures\n\n{ROBUSTNESS.format(total=total)} {versions} (`digits-train robustness`).",
        "By the network alone, which is shown the corrupted 28x28 as it is (the paper's figure):",
        table((*SPOILED, "mean of the fifteen"), 1, _spoiled(models, "network", total)),
        "After the reading, which is given a file of it and may place the digit anew or find none; that counts as wrong:",
        table((*SPOILED, "mean of the fifteen"), 1, _spoiled(models, "reading", total)),
        "Turned by so many degrees, anticlockwise where positive; by the network alone:",
        table(
            ("model", *map(str, ANGLES)),
            1,
            [
                [
                    f"`{name}`" + (MARK if "rotate" in one["augmented"] else ""),
                    *(_share(one["network"][angle], total) for angle in turned),
                ]
                for name, one in models.items()
            ],
        ),
        f"## Doubtful labels\n\n{DOUBTFUL.format(count=len(DOUBTED))}",
        table(DOUBTED_COLUMNS, 1, [_doubted(name, one, total) for name, one in models.items()]),
    ]
    if missing:
        parts.append(f"{NOT_MEASURED}: {', '.join(missing)}.")
    return "\n\n".join(parts)


def _spoiled(models: dict[str, Any], how: str, total: int) -> list[list[str]]:
    """A row for each model, the best mean first; a mark where it was trained on pictures of that kind."""
    means = {name: statistics.fmean(one[how][kind] for kind in CORRUPTIONS) for name, one in models.items()}
    return [
        [
            f"`{name}`",
            _share(models[name][how][robustness.CLEAN], total),
            *(
                _share(models[name][how][kind], total) + (MARK if kind in models[name]["augmented"] else "")
                for kind in CORRUPTIONS
            ),
            _share(means[name], total),
        ]
        for name in sorted(means, key=lambda name: means[name])
    ]


def _share(count: float, total: int) -> str:
    return f"{count / total * 100:.1f}"


def _doubted(name: str, one: dict[str, Any], total: int) -> list[str]:
    wrong, left = one["network"][robustness.CLEAN], total - len(DOUBTED)
    without = wrong - one["doubted"]
    return [f"`{name}`", f"{1 - wrong / total:.2%}", f"{1 - without / left:.2%}", str(one["doubted"])]
