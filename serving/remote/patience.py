"""Asking again, where a service is busy or out of reach for a while."""

import time
from collections.abc import Callable
from typing import TypeVar

from serving.remote.faults import Later, ServiceFault

PATIENCE_S = 120.0
"""How long the same is asked again."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 8.0
"""Between two tries, where the service names no time; doubled each time."""
LOOKS_S = 0.1
"""How often who waits looks whether it is to stop."""

Answer = TypeVar("Answer")


class Abandoned(Exception):
    """It is not asked again, as it is to stop."""


def patiently(
    ask: Callable[[], Answer], patience_s: float = PATIENCE_S, should_stop: Callable[[], bool] = lambda: False
) -> Answer:
    """What is answered in the end. Raises ServiceFault, of Later only after all patience; Abandoned."""
    until, pause = time.monotonic() + patience_s, FIRST_PAUSE_S
    while True:
        try:
            return ask()
        except Later as later:
            wait = pause if later.after_s is None else later.after_s
            if time.monotonic() + wait > until:
                raise ServiceFault(f"{later}; tried for {patience_s:g} s") from later
        _wait(wait, should_stop)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def _wait(seconds: float, should_stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if should_stop():
            raise Abandoned
        time.sleep(min(left, LOOKS_S))
