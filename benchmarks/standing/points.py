"""Every model of a folder and every published figure as one kind of point, and which of them no other beats."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.standing.references import REFERENCES
from serving.card import Card, read_card
from training import measured, speed

Axis = Literal["flops", "parameters", "images_per_second"]
AXES: tuple[Axis, ...] = ("flops", "parameters", "images_per_second")
MORE_IS_BETTER: frozenset[Axis] = frozenset({"images_per_second"})


@dataclass(frozen=True)
class Point:
    """A network, and how right it is. What is not known of it is None."""

    name: str
    dataset: str
    maker: Literal["labs", "ours", "others"]
    accuracy: float
    """On the test split, a mean where there are several runs, 0 to 1."""
    sd: float | None
    how: str
    """What the accuracy is."""
    parameters: int | None
    flops: int | None
    """2 x multiply-adds of a picture."""
    images_per_second: int | None
    """Of the exported file, 64 at once, on one core."""
    source: str = ""
    is_chosen: bool = False
    """Whether it is the best of several, chosen by the test split itself."""

    @property
    def told(self) -> str:
        """The accuracy: as exactly as it was published, our own to a picture."""
        return f"{self.accuracy * 100:.3f}".rstrip("0") + "%" if self.maker == "others" else f"{self.accuracy:.2%}"

    @property
    def error(self) -> float:
        """The share that is wrong, 0 to 1."""
        return 1 - self.accuracy


def points(models: Path) -> list[Point]:
    """All of a folder of models, with the speeds that stand there, and the references. Raises serving.card.CardInvalid."""
    speeds = measured.read(models / speed.FILE)
    cards = [read_card(card) for card in sorted(models.glob("*/card.json"))]
    return [*(_ours(card, speeds) for card in cards), *_others()]


def _ours(card: Card, speeds: dict[str, Any]) -> Point:
    """One model; a speed of another file than its card's is none."""
    fast, runs = measured.of_file(card, speeds), len(card.test["seeds"])
    return Point(
        name=card.name,
        dataset=card.dataset["name"],
        maker="ours" if card.lab == "none" else "labs",
        accuracy=card.test["mean"],
        sd=card.test["sd"],
        how=f"mean of {runs} seeds" if runs > 1 else "one seed",
        parameters=card.parameters,
        flops=card.flops,
        images_per_second=fast["images_per_second"] if fast else None,
    )


def _others() -> Iterator[Point]:
    for one in REFERENCES:
        yield Point(
            one.name, one.dataset, "others", one.accuracy, one.sd, one.how, one.parameters, one.flops, None, one.source,
            one.is_chosen,
        )  # fmt: skip


def front(candidates: Iterable[Point], axis: Axis) -> list[Point]:
    """Those that none is both cheaper than and at least as right as, the cheapest first.

    What lacks the value is not among them, nor what the test split itself has chosen.
    """
    fair = [point for point in candidates if getattr(point, axis) is not None and not point.is_chosen]
    known = [(getattr(point, axis), point) for point in fair]
    known.sort(key=lambda pair: (-pair[0] if axis in MORE_IS_BETTER else pair[0], -pair[1].accuracy))
    best: list[Point] = []
    for _, point in known:
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best
