"""Forking a worker, and hearing of signals, so that neither process gets what is the other's."""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Forked(NamedTuple):
    """A worker as its supervisor knows it."""

    pid: int
    lifeline: socket.socket


@contextmanager
def heard_signals() -> Iterator[tuple[socket.socket, socket.socket]]:
    """SIGNALS as bytes from the first of two sockets, each byte a number; the second is the kernel's end of them."""
    ours, wakener = socket.socketpair()
    ours.settimeout(0)
    wakener.settimeout(0)
    before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    descriptor = signal.set_wakeup_fd(wakener.fileno(), warn_on_full_buffer=False)
    try:
        yield ours, wakener
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        ours.close()
        wakener.close()


def fork(work: Callable[[socket.socket], None], not_its: Iterable[socket.socket]) -> Forked:
    """Start a process that does the work, given its end of a lifeline, and ends. not_its: sockets that it must not hold.

    It leads a session of its own: Ctrl-C in a terminal is for the supervisor, which ends the workers in order.
    """
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # until the new process has its own way with them
    try:
        pid = os.fork()
        if pid == 0:
            for one in (ours, *not_its):
                one.close()
            _be_a_worker(work, theirs)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    theirs.close()
    ours.settimeout(0)
    return Forked(pid, ours)


def _be_a_worker(work: Callable[[socket.socket], None], lifeline: socket.socket) -> NoReturn:
    """Whatever happens, nothing of what the supervisor would do at its end is done here."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        work(lifeline)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  there is nobody above
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
