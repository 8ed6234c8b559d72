"""What the command holds of each file's name: ever larger folders of tiny files, each name a hard link to one of few."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

COUNTS = (10_000, 100_000, 1_000_000)
LINKS = 50_000
"""To one file; ext4 allows 65,000."""


def growing(kinds: Path, counts: Sequence[int] = COUNTS) -> Iterator[tuple[Path, int]]:
    """One folder with ever more files, so many of them in turn; removed at the end. kinds: a folder of different PNGs."""
    originals = sorted(kinds.rglob("*.png"))
    with tempfile.TemporaryDirectory(prefix="million-", dir=kinds.parent) as name:
        made = 0
        for count in counts:
            for index in range(made, count):
                os.link(originals[index // LINKS], Path(name, f"scan_{index:09}.png"))
            made = count
            yield Path(name), count
