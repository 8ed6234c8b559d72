"""How many connections each worker of a service holds, in memory that all of them share, and what follows from it.

The workers accept from one socket, and the kernel gives what arrives to whichever wakes first: two clients of two workers
mostly share one, and the clients of a worker that died stay with the other when it is back. So a worker that holds two more
than another, and noticeably more, closes a connection after its next answer, until it does not: the client comes back and
may meet the other. Of thousands a few more are nothing, and closing them costs: clients that come back wait in a queue that
runs over when many come, and are then waited for by whole seconds.
"""

import mmap
from pathlib import Path

ABSENT = 2**32 - 1
"""Where a worker does not accept: it is starting, ending or dead."""
UNEVEN, NOTICEABLE = 2, 16
"""Connections more than another worker, and as a part of one's own, one in so many."""


class Board:
    """One number per worker, in a file of the run folder. Each worker writes its own; the supervisor strikes the dead."""

    def __init__(self, folder: Path, workers: int) -> None:
        """Opens the file, or makes it with every worker absent."""
        self._workers = workers
        path = folder / "connections"
        if not path.exists():
            path.write_bytes(ABSENT.to_bytes(4) * workers)
        with path.open("r+b") as file:
            self._counts = memoryview(mmap.mmap(file.fileno(), 0)).cast("I")

    def write(self, index: int, count: int) -> None:
        """Set a worker's number."""
        self._counts[index] = count

    def least_of_others(self, index: int) -> int:
        """The smallest number of another worker, ABSENT where no other accepts."""
        return min((self._counts[other] for other in range(self._workers) if other != index), default=ABSENT)


class Share:
    """The connections that one worker holds, told to the others."""

    def __init__(self, board: Board, index: int) -> None:
        self._board, self._index = board, index
        self._held = 0
        self._open = False

    def open(self) -> None:
        """This worker accepts."""
        self._open = True
        self._tell()

    def close(self) -> None:
        """Nobody stays any more."""
        self._open = False
        self._board.write(self._index, ABSENT)

    def come(self) -> None:
        """A connection is held."""
        self._held += 1
        self._tell()

    def leave(self) -> None:
        """A connection is gone, or will be after its answer."""
        self._held -= 1
        self._tell()

    def is_too_large(self) -> bool:
        """Whether a connection that is about to be answered is closed then."""
        more = self._held - self._board.least_of_others(self._index)
        return not self._open or more >= max(UNEVEN, self._held // NOTICEABLE)

    def _tell(self) -> None:
        if self._open:
            self._board.write(self._index, self._held)
