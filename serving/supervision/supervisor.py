"""The process that listens, and keeps forked workers alive, which accept. It touches no request itself.

The workers are forked, not started anew: what the supervisor has imported is there at once, and in memory once for all of
them. It has no thread of its own, and they load their models themselves.
"""

import gc
import heapq
import itertools
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from serving.run_folder import WORKER_COUNT, WORKER_INDEX
from serving.supervision.board import ABSENT, Board
from serving.supervision.forking import Forked, fork, heard_signals
from serving.supervision.lifeline import DRAIN_S, GRACE_S, LAST_LOOK_S, Word, hear
from serving.supervision.listening import let_nobody_in

START_S = 120
"""A worker that is not ready by then is killed, which counts as a failed start."""
TRIES = 3
"""Starts of one worker that may fail in a row before the service gives up."""

log = logging.getLogger("digits")


class WorkerFailed(Exception):
    """Workers cannot be started, or ended badly; the message says why, the code is to be the service's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code if code > 0 else 1


@dataclass(frozen=True)
class Plan:
    """What is to be kept alive."""

    workers: int
    work: Callable[[socket.socket, socket.socket], None]
    """What a worker does until it is told to end, given the listening socket and its end of the lifeline."""
    on_ready: Callable[[dict[str, object]], None]
    """Called once, when all accept, with what the first of them says of itself."""
    notice_s: float
    """How long workers go on after they are told to end, before the end begins."""


def supervise(listener: socket.socket, folder: Path, plan: Plan) -> None:
    """Keep the workers alive until SIGTERM or Ctrl-C, then let them finish. Raises WorkerFailed."""
    _Supervisor(listener, folder, plan).run()


class _Supervisor:
    def __init__(self, listener: socket.socket, folder: Path, plan: Plan) -> None:
        self._listener, self._plan = listener, plan
        self._board = Board(folder, plan.workers)
        self._selector = selectors.PollSelector()  # which has no descriptor that workers would share
        self._signals: tuple[socket.socket, ...] = ()
        self._running: dict[int, Forked] = {}
        self._words: dict[int, Word] = {}
        self._failed_starts = dict.fromkeys(range(plan.workers), 0)
        self._ready_once: set[int] = set()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._ending = False
        self._failure: WorkerFailed | None = None

    def run(self) -> None:
        gc.collect()
        gc.freeze()  # or every collection in a worker would write to the pages that it shares
        with heard_signals() as self._signals:
            self._selector.register(self._signals[0], selectors.EVENT_READ, self._hear_signals)
            for index in range(self._plan.workers):
                self._start(index)
            while self._running:
                for key, _ in self._selector.select(self._until_next()):
                    key.data()
                while self._due and self._due[0][0] <= time.monotonic():
                    heapq.heappop(self._due)[2]()
        if self._failure:
            raise self._failure

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), act))

    def _until_next(self) -> float | None:
        return max(0, self._due[0][0] - time.monotonic()) if self._due else None

    def _start(self, index: int) -> None:
        def work(lifeline: socket.socket) -> None:
            os.environ |= {WORKER_INDEX: str(index), WORKER_COUNT: str(self._plan.workers)}
            self._plan.work(self._listener, lifeline)

        worker = fork(work, [*self._signals, *(other.lifeline for other in self._running.values())])
        self._running[index] = worker
        self._selector.register(worker.lifeline, selectors.EVENT_READ, partial(self._hear_worker, index, worker))
        self._after(START_S, partial(self._check_start, index, worker))

    def _check_start(self, index: int, worker: Forked) -> None:
        if self._running.get(index) is worker and index not in self._words:
            log.error("Worker %d (process %d) is not ready after %d seconds.", index, worker.pid, START_S)
            os.kill(worker.pid, signal.SIGKILL)

    def _hear_worker(self, index: int, worker: Forked) -> None:
        """It speaks once; that it has ended is heard by SIGCHLD, perhaps in the same round and before this."""
        if self._running.get(index) is not worker or index in self._words:
            return
        self._selector.unregister(worker.lifeline)
        word = self._words[index] = hear(worker.lifeline)
        if word.ready is None:
            return
        self._failed_starts[index] = 0
        if len(self._ready_once) < self._plan.workers:
            self._ready_once.add(index)
            if len(self._ready_once) == self._plan.workers:
                self._plan.on_ready(word.ready)

    def _hear_signals(self) -> None:
        heard = b""
        with suppress(BlockingIOError):
            heard = self._signals[0].recv(4096)
        for number in heard:
            if number == signal.SIGINT and self._ending:  # a second Ctrl-C does not want to wait
                self._fail(WorkerFailed("Stopped before all was answered.", 130))
                self._signal_all(signal.SIGKILL)
            elif number in {signal.SIGTERM, signal.SIGINT}:
                self._end()
        self._reap()

    def _signal_all(self, number: int) -> None:
        for worker in self._running.values():
            os.kill(worker.pid, number)  # it is there, or a zombie until it is reaped

    def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        self._signal_all(signal.SIGTERM)
        drain_s = self._plan.notice_s + DRAIN_S
        self._after(drain_s - LAST_LOOK_S, self._let_nobody_in)
        self._after(drain_s + GRACE_S, self._give_up)

    def _let_nobody_in(self) -> None:
        let_nobody_in(self._listener)
        self._listener.close()  # first, so that who closes it last still accepts

    def _give_up(self) -> None:
        self._fail(WorkerFailed(f"Not all was answered after {GRACE_S} seconds.", 1))
        self._signal_all(signal.SIGKILL)

    def _fail(self, failure: WorkerFailed) -> None:
        self._failure = self._failure or failure
        self._end()

    def _reap(self) -> None:
        for index, worker in list(self._running.items()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._has_ended(index, os.waitstatus_to_exitcode(status))

    def _has_ended(self, index: int, code: int) -> None:
        worker = self._running[index]
        self._hear_worker(index, worker)
        del self._running[index]
        word = self._words.pop(index)
        worker.lifeline.close()
        self._board.write(index, ABSENT)
        if word.ready is None:
            self._judge_start(index, code, word.refused)
        elif not self._ending:
            log.error("Worker %d (process %d) %s. Another one starts.", index, worker.pid, _ended(code))
        elif code not in {0, -signal.SIGTERM}:
            self._fail(WorkerFailed(f"Worker {index} {_ended(code)} before all was answered.", 1))
        if not self._ending:
            self._start(index)

    def _judge_start(self, index: int, code: int, refused: str) -> None:
        """A start that fails by itself fails again, where none has succeeded yet; what was killed may have had bad luck."""
        if self._ending:
            return
        self._failed_starts[index] += 1
        message = refused or f"Worker {index} {_ended(code)} before it was ready."
        if self._failed_starts[index] == TRIES or (code > 0 and not self._ready_once):
            self._fail(WorkerFailed(message, code))
        else:
            log.error("%s Another one starts.", message)


def _ended(code: int) -> str:
    """An exit code in words."""
    return f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
