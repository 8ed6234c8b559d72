"""What a lesson gives: what it says, and what it draws."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Lesson:
    """A demonstration that has been worked through."""

    title: str
    told: list[str]
    figures: dict[str, Figure] = field(default_factory=dict)
    """By the last part of their file's name."""

    def draw(self, folder: Path, name: str) -> Iterator[Path]:
        """Write the figures as FOLDER/<name>-<figure>.png, yielding each path."""
        folder.mkdir(parents=True, exist_ok=True)
        for key, figure in self.figures.items():
            path = folder / f"{name}-{key}.png"
            figure.savefig(path, dpi=120)
            yield path
