"""What a worker counts of its work."""

from collections.abc import Sequence

from serving.outcome import Outcome


class Meter:
    """Counts nothing."""

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered, so many seconds after it came. route: its pattern, of a closed list."""

    def read(self, files: int, seconds: float) -> None:
        """Files of one request were read, in so many seconds altogether."""

    def batch(self, model: str, pictures: int, waited: float, ran: float) -> None:
        """A batch was run: how long its oldest picture had waited, and how long the model took, in seconds."""

    def answered(self, model: str, outcomes: Sequence[Outcome]) -> None:
        """These are the answers of one request."""
