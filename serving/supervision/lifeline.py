"""What the supervisor and a worker agree on.

Between them is a pair of sockets. The worker says over it once that it is ready, or why it cannot be. After that both are
silent, and a worker that finds it closed knows that the supervisor has died: the kernel closes it, however that happened.
"""

import json
import socket
from contextlib import suppress
from typing import NamedTuple

DRAIN_S = 0.5
"""Before the end connections are still let in and answered for so long, each closed after its answer."""
LAST_LOOK_S = 0.1
"""Before that time is over the kernel lets in nobody new, so that the queue of the socket is empty when it is closed."""
NEWCOMERS_S = 0.5
"""Then connections that have not asked for anything yet are waited for at most so long."""
GRACE_S = 60
"""Answers that take longer than this are given up."""


class Word(NamedTuple):
    """What a worker says of its start."""

    ready: dict[str, object] | None = None
    """What it is ready for."""
    refused: str = ""
    """Why it cannot be: an operator's mistake."""


def say(lifeline: socket.socket, word: Word) -> None:
    """The one thing that a worker says."""
    with suppress(OSError):  # the supervisor is gone, which is found out elsewhere
        lifeline.sendall(json.dumps(word).encode())


def hear(lifeline: socket.socket) -> Word:
    """What a worker has said; nothing where it ended, or has not said it yet."""
    try:
        said = lifeline.recv(65536)
    except OSError:
        said = b""
    return Word(*json.loads(said)) if said else Word()
