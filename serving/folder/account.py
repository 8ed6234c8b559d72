"""How many items were found, and what became of each."""

from collections import Counter

from serving.outcome import STATUSES


class Account:
    """Every item that is found has exactly one row; who closes it is told if that is not so."""

    def __init__(self, found: int = 0, counts: Counter[str] | None = None) -> None:
        self.found = found
        self.counts = Counter(counts or ())

    def __getitem__(self, status: str) -> int:
        return self.counts[status]

    def close(self) -> None:
        """The run is over. Raises AssertionError where a row is missing, or one too many."""
        assert self.found == sum(self.counts[status] for status in STATUSES) == self.counts.total()

    def __str__(self) -> str:
        """The accounting line."""
        self.close()
        return f"{self.found:,} found = " + " + ".join(f"{self.counts[status]:,} {status}" for status in STATUSES)
